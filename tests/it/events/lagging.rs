//! Readers that do not keep up are told the same as those who do, each thing once or in its newest state.

use std::{collections::HashMap, time::Duration};

use futures_util::future::join_all;

use super::*;
use crate::support::ws::PATIENCE;

on_both_stores!(a_reader_that_falls_behind_ends_with_the_same_as_one_that_keeps_up);

/// A reader's picture of messages, in a few words each.
#[derive(Default)]
struct Picture {
    messages: HashMap<String, String>,
    titles: Vec<String>,
    last_seq: i64,
}

impl Picture {
    /// Takes in events until a message says that it is the end.
    async fn read(&mut self, feed: &mut Feed) {
        loop {
            let event = feed.next().await;
            let message = &event["message"];
            match event["__typename"].as_str() {
                Some("NewMessage") => {
                    let seq = message["seq"].as_i64().expect("a number");
                    assert_eq!(seq, self.last_seq + 1, "each once and in order");
                    self.last_seq = seq;
                }
                Some("MessageChanged") => {
                    let known = self.messages.contains_key(&text(&message["id"]));
                    assert!(known, "changed before it was new: {event}");
                }
                Some("ConversationChanged") => {
                    self.titles.push(text(&event["conversation"]["title"]));
                    continue;
                }
                _ => panic!("{event}"),
            }
            self.messages.insert(text(&message["id"]), state(message));
            if message["body"] == "the end" {
                return;
            }
        }
    }
}

async fn a_reader_that_falls_behind_ends_with_the_same_as_one_that_keeps_up(kind: StoreKind) {
    const MESSAGES: usize = 120;
    let app = TestApp::with(kind, |config| config.limits.write_stall = PATIENCE * 10).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut narrow = Ws::open_narrow(app.address).await;
    narrow.init(json!({ "token": bob.token })).await;
    let mut slow = Feed::over(narrow, &bob, Scope::all(Window::Events)).await;
    slow.socket.settle().await;
    let mut quick = Feed::live(app.address, &bob).await;
    let long = |what: &str, number: usize| format!("{what} {number} {}", "😀".repeat(3_900));
    let writing = async {
        let mut said = Vec::new();
        for part in (0..MESSAGES).collect::<Vec<_>>().chunks(20) {
            let saying = part.iter().map(|number| {
                let (ann, group, body) = (&ann, &group, long("said", *number));
                async move { ann.say_in(group, &body).await }
            });
            said.extend(join_all(saying).await);
            ann.rename(&group, &format!("tea {}", said.len()))
                .await
                .done();
        }
        for (number, message) in said.iter().enumerate() {
            match number % 4 {
                0 => drop(ann.edit(&message.id, &long("edited", number)).await.done()),
                1 => drop(ann.delete(&message.id).await.done()),
                2 => drop(bob.react(&message.id, "👍").await.done()),
                _ => {}
            }
        }
        for number in (0..MESSAGES).step_by(4) {
            ann.edit(&said[number].id, &format!("again {number}"))
                .await
                .done();
        }
        ann.rename(&group, "cake").await.done();
        ann.say_in(&group, "the end").await;
    };
    let mut up_to_date = Picture::default();
    // While the slow one reads nothing at all, everyone else goes on.
    tokio::join!(writing, up_to_date.read(&mut quick));
    let mut late = Picture::default();
    late.read(&mut slow).await;
    let shown = bob.shown(&in_group(&group)).await;
    let expected: HashMap<_, _> = shown
        .iter()
        .map(|message| (text(&message["id"]), state(message)))
        .collect();
    assert_eq!(expected.len(), MESSAGES + 1);
    for picture in [&up_to_date, &late] {
        assert_eq!(picture.messages, expected);
        assert_eq!(picture.titles.last().map(String::as_str), Some("cake"));
    }
    // Both go on live.
    ann.say_in(&group, "and on").await;
    for feed in [&mut slow, &mut quick] {
        feed.tells(&["new and on"]).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_was_cut_for_not_reading_goes_on_from_its_cursor() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.write_stall = Duration::from_millis(300);
    })
    .await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut narrow = Ws::open_narrow(app.address).await;
    narrow.init(json!({ "token": bob.token })).await;
    let mut feed = Feed::over(narrow, &bob, Scope::all(Window::Events)).await;
    feed.socket.settle().await;
    let first = ann.say_in(&group, "begin").await;
    feed.tells(&["new begin"]).await;
    let body = "😀".repeat(4_000);
    while app.metric("chinwag_sockets").await > 0.0 {
        ann.say_in(&group, &body).await;
        ann.edit(&first.id, &format!("{body:.3990}{}", rand::random::<u16>()))
            .await
            .done();
    }
    ann.edit(&first.id, "begin!").await.done();
    ann.say_in(&group, "the end").await;
    feed.resume(app.address).await;
    let told = until(&mut feed, "new the end").await;
    let changed: Vec<_> = told
        .iter()
        .filter(|told| told.starts_with("changed"))
        .collect();
    assert_eq!(changed, ["changed begin! (edited)"]);
    app.stop().await;
}
