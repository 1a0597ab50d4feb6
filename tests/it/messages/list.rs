//! The list of conversations: what the sender asks next includes what was sent.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

on_both_stores!(
    what_one_asks_after_sending_includes_the_message,
    what_one_sent_oneself_is_never_unread,
    messages_by_others_are_unread_until_they_are_read_or_answered,
    paging_through_conversations_meets_each_once,
    arguments_that_make_no_page_of_conversations_are_refused_by_name,
    a_conversation_shows_from_its_first_message_on,
);

const LIST: &str = "query($first: Int! = 50, $after: String) {
    conversations(first: $first, after: $after) {
        nodes { id lastActivityAt unreadCount lastMessage { id seq sentAt } }
        edges { cursor node { id } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
    }
}";

async fn several(app: &TestApp, count: usize) -> Vec<Client> {
    join_all((0..count).map(|number| async move { app.user(&format!("peer{number}")).await })).await
}

async fn what_one_asks_after_sending_includes_the_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let peers = several(&app, 4).await;
    let mut random = StdRng::seed_from_u64(5);
    let mutation = "mutation($input: SendMessageInput!) {
        sendMessage(input: $input) { id seq sentAt conversation { id lastActivityAt unreadCount lastMessage { id } } }
    }";
    for number in 0..60 {
        let peer = &peers[random.random_range(0..4)];
        let mine = random.random_bool(0.7);
        let (sender, receiver) = if mine { (&ann, peer) } else { (peer, &ann) };
        let input = json!({ "to": with(receiver), "body": format!("message {number}") });
        let sent = sender.ok(mutation, json!({ "input": input })).await["sendMessage"].clone();
        let conversation = &sent["conversation"];
        assert_eq!(conversation["lastMessage"]["id"], sent["id"]);
        assert_eq!(conversation["lastActivityAt"], sent["sentAt"]);
        assert_eq!(conversation["unreadCount"], 0, "sending reads");

        let list = sender.ok(LIST, json!({})).await["conversations"].clone();
        let nodes = list["nodes"].as_array().expect("a list");
        let key = |node: &Value| (node["lastActivityAt"].to_string(), node["id"].to_string());
        assert!(nodes.is_sorted_by(|a, b| key(a) > key(b)), "{list}");
        let latest = nodes
            .iter()
            .find(|node| node["id"] == conversation["id"])
            .expect("it is listed");
        // Others may have been written to in the same millisecond.
        assert_eq!(latest["lastActivityAt"], nodes[0]["lastActivityAt"]);
        let newest = json!({ "id": sent["id"], "seq": sent["seq"], "sentAt": sent["sentAt"] });
        assert_eq!(latest["lastMessage"], newest);
        assert_eq!(latest["lastActivityAt"], sent["sentAt"]);
        assert_eq!(latest["unreadCount"], 0);

        let page = sender.page(&with(receiver), json!({ "last": 1 })).await;
        assert_eq!(page["nodes"][0]["id"], sent["id"]);
        let marks = "query($id: ID!) {
            conversation(id: $id) { members { user { id } lastRead { id } } }
            user(id: $id) { id }
        }";
        let marks = sender.ok(marks, json!({ "id": conversation["id"] })).await;
        let members = marks["conversation"]["members"].as_array().expect("a list");
        let own = members
            .iter()
            .find(|member| member["user"]["id"] == sender.id.as_str());
        assert_eq!(own.expect("a member")["lastRead"]["id"], sent["id"]);
    }
    app.stop().await;
}

async fn what_one_sent_oneself_is_never_unread(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let id = ann.send(&bob, "first").await["conversation"]["id"].clone();
    let over = AtomicBool::new(false);
    let writing = join_all((0..4).map(async |_| {
        while !over.load(Ordering::Relaxed) {
            ann.send(&bob, "more").await;
        }
    }));
    let reading = async {
        let document = "query($id: ID!) {
            conversation(id: $id) { unreadCount } conversations { nodes { unreadCount } }
        }";
        for _ in 0..60 {
            let reply = ann.ok(document, json!({ "id": id })).await;
            let expected = json!({
                "conversation": { "unreadCount": 0 }, "conversations": { "nodes": [{ "unreadCount": 0 }] },
            });
            assert_eq!(reply, expected);
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, reading);
    app.stop().await;
}

async fn unread(viewer: &Client) -> Value {
    let document = "{ conversations { nodes { unreadCount } } }";
    viewer.ok(document, json!({})).await["conversations"]["nodes"][0]["unreadCount"].clone()
}

