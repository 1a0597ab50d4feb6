//! When the store opens, and what it says when it does not.

use chinwag::store::Upkeep;
use mongodb::bson::{Document, doc};

use super::*;
use crate::support::mongod::{self, fresh_database};

#[tokio::test]
async fn an_address_where_nothing_listens_is_named_without_the_password() {
    let line = refusal("mongodb://ann:s3cret@127.0.0.1:1/chat").await;
    assert_eq!(
        line,
        "MongoDB at 127.0.0.1:1 cannot be reached: the connection was refused."
    );
    let line = refusal("mongodb+srv://ann:s3cret@no-such-host.invalid/chat").await;
    assert_eq!(
        line,
        "MongoDB at no-such-host.invalid cannot be reached: the name does not resolve."
    );
    let line = refusal("mongodb://ann:s3cret@127.0.0.1:1,no-such-host.invalid/chat").await;
    assert_eq!(
        line,
        "MongoDB at 127.0.0.1:1,no-such-host.invalid:27017 cannot be reached: 127.0.0.1:1: the connection was \
         refused; no-such-host.invalid:27017: the name does not resolve."
    );
    let line = refusal("mongodb://ann:s3cret@pass@127.0.0.1:1:2/chat").await;
    assert!(
        line.contains("MONGODB_URI") && !line.contains("s3cret"),
        "{line}"
    );
}

#[tokio::test]
async fn a_frozen_server_is_refused_at_the_start() {
    let server = server_or_skip!(mongod::own());
    server.stop();
    let line = refusal(&server.uri_for("chat")).await;
    let at = format!("MongoDB at {} cannot be reached: ", server.address());
    assert!(
        line.starts_with(&at) && line.contains("nothing answered"),
        "{line}"
    );
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    open(&uri).await.close().await;
    let meta = database(&uri).await.collection::<Document>("meta");
    for version in [4, 1_000] {
        let newer = doc! { "$set": { "version": version } };
        meta.update_one(doc! { "_id": "schema" }, newer)
            .await
            .expect("set");
        let line = refusal(&uri).await;
        assert!(line.contains(&format!("version {version}")), "{line}");
    }
}

#[tokio::test]
async fn older_data_is_left_alone_while_an_older_server_runs_on_it() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    open(&uri).await.close().await;
    let db = database(&uri).await;
    let older = doc! { "$set": { "version": 2_i64 } };
    let (meta, processes) = (
        db.collection::<Document>("meta"),
        db.collection::<Document>("processes"),
    );
    let set = meta.update_one(doc! { "_id": "schema" }, older);
    set.await.expect("set");
    let running = doc! { "_id": "one", "aliveAt": mongodb::bson::DateTime::now() };
    processes.insert_one(running).await.expect("inserted");
    let line = refusal(&uri).await;
    assert!(line.contains("older version runs"), "{line}");
    processes.delete_many(doc! {}).await.expect("deleted");
    open(&uri).await.close().await;
}

#[tokio::test]
async fn an_index_that_cannot_be_made_is_a_reason_not_to_serve() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let users = database(&uri).await.collection::<Document>("users");
    let twins = [doc! { "usernameKey": "ann" }, doc! { "usernameKey": "ann" }];
    users.insert_many(twins).await.expect("inserted");
    let line = refusal(&uri).await;
    assert!(line.contains("usernameKey"), "{line}");
}

#[tokio::test]
async fn a_user_without_the_rights_or_with_a_wrong_password_is_refused() {
    let server = server_or_skip!(mongod::standalone(&["--auth"]));
    let create = |name: &str, role: &str, db: &str| {
        doc! { "createUser": name, "pwd": "s3cret", "roles": [{ "role": role, "db": db }] }
    };
    let uri = |user: &str| {
        format!(
            "mongodb://{user}@{}/chat?authSource=admin",
            server.address()
        )
    };
    let admin = Client::with_uri_str(server.uri_for(""))
        .await
        .expect("a client")
        .database("admin");
    admin
        .run_command(create("root", "root", "admin"))
        .await
        .expect("the first user");
    let admin = Client::with_uri_str(uri("root:s3cret"))
        .await
        .expect("a client")
        .database("admin");
    admin
        .run_command(create("reader", "read", "chat"))
        .await
        .expect("a user");
    admin
        .run_command(create("writer", "readWrite", "chat"))
        .await
        .expect("a user");

    let address = server.address();
    let line = refusal(&uri("reader:s3cret")).await;
    let rights = "does not let this user read, write and create indexes in the database.";
    assert_eq!(line, format!("MongoDB at {address} {rights}"));
    let line = refusal(&uri("writer:wr0ng")).await;
    assert_eq!(
        line,
        format!("MongoDB at {address} does not accept the user name and password.")
    );
    let line = refusal(&server.uri_for("chat")).await;
    assert_eq!(line, format!("MongoDB at {address} {rights}"));
    let store = open_with(&uri("writer:s3cret"), SHORT)
        .await
        .expect("enough rights");
    assert_eq!(store.ping().await, Ok(()));
    assert_eq!(
        store.place(),
        format!("MongoDB at {address}, database chat"),
        "without the user and the options"
    );
    store.close().await;
}

#[tokio::test]
async fn a_standalone_server_works() {
    let server = server_or_skip!(mongod::standalone(&[]));
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let mut writer = Writer::begin(&store).await;
    let written = writer.send(&conversation, 20).await;
    assert_eq!(entries(&store).await, written);
    let activity = store.activities(&[conversation.id]).await.expect("answers");
    assert_eq!(activity[0].last_seq, 20);
    store.close().await;
}
