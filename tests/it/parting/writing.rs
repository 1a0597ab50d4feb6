//! Nothing is written behind a block that was answered, by neither of the two, wherever they are.

use super::*;

on_both_stores!(
    right_after_a_block_nothing_is_written_anywhere_and_right_after_its_end_everything,
    right_after_a_block_there_is_no_first_message_anywhere,
    what_was_sent_before_a_block_is_given_again,
    a_block_from_both_sides_holds_everywhere_until_both_are_taken_back,
);

/// What one of two people may write.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Send,
    SendById,
    Reply,
    Edit,
    React,
    Unreact,
}

const DEEDS: [Deed; 6] = [
    Deed::Send,
    Deed::SendById,
    Deed::Reply,
    Deed::Edit,
    Deed::React,
    Deed::Unreact,
];

impl Deed {
    /// Does it; `own` and `other` are messages of the two.
    async fn by(self, who: &Client, peer: &Client, own: &Value, other: &Value) -> Answer {
        let (own_id, other_id) = (text(&own["id"]), text(&other["id"]));
        match self {
            Self::Send => says(who, peer, "more").await,
            Self::SendById => {
                let to = json!({ "conversationId": own["conversation"]["id"] });
                who.sends(json!({ "to": to, "body": "more" })).await
            }
            Self::Reply => {
                let reply = json!({ "to": with(peer), "body": "more", "replyToId": other_id });
                who.sends(reply).await
            }
            Self::Edit => who.edit(&own_id, "changed").await,
            Self::React => who.react(&other_id, "👍").await,
            Self::Unreact => who.unreact(&other_id, "👍").await,
        }
    }
}

async fn right_after_a_block_nothing_is_written_anywhere_and_right_after_its_end_everything(
    kind: StoreKind,
) {
    let servers = Servers::start(kind).await;
    for number in 0..PAIRS {
        let [ann, bob] = servers.pair(number).await;
        let anns = says(&ann.there, &bob.there, "ann's").await.done();
        let bobs = says(&bob.there, &ann.there, "bob's").await.done();
        let mut sides = [
            (&bob.there, &ann.there, &bobs, &anns),
            (&ann.there, &bob.there, &anns, &bobs),
        ];
        // Each deed of each side is the first to try it now and then.
        let mut deeds = DEEDS;
        deeds.rotate_left(number % DEEDS.len());
        sides.rotate_left(number / DEEDS.len() % 2);
        ann.here.block(&bob.here).await;
        for (who, peer, own, other) in sides {
            for deed in deeds {
                let answer = deed.by(who, peer, own, other).await;
                assert_eq!(answer.code(), Some("FORBIDDEN"), "{deed:?} {number}");
            }
        }
        assert_eq!(bodies(&bob.there, &ann.there).await, ["ann's", "bob's"]);
        ann.there.delete(&text(&anns["id"])).await.done();

        unblock(&ann.here, &bob.here).await;
        let (who, peer, own, other) = (&bob.there, &ann.there, &bobs, &bobs);
        for deed in deeds {
            deed.by(who, peer, own, other).await.done();
        }
        says(&ann.there, &bob.there, "back").await.done();
        let all = ["", "changed", "more", "more", "more", "back"];
        assert_eq!(bodies(&ann.here, &bob.here).await, all);
    }
    servers.stop().await;
}

async fn right_after_a_block_there_is_no_first_message_anywhere(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    for number in 0..PAIRS {
        let [ann, bob] = servers.pair(number).await;
        look(&ann.there, &bob.there).await;
        look(&bob.there, &ann.there).await;
        let mut sides = [(&bob.there, &ann.there), (&ann.there, &bob.there)];
        sides.rotate_left(number % 2);
        ann.here.block(&bob.here).await;
        for (who, peer) in sides {
            says(who, peer, "first").await.refused("FORBIDDEN");
        }
        for (viewer, other) in [(&ann.here, &bob.here), (&bob.there, &ann.there)] {
            let document = "query($id: ID!) {
                conversations { nodes { id } } user(id: $id) { directConversation { id } }
            }";
            let nothing = json!({
                "conversations": { "nodes": [] }, "user": { "directConversation": null },
            });
            let shown = viewer.ok(document, json!({ "id": other.id })).await;
            assert_eq!(shown, nothing);
        }
        unblock(&ann.here, &bob.here).await;
        let first = says(sides[0].0, sides[0].1, "first").await.done();
        assert_eq!(first["seq"], 1);
        for viewer in [&ann.here, &ann.there, &bob.here, &bob.there] {
            let listed = viewer.listed().await;
            assert_eq!(listed.len(), 1);
            assert_eq!(listed[0]["lastMessage"]["id"], first["id"]);
            let is_mine = viewer.id == sides[0].0.id;
            assert_eq!(listed[0]["unreadCount"], u8::from(!is_mine));
        }
    }
    servers.stop().await;
}

async fn what_was_sent_before_a_block_is_given_again(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    for number in 0..4 {
        let [ann, bob] = servers.pair(number).await;
        // Of every other pair it is the first.
        if number % 2 == 0 {
            says(&ann.here, &bob.here, "hello").await.done();
        }
        let said = named(&ann.here, "said", "mine");
        let first = bob.there.sends(said.clone()).await.done();
        ann.here.block(&bob.here).await;
        for bob in [&bob.there, &bob.here] {
            assert_eq!(bob.sends(said.clone()).await.done(), first);
            let other = named(&ann.here, "other", "mine");
            bob.sends(other).await.refused("CONFLICT");
            let new = named(&ann.here, "said", "new");
            bob.sends(new).await.refused("FORBIDDEN");
        }
    }
    servers.stop().await;
}

async fn a_block_from_both_sides_holds_everywhere_until_both_are_taken_back(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    for number in 0..10 {
        let [ann, bob] = servers.pair(number).await;
        let (ann, bob) = (&ann, &bob);
        look(&bob.there, &ann.there).await;
        if number % 2 == 0 {
            says(&bob.there, &ann.there, "hello").await.done();
        }
        let is_open = async |open: bool| {
            let code = if open { None } else { Some("FORBIDDEN") };
            for (from, to) in [(&bob.there, &ann.there), (&ann.here, &bob.here)] {
                assert_eq!(says(from, to, "hello").await.code(), code, "{number}");
            }
        };
        tokio::join!(ann.here.block(&bob.here), bob.there.block(&ann.there));
        is_open(false).await;
        unblock(&ann.there, &bob.there).await;
        is_open(false).await;
        unblock(&bob.here, &ann.here).await;
        is_open(true).await;
    }
    servers.stop().await;
}
