//! A Rust client whose types are made from `schema.graphql` when it is compiled: what it asks for fits the schema,
//! and what the server answers fits the types.

use graphql_client::{GraphQLQuery, Response};
use reqwest::Method;
use serde_json::json;

use crate::{
    on_both_stores,
    support::{Client, TestApp, store::StoreKind, ws::Ws},
};

use follow::FollowEventsOn as Happened;

/// An instant as the server writes it.
type DateTime = String;

macro_rules! operations {
    ($path:tt: $($name:ident),+ $(,)?) => {
        $(
            #[derive(GraphQLQuery)]
            #[graphql(
                schema_path = "schema.graphql",
                query_path = $path,
                response_derives = "Clone, Debug, PartialEq"
            )]
            struct $name;
        )+
    };
}

operations!("tests/it/typed_client/talk.graphql": SignUp, Send, Screen);
operations!(
    "tests/it/typed_client/groups.graphql":
        MakeGroup, Rename, Remove, Edit, Delete, React, Read, WhatItIs, Follow,
);

on_both_stores!(
    a_typed_rust_client_talks,
    a_typed_rust_client_follows_what_happens_in_a_group,
);

async fn run<Q: GraphQLQuery>(
    app: &TestApp,
    client: &Client,
    variables: Q::Variables,
) -> Response<Q::ResponseData> {
    let request = client.raw(Method::POST, &app.url("/graphql"));
    let request = match &client.token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let answer = request.json(&Q::build_query(variables)).send().await;
    answer
        .expect("an answer")
        .json()
        .await
        .expect("it fits the types")
}

async fn ok<Q: GraphQLQuery>(
    app: &TestApp,
    client: &Client,
    variables: Q::Variables,
) -> Q::ResponseData {
    let answer = run::<Q>(app, client, variables).await;
    assert!(answer.errors.is_none(), "{:?}", answer.errors);
    answer.data.expect("data")
}

fn message(to: send::ConversationRef, body: &str) -> send::Variables {
    send::Variables {
        input: send::SendMessageInput {
            to,
            body: body.to_owned(),
            client_message_id: Some("first".to_owned()),
            reply_to_id: None,
        },
    }
}

/// What someone is told, held against the types and the chain of cursors.
struct Events {
    socket: Ws,
    cursor: String,
}

impl Events {
    async fn follow(app: &TestApp, who: &Client) -> Self {
        let stands = ok::<WhatItIs>(app, who, what_it_is::Variables).await;
        assert!(stands.server.features.contains(&"events".to_owned()));
        let cursor = stands.stream_cursor;
        let mut socket = app.socket(who).await;
        let follow = Follow::build_query(follow::Variables {
            after: Some(cursor.clone()),
        });
        socket
            .send(json!({ "id": "1", "type": "subscribe", "payload": follow }))
            .await;
        Self { socket, cursor }
    }

    async fn next(&mut self) -> Happened {
        let event = self.socket.event("1").await;
        let event: follow::ResponseData = serde_json::from_value(event).expect("it fits the types");
        assert_eq!(event.events.previous, self.cursor);
        self.cursor = event.events.cursor;
        event.events.on
    }
}

