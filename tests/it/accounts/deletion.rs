//! Deleting one's account, and what is left of it.

use serde_json::{Value, json};

use super::{CHANGE_PASSWORD, DELETE, LOGIN, SIGNUP, cookie, field, me, passwords, signup};
use crate::{
    on_both_stores,
    support::{Client, TestApp, json as at, store::StoreKind},
};

const LOOK: &str = "query($id: ID!) {
    user(id: $id) { ...Seen }
    node(id: $id) { ...Seen }
}
fragment Seen on User {
    id username displayName avatarUrl online lastSeenAt deletedAt createdAt
}";

on_both_stores!(
    a_deleted_account_shows_that_it_was_and_is_in_no_list,
    all_sessions_end_and_the_name_is_never_given_out_again,
    what_was_written_stays_and_nothing_is_added,
    a_wrong_password_deletes_nothing,
    over_a_socket_the_answer_comes_before_the_close,
    of_many_deletions_one_is_made,
);

/// Deletes someone's account.
async fn delete(client: &Client) {
    let password = json!({ "password": "password1" });
    let deleted = client.ok(DELETE, password).await;
    assert_eq!(deleted, json!({ "deleteAccount": true }));
}

async fn a_deleted_account_shows_that_it_was_and_is_in_no_list(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let picture = "mutation { updateProfile(input: { avatarUrl: \"https://example.org/a.png\" }) {
        createdAt
    } }";
    let created = ann.ok(picture, json!({})).await["updateProfile"]["createdAt"].clone();
    let watch = "subscription { onlineUsersChanged { joined { id } left { id displayName } } }";
    let block = "mutation($id: ID!) { blockUser(userId: $id) { deletedAt } }";
    let (mut anns, mut bobs) = (app.socket(&ann).await, app.socket(&bob).await);
    bobs.subscribe("watch", watch, json!({})).await;
    let before = bobs.event("watch").await["onlineUsersChanged"].clone();
    assert_eq!(before["joined"].as_array().map(Vec::len), Some(2));

    delete(&ann).await;
    let change = bobs.event("watch").await["onlineUsersChanged"].clone();
    let gone = json!([{ "id": ann.id, "displayName": "Deleted account" }]);
    assert_eq!(change, json!({ "joined": [], "left": gone }));
    assert_eq!(anns.closed().await, Some(4403));

    let data = bob.ok(LOOK, json!({ "id": ann.id })).await;
    let deleted_at = &data["user"]["deletedAt"];
    assert!(deleted_at.as_str() > created.as_str(), "{data}");
    let left = json!({
        "id": ann.id, "username": "", "displayName": "Deleted account", "avatarUrl": null,
        "online": false, "lastSeenAt": null, "deletedAt": deleted_at, "createdAt": created,
    });
    assert_eq!(data, json!({ "user": left, "node": left }));

    let lists = "query($search: String) {
        sidebarUsers(search: $search) { nodes { id } } onlineUsers { id } blockedUsers { id }
    }";
    for search in [json!(null), json!("ann"), json!("deleted")] {
        let lists = bob.ok(lists, json!({ "search": search })).await;
        let expected = json!({
            "sidebarUsers": { "nodes": [] }, "onlineUsers": [{ "id": bob.id }], "blockedUsers": [],
        });
        assert_eq!(lists, expected);
    }
    let error = bob.fails("NOT_FOUND", block, json!({ "id": ann.id })).await;
    assert_eq!(field(&error), "userId");
    app.stop().await;
}

async fn all_sessions_end_and_the_name_is_never_given_out_again(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("Ann").await;
    let again = ann.sign_in_again().await;
    let mut socket = app.socket(&again).await;
    let request = ann.request(DELETE, json!({ "password": "password1" }));
    let response = request.send().await.expect("an answer");
    assert_eq!(cookie(&response).as_deref(), Some("chinwag_session="));
    assert_eq!(socket.closed().await, Some(4403));
    for session in [&ann, &again] {
        assert_eq!(me(session).await, Value::Null);
    }
    let nobody = app.anonymous();
    let deleted = nobody.run(LOGIN, signup("Ann", "password1")).await;
    let unknown = nobody.run(LOGIN, signup("nobody", "password1")).await;
    assert_eq!(deleted, unknown);
    for name in ["Ann", "ann"] {
        let error = nobody
            .fails("CONFLICT", SIGNUP, signup(name, "password1"))
            .await;
        assert_eq!(field(&error), "input.username");
    }
    app.stop().await;
}

