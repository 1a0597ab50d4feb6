//! From what a server of the data's version before left behind, stopped as it should be.
//!
//! `before/` has that: the embedded store's file as SQL, the collections of MongoDB with their indexes as BSON, and what
//! that server answered to everyone. Whoever raises the data's version puts there what a server of the old one leaves.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD as BASE64};
use chinwag::app::StoreConfig;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use rusqlite::Connection;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{does, launch};
use crate::{
    on_both_stores,
    support::{TestApp, app::Place, store::StoreKind},
};

on_both_stores!(data_of_the_version_before_is_whole_and_shows_the_same);

const FILE: &str = include_str!("before/embedded.sql");
const DATABASE: &str = include_str!("before/mongodb.txt");
const SEEN_ON_FILE: &str = include_str!("before/embedded.json");
const SEEN_ON_DATABASE: &str = include_str!("before/mongodb.json");

async fn data_of_the_version_before_is_whole_and_shows_the_same(kind: StoreKind) {
    let place = Place::fresh(kind).await;
    let seen = match &place.store {
        StoreConfig::Embedded { dir } => {
            fs::create_dir_all(dir).expect("a folder");
            let file = Connection::open(dir.join("chinwag.db")).expect("a file");
            file.execute_batch(FILE).expect("its content");
            SEEN_ON_FILE
        }
        StoreConfig::Mongo { uri } => {
            fill(uri.expose_secret()).await;
            SEEN_ON_DATABASE
        }
    };
    let before: Value = serde_json::from_str(seen).expect("JSON");
    let app = TestApp::at(place, |_| {}).await;
    let anonymous = app.anonymous();
    for seen in before["seen"].as_array().expect("a list") {
        let login = "mutation($input: LoginInput!) { login(input: $input) { token } }";
        let credentials = json!({ "username": seen["username"], "password": before["password"] });
        let signed_in = anonymous.ok(login, json!({ "input": credentials })).await;
        let token = signed_in["login"]["token"].as_str().expect("a token");
        let query = seen["query"].as_str().expect("a query");
        let viewer = anonymous.with_token(token);
        let shows = viewer.ok(query, seen["variables"].clone()).await;
        assert_eq!(shows, seen["data"], "{}", seen["username"]);
    }
    let place = app.stop().await;
    let said = does(launch(&place), &["check"]).await;
    assert!(said.ends_with(": all is well\n"), "{said}");
}

/// Puts collections, indexes (behind `+`) and documents into a database.
async fn fill(uri: &str) {
    let client = mongodb::Client::with_uri_str(uri).await.expect("a client");
    let db = client.default_database().expect("a database");
    let read = |text: &str| {
        let bytes = BASE64.decode(text).expect("base64");
        let raw = RawDocumentBuf::from_bytes(bytes).expect("BSON");
        Document::try_from(raw).expect("a document")
    };
    let mut name = "";
    for line in DATABASE.lines() {
        if let Some(collection) = line.strip_prefix("# ") {
            let (collection, options) = collection.split_once(' ').expect("options");
            name = collection;
            let mut create = doc! { "create": name };
            create.extend(read(options));
            db.run_command(create).await.expect("a collection");
        } else if let Some(index) = line.strip_prefix("+ ") {
            let create = doc! { "createIndexes": name, "indexes": [read(index)] };
            db.run_command(create).await.expect("an index");
        } else {
            let documents = db.collection::<Document>(name);
            documents.insert_one(read(line)).await.expect("a document");
        }
    }
}
