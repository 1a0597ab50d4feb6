//! What the program tells of itself.

use serde_json::json;

use super::Home;
use crate::support::{
    TestApp,
    app::Place,
    eventually, json as at, mongod,
    store::{StoreKind, mongo_is_there},
};

#[tokio::test]
async fn metrics_hold_root_fields_and_outcomes_and_nothing_of_a_clients() {
    let home = Home::new(StoreKind::Embedded).await;
    let serving = home.launch().serves().await;
    let nobody = serving.anonymous();
    let ann = nobody.clone().sign_up("ann").await;
    nobody.run("{ clientsField }", json!({})).await;
    nobody
        .run(
            "query ClientsName { clientsAlias: onlineUsers { id } }",
            json!({}),
        )
        .await;
    nobody.run("mutation { clientsMutation }", json!({})).await;
    ann.ok("{ clientsAlias: me { id } }", json!({})).await;
    let page = |name: &'static str, value: &'static str| {
        let request = nobody
            .raw(reqwest::Method::GET, &serving.url("/metrics"))
            .header(name, value);
        async move {
            let response = request.send().await.expect("an answer");
            (
                response.status().as_u16(),
                response.headers()["content-type"]
                    .to_str()
                    .expect("text")
                    .to_owned(),
                response.text().await.expect("text"),
            )
        }
    };
    let (status, media_type, text) = page("accept", "*/*").await;
    assert_eq!(status, 200);
    assert!(
        media_type.starts_with("application/openmetrics-text"),
        "{media_type}"
    );
    assert!(text.ends_with("# EOF\n"));
    for sample in [
        "chinwag_operation_duration_seconds_count{field=\"signup\",outcome=\"ok\"} 1\n",
        "chinwag_operation_duration_seconds_count{field=\"onlineUsers\",outcome=\"UNAUTHENTICATED\"} 1\n",
        "chinwag_operation_duration_seconds_count{field=\"me\",outcome=\"ok\"} 1\n",
        "chinwag_operation_duration_seconds_count{field=\"other\",outcome=\"GRAPHQL_VALIDATION_FAILED\"} 2\n",
        "chinwag_sockets 0\n",
    ] {
        assert!(text.contains(sample), "{sample}: {text}");
    }
    assert!(
        !text.contains("clients") && !text.contains("Clients"),
        "{text}"
    );
    for relayed in ["x-forwarded-for", "forwarded", "via"] {
        assert_eq!(
            page(relayed, "127.0.0.1").await.0,
            403,
            "{relayed}: it may be from anywhere"
        );
    }
    let open = Home::new(StoreKind::Embedded).await;
    let open = open.launch().env("PUBLIC_METRICS", "on").serves().await;
    let request = nobody
        .raw(reqwest::Method::GET, &open.url("/metrics"))
        .header("x-forwarded-for", "1.2.3.4");
    assert_eq!(request.send().await.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_does_not_answer_is_not_ready() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::own().await.expect("a mongod");
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), |config| {
        config.store_limits.operation = std::time::Duration::from_secs(1);
    })
    .await;
    let ann = app.user("ann").await;
    let bob = app.user("bob").await;
    let mut socket = app.socket(&bob).await;
    socket
        .subscribe(
            "1",
            "subscription { newMessage { message { body } } }",
            json!({}),
        )
        .await;
    socket.settle().await;
    let status = async |path: &str| {
        let answer = ann
            .raw(reqwest::Method::GET, &app.url(path))
            .send()
            .await
            .expect("an answer");
        answer.status().as_u16()
    };
    assert_eq!(
        (status("/healthz").await, status("/readyz").await),
        (200, 200)
    );
    mongod.stop();
    eventually("it is not ready", async || status("/readyz").await == 503).await;
    assert_eq!(status("/healthz").await, 200);
    let reply = ann
        .run("{ sidebarUsers { nodes { id } } }", json!({}))
        .await;
    assert_eq!(
        at(&reply, "errors.0.extensions.code"),
        "SERVICE_UNAVAILABLE",
        "{reply}"
    );
    let text = reply.to_string().to_lowercase();
    assert!(
        !text.contains("mongo") && !text.contains("127.0.0.1"),
        "{text}"
    );
    mongod.cont();
    eventually("it is ready again", async || status("/readyz").await == 200).await;
    ann.send(&bob, "still here?").await;
    assert_eq!(
        socket.event("1").await["newMessage"]["message"]["body"],
        "still here?"
    );
    app.stop().await;
}
