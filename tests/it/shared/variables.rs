//! The same text with other variables is another subscription.

use super::*;
use crate::{on_both_stores, support::store::StoreKind};

on_both_stores!(the_same_text_listens_where_its_own_variables_say);

async fn the_same_text_listens_where_its_own_variables_say(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let conversation = ann.send(&bob, "begin").await["conversation"]["id"].clone();
    let document =
        "subscription($in: ConversationRef) { newMessage(in: $in) { message { body } } }";
    // What each listens to, and the pairs of people whose messages come by it.
    let (ab, ae, be) = ("ann bob", "ann eve", "bob eve");
    let by_id = json!({ "in": { "conversationId": conversation } });
    let with_ann = json!({ "in": with(&ann) });
    let listening = [
        (&ann, json!({}), &[ab, ae][..]),
        (&ann, json!({ "in": null }), &[ab, ae]),
        (&ann, json!({ "in": with(&bob) }), &[ab]),
        (&ann, json!({ "in": with(&eve) }), &[ae]),
        (&ann, by_id.clone(), &[ab]),
        (&bob, json!({}), &[ab, be]),
        (&bob, by_id, &[ab]),
        (&bob, with_ann.clone(), &[ab]),
        // The very same variables, and another conversation.
        (&eve, with_ann, &[ae]),
        (&eve, json!({ "in": with(&bob) }), &[be]),
        (&eve, json!({}), &[ae, be]),
    ];
    let mut listeners = Vec::new();
    for _ in 0..2 {
        for (viewer, variables, pairs) in &listening {
            let payload = json!({ "query": document, "variables": variables });
            let listener = Listener::open(&app, viewer, &[payload]).await;
            listeners.push((listener, *pairs));
        }
    }
    for (number, (sender, receiver, pair)) in [
        (&ann, &bob, ab),
        (&eve, &bob, be),
        (&eve, &ann, ae),
        (&bob, &ann, ab),
        (&bob, &eve, be),
        (&ann, &eve, ae),
        // The last one for everyone, after which nothing else is to come.
        (&bob, &ann, ab),
        (&bob, &eve, be),
        (&eve, &ann, ae),
    ]
    .into_iter()
    .enumerate()
    {
        let body = format!("{number} {pair}");
        sender.send(receiver, &body).await;
        for (listener, pairs) in &mut listeners {
            if pairs.contains(&pair) {
                let message = json!({ "body": body });
                assert_eq!(listener.next().await, told(&message), "{pairs:?}");
            }
        }
    }
    drop(listeners);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_variable_says_deep_inside_holds_for_its_own_subscriber() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, _] = three(&app).await;
    for number in 1..=5 {
        ann.send(&bob, &format!("{number}")).await;
    }
    let document =
        "subscription($n: Int = 2, $x: Boolean!, $before: String) { newMessage { message {
        seq @include(if: $x)
        conversation { messages(last: $n, before: $before) { nodes { seq } } }
    } } }";
    let edges = "query($in: ConversationRef!) { messages(in: $in, last: 5) { edges { cursor } } }";
    let edges = ann.ok(edges, json!({ "in": with(&bob) })).await;
    let third = edges["messages"]["edges"][2]["cursor"].clone();
    // The variables, whether the message's own seq comes, and the page when the newest message is the sixth.
    let asked = [
        (json!({ "x": true }), true, vec![5, 6]),
        (json!({ "x": false }), false, vec![5, 6]),
        (json!({ "x": true, "n": 1 }), true, vec![6]),
        (json!({ "x": true, "n": 3 }), true, vec![4, 5, 6]),
        (
            json!({ "x": false, "n": 3, "before": third }),
            false,
            vec![1, 2],
        ),
        (json!({ "x": true, "before": third }), true, vec![1, 2]),
        (json!({ "before": third, "n": 1, "x": true }), true, vec![2]),
        (
            json!({ "x": true, "n": null }),
            true,
            vec![1, 2, 3, 4, 5, 6],
        ),
    ];
    let payloads = asked
        .iter()
        .map(|(variables, ..)| json!({ "query": document, "variables": variables }))
        .collect::<Vec<_>>();
    let mut audience = audience(&app, &[&ann, &bob], &payloads).await;
    ann.send(&bob, "6").await;
    for listener in &mut audience {
        let events = listener.round().await;
        for (id, (variables, own, page)) in (1..).zip(&asked) {
            let nodes = page.iter().map(|seq| json!({ "seq": seq }));
            let nodes = nodes.collect::<Vec<_>>();
            let mut message = json!({ "conversation": { "messages": { "nodes": nodes } } });
            if *own {
                message["seq"] = json!(6);
            }
            assert_eq!(events[&format!("{id}")], told(&message), "{variables}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_of_different_people_are_told_of_their_own() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.presence_grace = std::time::Duration::from_millis(50);
    })
    .await;
    let [ann, bob, eve] = three(&app).await;
    let (dan, fay) = (app.user("dan").await, app.user("fay").await);
    let document = "subscription($among: [ID!]) {
        onlineUsersChanged(among: $among) { joined { username } left { username } }
    }";
    // Whom each watches beside those who watch.
    let watched = [
        (json!({}), true, true),
        (json!({ "among": null }), true, true),
        (json!({ "among": [dan.id] }), true, false),
        (json!({ "among": dan.id }), true, false),
        (json!({ "among": [fay.id] }), false, true),
        (json!({ "among": [dan.id, fay.id] }), true, true),
        (json!({ "among": [fay.id, dan.id] }), true, true),
        (json!({ "among": [dan.id, eve.id, "nobody"] }), true, false),
        (json!({ "among": [] }), false, false),
    ];
    // Those who watch are online before anyone watches.
    let mut here = Vec::new();
    for viewer in [&ann, &bob, &eve] {
        here.push(app.socket(viewer).await);
    }
    let mut watchers = Vec::new();
    for viewer in [&ann, &bob, &eve, &ann] {
        for (variables, of_dan, of_fay) in &watched {
            let mut socket = app.socket(viewer).await;
            socket.subscribe(ID, document, variables.clone()).await;
            let first = socket.event(ID).await["onlineUsersChanged"].clone();
            let joined = first["joined"].as_array().expect("a list").iter();
            let mut joined = joined
                .map(|user| user["username"].as_str().expect("a name"))
                .collect::<Vec<_>>();
            joined.sort_unstable();
            let all = variables["among"].is_null();
            let some = variables.to_string().contains(&eve.id);
            let expected = match () {
                () if all => vec!["ann", "bob", "eve"],
                () if some => vec!["eve"],
                () => vec![],
            };
            assert_eq!(joined, expected, "{variables}");
            watchers.push((socket, *of_dan, *of_fay, variables));
        }
    }
    for (someone, is_fay) in [(&dan, false), (&fay, true), (&dan, false)] {
        let socket = app.socket(someone).await;
        let name = json!([{ "username": someone.username }]);
        let came = json!({ "onlineUsersChanged": { "joined": name, "left": [] } });
        let left = json!({ "onlineUsersChanged": { "joined": [], "left": name } });
        let mut socket = Some(socket);
        for expected in [came, left] {
            for (watcher, of_dan, of_fay, variables) in &mut watchers {
                if if is_fay { *of_fay } else { *of_dan } {
                    assert_eq!(watcher.event(ID).await, expected, "{variables}");
                }
            }
            drop(socket.take());
        }
    }
    for (mut watcher, ..) in watchers {
        assert_eq!(watcher.until_settled().await, [] as [Value; 0]);
    }
}
