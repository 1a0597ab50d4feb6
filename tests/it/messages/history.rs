//! Looking back: pages of every shape, also while others write.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

on_both_stores!(
    a_page_of_any_shape_is_what_the_connection_specification_says,
    without_first_and_last_it_is_the_newest_fifty,
    before_the_first_message_the_page_is_empty,
    arguments_that_make_no_page_are_refused_by_name,
    paging_meets_every_message_once_in_both_directions_while_others_write,
);

/// The page of a conversation of `count` messages as the connection specification's algorithm makes it: its seqs,
/// and whether there is a previous and a next one.
fn expected(count: i64, window: &Window) -> (Vec<i64>, bool, bool) {
    let (after, before) = (
        window.after.unwrap_or(0),
        window.before.unwrap_or(count + 1),
    );
    let edges: Vec<_> = (1..=count)
        .filter(|seq| *seq > after && *seq < before)
        .collect();
    let cut = edges.len().saturating_sub(window.size);
    if window.from_end {
        (
            edges[cut..].to_vec(),
            cut > 0 || window.after.is_some(),
            window.before.is_some(),
        )
    } else {
        let shown = edges[..edges.len() - cut].to_vec();
        (
            shown,
            window.after.is_some(),
            cut > 0 || window.before.is_some(),
        )
    }
}

#[derive(Debug)]
struct Window {
    after: Option<i64>,
    before: Option<i64>,
    size: usize,
    from_end: bool,
}

async fn a_page_of_any_shape_is_what_the_connection_specification_says(kind: StoreKind) {
    const COUNT: i64 = 23;
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    for number in 0..COUNT {
        ann.send(&bob, &number.to_string()).await;
        eve.send(&bob, "beside it").await;
    }
    let whole = ann.page(&with(&bob), json!({ "first": 100 })).await;
    let edges = whole["edges"].as_array().expect("a list");
    let cursor = |seq: i64| edges[usize::try_from(seq - 1).expect("from 1")]["cursor"].clone();
    let mut random = StdRng::seed_from_u64(11);
    for _ in 0..150 {
        let mut some = || {
            random
                .random_bool(0.6)
                .then(|| random.random_range(1..=COUNT))
        };
        let (after, before) = (some(), some());
        let window = Window {
            after,
            before,
            size: [1, 2, 5, 22, 23, 24, 100][random.random_range(0..7)],
            from_end: random.random_bool(0.5),
        };
        let size = if window.from_end { "last" } else { "first" };
        let arguments = json!({
            size: window.size, "after": after.map(cursor), "before": before.map(cursor),
        });
        let page = bob.page(&with(&ann), arguments).await;
        let (seqs, has_previous, has_next) = expected(COUNT, &window);
        let edges = seqs
            .iter()
            .map(|seq| json!({ "cursor": cursor(*seq), "node": { "seq": seq } }))
            .collect::<Vec<_>>();
        assert_eq!(page["edges"], json!(edges), "{window:?}");
        let info = json!({
            "hasPreviousPage": has_previous,
            "hasNextPage": has_next,
            "startCursor": seqs.first().map(|seq| cursor(*seq)),
            "endCursor": seqs.last().map(|seq| cursor(*seq)),
        });
        assert_eq!(page["pageInfo"], info, "{window:?}");
    }
    app.stop().await;
}

async fn without_first_and_last_it_is_the_newest_fifty(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    join_all((0..60).map(|number| {
        let (ann, bob) = (&ann, &bob);
        async move { ann.send(bob, &number.to_string()).await }
    }))
    .await;
    let page = bob.page(&with(&ann), json!({})).await;
    let seqs = page["nodes"].as_array().expect("a list").iter();
    assert!(
        seqs.map(|node| node["seq"].as_i64().expect("a number"))
            .eq(11..=60)
    );
    assert_eq!(page["pageInfo"]["hasPreviousPage"], true);
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    let before = json!({ "before": page["pageInfo"]["startCursor"], "first": null, "after": null });
    let page = bob.page(&with(&ann), before).await;
    let seqs = page["nodes"].as_array().expect("a list").iter();
    assert!(
        seqs.map(|node| node["seq"].as_i64().expect("a number"))
            .eq(1..=10)
    );
    let through_the_object = "{ conversations(first: 1) { nodes { messages { nodes { seq } pageInfo { hasPreviousPage } } } } }";
    let list = ann.ok(through_the_object, json!({})).await;
    let messages = &list["conversations"]["nodes"][0]["messages"];
    assert_eq!(messages["nodes"].as_array().map(Vec::len), Some(50));
    assert_eq!(messages["pageInfo"]["hasPreviousPage"], true);
    app.stop().await;
}

async fn before_the_first_message_the_page_is_empty(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let cursor = eve.send(&ann, "elsewhere").await;
    assert_eq!(cursor["seq"], 1);
    let empty = json!({
        "nodes": [], "edges": [],
        "pageInfo": {
            "hasPreviousPage": false, "hasNextPage": false, "startCursor": null, "endCursor": null,
        },
    });
    let elsewhere = eve.page(&with(&ann), json!({})).await["pageInfo"]["endCursor"].clone();
    for arguments in [
        json!({}),
        json!({ "first": 1 }),
        json!({ "last": 100 }),
        json!({ "last": 1, "before": elsewhere }),
        json!({ "first": 1, "after": elsewhere }),
    ] {
        let page = ann.page(&with(&bob), arguments.clone()).await;
        assert_eq!(page["nodes"], empty["nodes"]);
        assert_eq!(page["pageInfo"], empty["pageInfo"], "{arguments}");
    }
    ann.send(&bob, "now it is not").await;
    assert_eq!(ann.page(&with(&bob), json!({})).await["nodes"][0]["seq"], 1);
    app.stop().await;
}