async fn messages_by_others_are_unread_until_they_are_read_or_answered(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let mut sent = Vec::new();
    for count in 1..=5 {
        sent.push(ann.send(&bob, "hello").await["id"].clone());
        assert_eq!(unread(&bob).await, count);
        assert_eq!(unread(&ann).await, 0);
    }
    let read = "mutation($id: ID!) { markRead(messageId: $id) { unreadCount } }";
    for (message, left) in [(2, 2), (0, 2), (2, 2), (3, 1)] {
        let reply = bob.ok(read, json!({ "id": sent[message] })).await;
        assert_eq!(
            reply["markRead"]["unreadCount"], left,
            "marks only move forward"
        );
        assert_eq!(unread(&bob).await, left);
    }
    bob.send(&ann, "hello to you").await;
    assert_eq!(
        (unread(&bob).await, unread(&ann).await),
        (json!(0), json!(1))
    );
    app.stop().await;
}

async fn paging_through_conversations_meets_each_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, peers) = tokio::join!(app.user("ann"), several(&app, 23));
    join_all(peers.iter().map(|peer| ann.send(peer, "hello"))).await;
    // Nobody else's are among them.
    peers[0].send(&peers[1], "beside it").await;
    let whole = ann.ok(LIST, json!({})).await["conversations"].clone();
    let ids = |page: &Value| {
        let nodes = page["nodes"].as_array().expect("a list");
        nodes
            .iter()
            .map(|node| node["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&whole).len(), 23);
    assert_eq!(whole["pageInfo"]["hasPreviousPage"], false);
    assert_eq!(whole["pageInfo"]["hasNextPage"], false);
    for size in [1, 7, 22, 23] {
        let (mut met, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "first": size, "after": after });
            let page = ann.ok(LIST, variables).await["conversations"].clone();
            met.extend(ids(&page));
            let info = &page["pageInfo"];
            let edges = page["edges"].as_array().expect("a list");
            assert_eq!(info["startCursor"], edges[0]["cursor"]);
            assert_eq!(info["endCursor"], edges[edges.len() - 1]["cursor"]);
            assert_eq!(info["hasPreviousPage"], !after.is_null());
            assert_eq!(info["hasNextPage"], met.len() < 23);
            if info["hasNextPage"] == false {
                break;
            }
            assert_eq!(edges.len(), size);
            after = info["endCursor"].clone();
        }
        assert_eq!(met, ids(&whole), "pages of {size}");
    }
    let end = json!({ "after": whole["pageInfo"]["endCursor"] });
    assert_eq!(ann.ok(LIST, end).await["conversations"]["nodes"], json!([]));
    app.stop().await;
}

async fn arguments_that_make_no_page_of_conversations_are_refused_by_name(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    ann.send(&bob, "hello").await;
    let message = ann.page(&with(&bob), json!({})).await["pageInfo"]["endCursor"].clone();
    for (field, arguments) in [
        ("first", json!({ "first": 0 })),
        ("first", json!({ "first": -1 })),
        ("first", json!({ "first": 101 })),
        ("after", json!({ "after": "" })),
        ("after", json!({ "after": "x" })),
        ("after", json!({ "after": message })),
        ("after", json!({ "after": "A".repeat(10_000) })),
    ] {
        let error = ann.fails("BAD_USER_INPUT", LIST, arguments).await;
        assert_eq!(error["extensions"]["field"], field);
    }
    app.stop().await;
}

async fn a_conversation_shows_from_its_first_message_on(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let document = "query($id: ID!) {
        conversations { nodes { id } }
        user(id: $id) { directConversation { id } }
        sidebarUsers { nodes { id directConversation { id } } }
    }";
    // A reply to nothing, a conflict and looking do not begin one.
    let input = json!({ "to": with(&bob), "body": "hi", "replyToId": made_up() });
    ann.fails("NOT_FOUND", SEND, json!({ "input": input }))
        .await;
    let named =
        |to: &Client| json!({ "input": { "to": with(to), "body": "hi", "clientMessageId": "1" } });
    ann.ok(SEND, named(&eve)).await;
    ann.fails("CONFLICT", SEND, named(&bob)).await;
    ann.page(&with(&bob), json!({})).await;
    let reply = bob.ok(document, json!({ "id": ann.id })).await;
    assert_eq!(reply["conversations"]["nodes"], json!([]));
    assert_eq!(reply["user"]["directConversation"], Value::Null);

    let id = bob.send(&ann, "hello").await["conversation"]["id"].clone();
    for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
        let reply = viewer.ok(document, json!({ "id": peer.id })).await;
        assert_eq!(reply["conversations"]["nodes"][0]["id"], id);
        assert_eq!(reply["user"]["directConversation"]["id"], id);
        let users = reply["sidebarUsers"]["nodes"].as_array().expect("a list");
        let other = users.iter().find(|user| user["id"] == peer.id.as_str());
        assert_eq!(other.expect("is there")["directConversation"]["id"], id);
    }
    let reply = eve.ok(document, json!({ "id": bob.id })).await;
    assert_eq!(reply["user"]["directConversation"], Value::Null);
    app.stop().await;
}
