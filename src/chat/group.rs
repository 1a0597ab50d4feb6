//! Groups: who makes them, who is in them.

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::{
    Chat,
    proposal::Proposed,
    standing::{check_size, groups_only, owners_only},
};
use crate::{
    domain::{Conversation, ConversationId, ConversationKind, GroupTitle, Timestamp, User, UserId},
    error::{Error, Result},
};

/// A group that someone wants to make, checked as far as it can be without looking.
pub struct NewGroup {
    pub title: GroupTitle,
    /// In the order in which they join; repeated ones and the viewer count once. What looks like no id is the id of
    /// nobody.
    pub users: Vec<Option<UserId>>,
}

impl Chat {
    /// Makes a group of the viewer, who is its owner, and others.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody with an account; bad input for none or too many others; limits; the store's.
    pub async fn create_group(
        &self,
        viewer: UserId,
        new: NewGroup,
        deadline: Instant,
    ) -> Result<Arc<Conversation>> {
        self.throttle(viewer)?;
        let mut others = self.people("input.userIds", &new.users).await?;
        others.retain(|user| *user != viewer);
        if others.is_empty() {
            let rule = "A group begins with at least one other member.";
            return Err(Error::bad_input("input.userIds", rule));
        }
        check_size("input.userIds", others.len() + 1, &self.0.limits)?;
        let at = Timestamp::now();
        let group = Conversation::group(viewer, &others, &new.title, at);
        self.0.store.create_group(&group).await?;
        let group = Arc::new(group);
        let by = self.active(viewer).await?;
        let made = self.propose(by, group, at, Proposed::Make, deadline);
        let made = made.await?.conversation;
        self.without_deleted(viewer, made, &others, deadline).await
    }

    /// Gives a group of the viewer's another title.
    ///
    /// # Errors
    /// Those of [`Chat::add_members`].
    pub async fn rename_group(
        &self,
        viewer: UserId,
        id: Option<ConversationId>,
        title: GroupTitle,
        deadline: Instant,
    ) -> Result<Arc<Conversation>> {
        let group = self.group(viewer, id).await?;
        let (by, rename) = (self.active(viewer).await?, Proposed::Rename(title));
        self.change_group(by, group, rename, deadline).await
    }

    /// Adds people to a group of the viewer's; those who are in it stay what they are.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a conversation that the viewer is no member of, and for nobody with an account; bad input
    /// for a conversation of two people, and for too many members; [`Error::Forbidden`] for who is not the owner; limits;
    /// the store's.
    pub async fn add_members(
        &self,
        viewer: UserId,
        id: Option<ConversationId>,
        users: &[Option<UserId>],
        deadline: Instant,
    ) -> Result<Arc<Conversation>> {
        let group = self.group(viewer, id).await?;
        owners_only(&group, viewer)?;
        let users = self.people("userIds", users).await?;
        let (by, add) = (self.active(viewer).await?, Proposed::Add(users.clone()));
        let group = self.change_group(by, group, add, deadline).await?;
        self.without_deleted(viewer, group, &users, deadline).await
    }

    /// Removes a member of a group; everyone may remove itself, its owner all others. Gives nothing to who has left.
    ///
    /// # Errors
    /// Those of [`Chat::add_members`].
    pub async fn remove_member(
        &self,
        viewer: UserId,
        id: Option<ConversationId>,
        user: Option<UserId>,
        deadline: Instant,
    ) -> Result<Option<Arc<Conversation>>> {
        let group = self.group(viewer, id).await?;
        let Some(user) = user else {
            owners_only(&group, viewer)?;
            return Err(Error::no_user("userId"));
        };
        let (by, remove) = (self.active(viewer).await?, Proposed::Remove(user));
        let left = self.change_group(by, group, remove, deadline).await?;
        self.stops_typing(&left, user).await?;
        Ok(left.has_member(viewer).then_some(left))
    }