async fn what_was_written_stays_and_nothing_is_added(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let said = ann.send(&bob, "remember me").await;
    let conversation = said["conversation"]["id"].clone();
    delete(&ann).await;
    let conversations = "query { conversations { nodes {
        id unreadCount
        members { user { displayName } }
        lastMessage { body sender { id displayName deletedAt } }
    } } }";
    let listed = bob.ok(conversations, json!({})).await;
    let listed = at(&listed, "conversations.nodes.0");
    assert_eq!(listed["id"], conversation);
    assert_eq!(listed["unreadCount"], 1);
    let sender = &listed["lastMessage"]["sender"];
    assert_eq!(sender["displayName"], "Deleted account");
    assert!(sender["id"] == ann.id.as_str() && sender["deletedAt"].is_string());
    let by_user = json!({ "userId": ann.id });
    let by_conversation = json!({ "conversationId": conversation });
    for target in [&by_user, &by_conversation] {
        let history = bob.history(target).await;
        assert_eq!(history.len(), 1, "{target}");
    }
    let typing = "mutation($in: ConversationRef!) { setTyping(in: $in) }";
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    for (client, target, argument) in [
        (&bob, &by_user, "userId"),
        (&bob, &by_conversation, "conversationId"),
        (&cleo, &by_user, "userId"),
    ] {
        let input = json!({ "input": { "to": target, "body": "hello?" } });
        let error = client.fails("NOT_FOUND", send, input).await;
        assert_eq!(field(&error), format!("input.to.{argument}"));
        let error = client
            .fails("NOT_FOUND", typing, json!({ "in": target }))
            .await;
        assert_eq!(field(&error), format!("in.{argument}"));
    }
    let history = "query($in: ConversationRef!) { messages(in: $in) { nodes { id } } }";
    cleo.fails("NOT_FOUND", history, json!({ "in": by_user }))
        .await;
    app.stop().await;
}

async fn a_wrong_password_deletes_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    for password in ["password2", "", &"x".repeat(72), "password1\0"] {
        let request = ann.request(DELETE, json!({ "password": password }));
        let response = request.send().await.expect("an answer");
        assert_eq!(cookie(&response), None);
        let reply = response.json::<Value>().await.expect("JSON");
        let error = at(&reply, "errors.0");
        assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{reply}");
        assert_eq!(field(&error), "password");
    }
    assert_eq!(me(&ann).await, "ann");
    app.anonymous()
        .fails(
            "UNAUTHENTICATED",
            DELETE,
            json!({ "password": "password1" }),
        )
        .await;
    app.anonymous().ok(LOGIN, signup("ann", "password1")).await;
    app.stop().await;
}

async fn over_a_socket_the_answer_comes_before_the_close(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let password = json!({ "password": "password1" });
    let answer = socket.ask("1", DELETE, password).await;
    assert_eq!(answer, json!({ "data": { "deleteAccount": true } }));
    assert_eq!(socket.closed().await, Some(4403));
    app.stop().await;
}

async fn of_many_deletions_one_is_made(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let deletions = (0..5).map(|_| ann.run(DELETE, json!({ "password": "password1" })));
    let changes = (0..5).map(|_| ann.run(CHANGE_PASSWORD, passwords("password1", "password2")));
    let (deleted, changed) = tokio::join!(
        futures_util::future::join_all(deletions),
        futures_util::future::join_all(changes)
    );
    let made = |replies: &[Value]| {
        let made = replies.iter().filter(|reply| reply.get("errors").is_none());
        made.count()
    };
    assert_eq!(
        made(&deleted) + made(&changed),
        1,
        "{deleted:?} {changed:?}"
    );
    let nobody = app.anonymous();
    for reply in &changed {
        if let Some(token) = at(reply, "data.changePassword.token").as_str() {
            assert_eq!(me(&nobody.with_token(token)).await, "ann");
        }
    }
    app.stop().await;
}
