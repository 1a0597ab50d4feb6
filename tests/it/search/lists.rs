//! In which order messages are found, and page by page.

use std::collections::{HashMap, HashSet};

use futures_util::future::join_all;

use super::*;

on_both_stores!(
    what_is_found_comes_newest_first_and_page_by_page,
    paging_meets_everything_once_while_others_write,
);

/// Everything that is found, page by page.
async fn all_pages(client: &Client, text: &str, first: usize) -> Vec<Value> {
    let mut found = Vec::new();
    let mut after = Value::Null;
    loop {
        let variables = json!({ "first": first, "after": after });
        let page = client.search(variables, text).await;
        let info = &page["pageInfo"];
        assert_eq!(info["hasPreviousPage"], !after.is_null());
        let nodes = page["nodes"].as_array().expect("a list");
        let edges = page["edges"].as_array().expect("a list");
        assert!(
            nodes
                .iter()
                .zip(edges)
                .all(|(node, edge)| node["id"] == edge["node"]["id"])
        );
        found.extend(nodes.iter().cloned());
        if info["hasNextPage"] == false {
            return found;
        }
        assert_eq!(nodes.len(), first, "a page that is not the last is full");
        after = info["endCursor"].clone();
    }
}

async fn what_is_found_comes_newest_first_and_page_by_page(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let mut sent = Vec::new();
    for number in 0..23 {
        let (from, to) = [(&ann, &bob), (&bob, &ann), (&eve, &ann)][number % 3];
        let body = if number % 4 == 0 {
            "something else"
        } else {
            "an apple a day"
        };
        let message = from.send(to, body).await;
        if number % 4 != 0 {
            sent.insert(0, message["id"].clone());
        }
    }
    eventually("all are found", async || {
        ann.finds("apple").await.len() == sent.len()
    })
    .await;
    for first in [1, 2, 5, 17, 100] {
        let found = all_pages(&ann, "day apple", first).await;
        let ids: Vec<_> = found.iter().map(|node| node["id"].clone()).collect();
        assert_eq!(ids, sent, "in pages of {first}");
    }
}

async fn paging_meets_everything_once_while_others_write(kind: StoreKind) {
    const BEFORE: usize = 150;
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let say = async |number: usize| {
        let (from, to) = [(&ann, &bob), (&bob, &ann), (&eve, &ann), (&ann, &eve)][number % 4];
        let said = from.send(to, &format!("apple {number}")).await;
        said["id"].as_str().expect("an id").to_owned()
    };
    let before: HashSet<String> = join_all((0..BEFORE).map(&say)).await.into_iter().collect();
    eventually("all are found", async || {
        all_pages(&ann, "apple", 100).await.len() == BEFORE
    })
    .await;
    let writing = async {
        for round in 0..10 {
            join_all((0..12).map(|number| say(BEFORE + round * 12 + number))).await;
        }
    };
    let reading = async {
        for first in [7, 20, 33] {
            let found = all_pages(&ann, "apple", first).await;
            let ids: Vec<&str> = found
                .iter()
                .map(|node| node["id"].as_str().expect("an id"))
                .collect();
            let once: HashSet<&str> = ids.iter().copied().collect();
            assert_eq!(once.len(), ids.len(), "none is repeated");
            assert!(
                before.iter().all(|id| once.contains(id.as_str())),
                "none is skipped"
            );
            let mut last: HashMap<&str, i64> = HashMap::new();
            for page in found.chunks(first) {
                for node in page {
                    let conversation = node["conversation"]["id"].as_str().expect("an id");
                    let seq = node["seq"].as_i64().expect("a number");
                    let above = last.insert(conversation, seq);
                    assert!(above.is_none_or(|above| above > seq), "{above:?} {seq}");
                }
                last.clear();
            }
        }
    };
    tokio::join!(writing, reading);
}