    /// Takes a deleted account out of all groups.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn leave_all_groups(&self, user: UserId, deadline: Instant) -> Result<()> {
        let Some(by) = self.0.directory.user(user).await? else {
            return Ok(());
        };
        // What is written in meanwhile moves up in the list, so that a page may lack it.
        while self.leave_groups(&by, deadline).await? {}
        // Who adds it just now, and dies before the look afterwards, leaves that to a later walk.
        let settles = self.0.limits.deletion_settles;
        let is_settled = |at| Timestamp::now().since(at) >= settles;
        if by.deleted_at.is_some_and(is_settled) {
            self.0.store.has_left(user).await?;
        }
        Ok(())
    }

    /// Takes someone out of the groups that a walk through the list finds; whether there was one.
    async fn leave_groups(&self, by: &Arc<User>, deadline: Instant) -> Result<bool> {
        const PAGE: usize = 200;
        /// So many are left at once, as writes travel together.
        const AT_ONCE: usize = 50;
        let (mut after, mut found) = (None, false);
        loop {
            let page = self.conversations(by.id, after, PAGE).await?;
            let Some((last, activity)) = page.last() else {
                return Ok(found);
            };
            after = Some((activity.rank, last.id));
            let groups = page.into_iter().map(|(conversation, _)| conversation);
            let groups = groups.filter(|of| of.kind == ConversationKind::Group);
            let mut leaving = stream::iter(groups)
                .map(|group| self.leave_group(by, group, deadline))
                .buffer_unordered(AT_ONCE);
            while let Some(left) = leaving.next().await {
                left?;
                found = true;
            }
        }
    }

    async fn leave_group(
        &self,
        by: &Arc<User>,
        group: Arc<Conversation>,
        deadline: Instant,
    ) -> Result<()> {
        let leave = Proposed::Remove(by.id);
        match self.change_group(by.clone(), group, leave, deadline).await {
            Ok(left) => self.stops_typing(&left, by.id).await,
            // Someone else was first.
            Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes those out of all groups whose deletion was cut short, and those who were added in the moment of it.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn let_leave(&self) -> Result<()> {
        for user in self.0.store.leaving().await? {
            let deadline = Instant::now() + self.0.limits.operation;
            self.leave_all_groups(user, deadline).await?;
        }
        Ok(())
    }

    /// Takes those of `joined` out of a group again whose accounts were deleted while they came in. Whoever deletes one
    /// after this look finds the group among those to leave.
    async fn without_deleted(
        &self,
        viewer: UserId,
        group: Arc<Conversation>,
        joined: &[UserId],
        deadline: Instant,
    ) -> Result<Arc<Conversation>> {
        let mut users = self.0.store.users(joined).await?;
        users.retain(User::is_deleted);
        if users.is_empty() {
            return Ok(group);
        }
        for user in users {
            self.leave_all_groups(user.id, deadline).await?;
        }
        let left = self.conversation(viewer, group.id).await?;
        left.ok_or_else(|| Error::no_conversation("conversationId"))
    }

    async fn change_group(
        &self,
        by: Arc<User>,
        group: Arc<Conversation>,
        what: Proposed,
        deadline: Instant,
    ) -> Result<Arc<Conversation>> {
        let at = Timestamp::now();
        let changed = self.propose(by, group, at, what, deadline).await?;
        Ok(changed.conversation)
    }

    /// A group that the viewer is a member of and may change as often as one may send.
    async fn group(&self, viewer: UserId, id: Option<ConversationId>) -> Result<Arc<Conversation>> {
        self.throttle(viewer)?;
        let found = match id {
            Some(id) => self.conversation(viewer, id).await?,
            None => None,
        };
        let found = found.ok_or_else(|| Error::no_conversation("conversationId"))?;
        groups_only(&found)?;
        Ok(found)
    }

    fn throttle(&self, viewer: UserId) -> Result<()> {
        let throttles = self.0.throttles.as_ref();
        throttles.map_or(Ok(()), |throttles| throttles.send(viewer))
    }

    /// Those of `ids`, each once, who all have accounts; `field` is the argument's path.
    async fn people(&self, field: &str, ids: &[Option<UserId>]) -> Result<Vec<UserId>> {
        let mut people = Vec::new();
        for id in ids {
            let id = id.ok_or_else(|| Error::no_user(field))?;
            if !people.contains(&id) {
                people.push(id);
            }
        }
        check_size(field, people.len(), &self.0.limits)?;
        let found = self.0.directory.users(&people).await?;
        let is_there = |id: &UserId| found.get(id).is_some_and(|user| !user.is_deleted());
        if people.iter().all(is_there) {
            return Ok(people);
        }
        Err(Error::no_user(field))
    }
}