async fn arguments_that_make_no_page_are_refused_by_name(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    ann.send(&bob, "hello").await;
    let document = "query($in: ConversationRef!, $first: Int, $after: String, $last: Int, $before: String) {
        messages(in: $in, first: $first, after: $after, last: $last, before: $before) { nodes { id } }
    }";
    let listed = "{ conversations { pageInfo { endCursor } } streamCursor sidebarUsers { pageInfo { endCursor } } }";
    let others = ann.ok(listed, json!({})).await;
    let wrong_cursors = [
        json!(""),
        json!("x"),
        json!("ÿ"),
        json!("A".repeat(10_000)),
        others["conversations"]["pageInfo"]["endCursor"].clone(),
        others["sidebarUsers"]["pageInfo"]["endCursor"].clone(),
        others["streamCursor"].clone(),
    ];
    let mut wrong = vec![
        ("first", json!({ "first": 0 })),
        ("first", json!({ "first": -1 })),
        ("first", json!({ "first": 101 })),
        ("first", json!({ "first": i32::MIN })),
        ("last", json!({ "last": 0 })),
        ("last", json!({ "last": -5 })),
        ("last", json!({ "last": 101 })),
        ("last", json!({ "last": i32::MAX })),
        ("last", json!({ "first": 1, "last": 1 })),
    ];
    for cursor in wrong_cursors {
        wrong.push(("after", json!({ "first": 1, "after": cursor })));
        wrong.push(("before", json!({ "before": cursor })));
    }
    for (field, mut arguments) in wrong {
        // Of a conversation that has begun and of one that has not.
        for peer in [&bob, &eve] {
            arguments["in"] = with(peer);
            let error = ann
                .fails("BAD_USER_INPUT", document, arguments.clone())
                .await;
            assert_eq!(error["extensions"]["field"], field, "{arguments}");
        }
    }
    let nested = "query($first: Int, $after: String) {
        conversations(first: 1) { nodes { messages(first: $first, after: $after) { nodes { id } } } }
    }";
    for (field, arguments) in [
        ("first", json!({ "first": 101 })),
        ("after", json!({ "first": 1, "after": "x" })),
    ] {
        let error = ann.fails("BAD_USER_INPUT", nested, arguments).await;
        assert_eq!(error["extensions"]["field"], field);
    }
    app.stop().await;
}

async fn paging_meets_every_message_once_in_both_directions_while_others_write(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    join_all((0..100).map(|number| {
        let (ann, bob) = (&ann, &bob);
        async move { ann.send(bob, &format!("before {number}")).await }
    }))
    .await;
    let over = AtomicBool::new(false);
    let writing = join_all(
        [(&ann, &bob), (&bob, &ann)].map(async |(sender, receiver)| {
            while !over.load(Ordering::Relaxed) {
                sender.send(receiver, "meanwhile").await;
            }
        }),
    );
    let reading = async {
        for size in [7, 10, 33] {
            backwards(&bob, &ann, size).await;
            forwards(&ann, &bob, size).await;
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, reading);
    app.stop().await;
}

fn seqs(page: &Value) -> Vec<i64> {
    let nodes = page["nodes"].as_array().expect("a list");
    nodes
        .iter()
        .map(|node| node["seq"].as_i64().expect("a number"))
        .collect()
}

/// From the newest to the first: what comes meanwhile lies behind.
async fn backwards(viewer: &Client, peer: &Client, size: usize) {
    let mut page = viewer.page(&with(peer), json!({ "last": size })).await;
    let mut expected = *seqs(&page).last().expect("a message");
    let mut first = true;
    loop {
        let mut seqs = seqs(&page);
        assert!(first || page["pageInfo"]["hasNextPage"] == true);
        first = false;
        seqs.reverse();
        for seq in &seqs {
            assert_eq!(*seq, expected);
            expected -= 1;
        }
        assert_eq!(page["pageInfo"]["hasPreviousPage"], expected > 0);
        if expected == 0 {
            return;
        }
        assert_eq!(seqs.len(), size);
        let before = page["pageInfo"]["startCursor"].clone();
        page = viewer
            .page(&with(peer), json!({ "last": size, "before": before }))
            .await;
    }
}

/// From the first on, past what was there when it began.
async fn forwards(viewer: &Client, peer: &Client, size: usize) {
    let newest = seqs(&viewer.page(&with(peer), json!({ "last": 1 })).await)[0];
    let (mut expected, mut after) = (1, Value::Null);
    while expected <= newest {
        let page = viewer
            .page(&with(peer), json!({ "first": size, "after": after }))
            .await;
        assert_eq!(page["pageInfo"]["hasPreviousPage"], expected > 1);
        for seq in seqs(&page) {
            assert_eq!(seq, expected);
            expected += 1;
        }
        assert!(expected > newest || page["pageInfo"]["hasNextPage"] == true);
        after = page["pageInfo"]["endCursor"].clone();
    }
}
