//! A viewer's conversations in the order of their activity, with what is not followed yet laid over.

use mongodb::bson::{Bson, RawDocument, doc, raw::RawBsonRef};

use super::{
    Inner,
    conversation::{self, among},
    document::{self, Fields, user_id},
};
use crate::{
    domain::{Conversation, ConversationActivity, ConversationId, Rank, UserId},
    error::Result,
};

/// How many documents one query asks for.
const ASKED: usize = 5_000;

type Listed = (Conversation, ConversationActivity);

fn decode(found: &RawDocument) -> Result<Listed> {
    Ok((
        conversation::decode(found)?,
        conversation::decode_activity(found)?,
    ))
}

/// Where it stands in lists.
fn place((conversation, activity): &Listed) -> (Rank, ConversationId) {
    (activity.rank, conversation.id)
}

impl Inner {
    /// A page of the list. What has news is taken out of where its document stands, and put where the news has it.
    pub(super) async fn list(
        &self,
        viewer: UserId,
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<Listed>> {
        let moved = self.overlay.moved();
        let own = self.own_of(viewer, &moved).await?;
        let news = self.overlay.news_of(&own);
        // Also where its document has the viewer as a member and the news has not.
        let remade = self.overlay.remade();
        let elsewhere = own.iter().chain(remade.keys()).map(|id| id.0);
        let mut filter = doc! {
            "members.user": document::id(viewer.0),
            "lastRank": { "$lte": after.map_or(Rank::MAX, |(rank, _)| rank) },
        };
        let elsewhere: Vec<Bson> = elsewhere.map(document::id).collect();
        if !elsewhere.is_empty() {
            filter.insert("_id", doc! { "$nin": elsewhere });
        }
        if let Some((rank, id)) = after {
            let earlier = doc! { "lastRank": { "$lt": rank } };
            filter.insert(
                "$or",
                vec![earlier, doc! { "_id": { "$lt": document::id(id.0) } }],
            );
        }
        let find = self
            .collections
            .conversations
            .find(filter)
            .sort(doc! { "lastRank": -1, "_id": -1 })
            .hint(conversation::MEMBER_RANK)
            .limit(super::limit(limit));
        let mut listed = self.all(find, decode).await?;
        for own in own.chunks(ASKED) {
            let find = self.collections.conversations.find(among(own));
            for (mut conversation, mut activity) in self.all(find, decode).await? {
                if let Some(news) = news.get(&conversation.id) {
                    news.amend(&mut conversation);
                    news.amend_activity(conversation.kind, &mut activity);
                }
                let moved = (conversation, activity);
                let is_visible = moved.1.rank > 0 && moved.0.has_member(viewer);
                if is_visible && after.is_none_or(|after| place(&moved) < after) {
                    listed.push(moved);
                }
            }
        }
        listed.sort_unstable_by_key(|listed| std::cmp::Reverse(place(listed)));
        listed.truncate(limit);
        Ok(listed)
    }

    /// Those of conversations of which the viewer is a member.
    pub(super) async fn own_of(
        &self,
        viewer: UserId,
        ids: &[ConversationId],
    ) -> Result<Vec<ConversationId>> {
        let (mut own, unknown) = self.overlay.sort_by_membership(viewer, ids);
        for ids in unknown.chunks(ASKED) {
            let news = self.overlay.news_of(ids);
            let fields = doc! { "changed": 1, "members.user": 1 };
            let find = self
                .collections
                .conversations
                .find(among(ids))
                .projection(fields);
            let found = self
                .all(find, |found| {
                    let members = found.array("members")?.into_iter();
                    let users = members.map(|member| {
                        let member = member.ok().and_then(RawBsonRef::as_document);
                        user_id(member.ok_or_else(|| document::unreadable("member"))?)
                    });
                    let id = ConversationId(found.id("_id")?);
                    let users = users.collect::<Result<Vec<UserId>>>()?;
                    Ok((id, found.number_or_zero("changed")?, users))
                })
                .await?;
            for (id, mut since, mut users) in found {
                let remade = news.get(&id).and_then(|news| news.remade.as_ref());
                if let Some(remade) = remade.filter(|remade| remade.step > since) {
                    since = remade.step;
                    users = remade
                        .state
                        .members
                        .iter()
                        .map(|member| member.user_id)
                        .collect();
                }
                if users.contains(&viewer) {
                    own.push(id);
                }
                self.overlay.remember_members(id, since, users.into_iter());
            }
        }
        Ok(own)
    }
}