async fn a_typed_rust_client_follows_what_happens_in_a_group(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut bobs = Events::follow(&app, &bob).await;
    let input = make_group::CreateGroupInput {
        title: "Lunch".to_owned(),
        user_ids: vec![bob.id.clone()],
    };
    let group = ok::<MakeGroup>(&app, &ann, make_group::Variables { input }).await;
    let group = group.create_group;
    assert_eq!(group.kind, make_group::ConversationKind::GROUP);
    assert_eq!(group.members[0].role, make_group::MemberRole::OWNER);
    let Happened::ConversationChanged(told) = bobs.next().await else {
        panic!("he is told of the group");
    };
    assert_eq!(told.conversation.title.as_deref(), Some("Lunch"));
    assert_eq!(told.conversation.member_count, 2);

    let to = send::ConversationRef::ConversationId(group.id.clone());
    let said = ok::<Send>(&app, &ann, message(to, "at noon")).await;
    let message_id = said.send_message.id;
    let Happened::NewMessage(told) = bobs.next().await else {
        panic!("he is told of the message");
    };
    assert_eq!(told.message.said.id, message_id);
    assert_eq!(told.message.conversation.id, group.id);

    let edit = edit::Variables {
        message_id: message_id.clone(),
        body: "at one".to_owned(),
    };
    ok::<Edit>(&app, &ann, edit).await;
    let Happened::MessageChanged(told) = bobs.next().await else {
        panic!("he is told of the edit");
    };
    assert_eq!(told.message.body, "at one");
    assert!(told.message.edited_at.is_some());

    let react = react::Variables {
        message_id: message_id.clone(),
        emoji: "👍".to_owned(),
    };
    let reacted = ok::<React>(&app, &ann, react).await.add_reaction;
    assert_eq!(reacted.reactions[0].users[0].username, "ann");
    let Happened::MessageChanged(told) = bobs.next().await else {
        panic!("he is told of the reaction");
    };
    let reaction = &told.message.reactions[0];
    assert_eq!((reaction.emoji.as_str(), reaction.count), ("👍", 1));
    assert!(!reaction.viewer_reacted);

    let read = read::Variables {
        message_id: message_id.clone(),
    };
    ok::<Read>(&app, &bob, read).await;
    let Happened::ConversationRead(told) = bobs.next().await else {
        panic!("his other devices are told what he has read");
    };
    assert_eq!(told.reader.username, "bob");
    assert_eq!(told.last_read.id, message_id);

    let delete = delete::Variables { message_id };
    let deleted = ok::<Delete>(&app, &ann, delete).await.delete_message;
    assert!(deleted.deleted_at.is_some() && deleted.reactions.is_empty());
    let Happened::MessageChanged(told) = bobs.next().await else {
        panic!("he is told of the deletion");
    };
    assert_eq!(told.message.body, "");

    let conversation_id = group.id;
    let rename = rename::Variables {
        conversation_id: conversation_id.clone(),
        title: "Dinner".to_owned(),
    };
    ok::<Rename>(&app, &ann, rename).await;
    let Happened::ConversationChanged(told) = bobs.next().await else {
        panic!("he is told of the name");
    };
    assert_eq!(told.conversation.title.as_deref(), Some("Dinner"));

    let remove = remove::Variables {
        conversation_id: conversation_id.clone(),
        user_id: bob.id.clone(),
    };
    let left = ok::<Remove>(&app, &ann, remove).await.remove_member;
    assert_eq!(left.expect("the group goes on").member_count, 1);
    let Happened::ConversationLeft(told) = bobs.next().await else {
        panic!("he is told that he is out");
    };
    assert_eq!(told.conversation_id, conversation_id);
    app.stop().await;
}

async fn a_typed_rust_client_talks(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let bob = app.user("bob").await;
    let mut ann = app.anonymous();
    let input = sign_up::SignupInput {
        username: "ann".to_owned(),
        password: "password1".to_owned(),
        display_name: Some("Ann".to_owned()),
        avatar_url: None,
    };
    let signed_up = ok::<SignUp>(&app, &ann, sign_up::Variables { input })
        .await
        .signup;
    assert_eq!(signed_up.user.display_name, "Ann");
    assert_eq!(signed_up.user.avatar_url, None);
    ann.token = Some(signed_up.token);

    let mut bobs = Events::follow(&app, &bob).await;

    let to = || send::ConversationRef::UserId(bob.id.clone());
    let sent = ok::<Send>(&app, &ann, message(to(), "hello"))
        .await
        .send_message;
    assert_eq!((sent.seq, sent.body.as_str()), (1, "hello"));
    assert_eq!(sent.client_message_id.as_deref(), Some("first"));
    let Happened::ConversationChanged(_) = bobs.next().await else {
        panic!("a new conversation is told before its first message");
    };
    let Happened::NewMessage(arrived) = bobs.next().await else {
        panic!("it arrives");
    };
    assert_eq!(arrived.message.said.id, sent.id);
    assert_eq!(arrived.message.said.client_message_id, None);

    let screen = screen::Variables {
        in_: screen::ConversationRef::UserId(bob.id.clone()),
        last: Some(10),
    };
    let screen = ok::<Screen>(&app, &ann, screen).await;
    let conversation = &screen.conversations.nodes[0];
    assert_eq!(conversation.kind, screen::ConversationKind::DIRECT);
    assert_eq!(
        conversation.last_message.as_ref(),
        screen.messages.nodes.first()
    );
    assert!(!screen.messages.page_info.has_previous_page);

    let refused = run::<Send>(&app, &ann, message(to(), " ")).await;
    let error = refused
        .errors
        .and_then(|mut errors| errors.pop())
        .expect("an error");
    let extensions = error.extensions.expect("extensions");
    assert_eq!(extensions["code"], "BAD_USER_INPUT");
    assert_eq!(extensions["field"], "input.body");
    app.stop().await;
}
