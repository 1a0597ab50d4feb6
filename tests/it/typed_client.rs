//! A Rust client whose types are made from `schema.graphql` when it is compiled: what it asks for fits the schema,
//! and what the server answers fits the types.

use graphql_client::{GraphQLQuery, Response};
use reqwest::Method;
use serde_json::json;

use crate::{
    on_both_stores,
    support::{Client, TestApp, store::StoreKind},
};

/// An instant as the server writes it.
type DateTime = String;

macro_rules! operations {
    ($($name:ident),+) => {
        $(
            #[derive(GraphQLQuery)]
            #[graphql(
                schema_path = "schema.graphql",
                query_path = "tests/it/typed_client.graphql",
                response_derives = "Clone, Debug, PartialEq"
            )]
            struct $name;
        )+
    };
}

operations!(SignUp, Send, Screen, Hear);

on_both_stores!(a_typed_rust_client_talks);

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

    let mut socket = app.socket(&bob).await;
    let hear = Hear::build_query(hear::Variables { after: None });
    socket
        .send(json!({ "id": "1", "type": "subscribe", "payload": hear }))
        .await;
    socket.settle().await;

    let to = || send::ConversationRef::UserId(bob.id.clone());
    let sent = ok::<Send>(&app, &ann, message(to(), "hello"))
        .await
        .send_message;
    assert_eq!((sent.seq, sent.body.as_str()), (1, "hello"));
    assert_eq!(sent.client_message_id.as_deref(), Some("first"));
    let event: hear::ResponseData =
        serde_json::from_value(socket.event("1").await).expect("it fits the types");
    assert_eq!(event.new_message.message.id, sent.id);
    assert_eq!(event.new_message.message.client_message_id, None);

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
