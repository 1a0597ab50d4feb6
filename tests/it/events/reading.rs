//! Read marks, as the stream of events tells them.

use futures_util::future::join_all;

use super::*;
use crate::support::acts::read_by;

on_both_stores!(
    a_mark_is_told_to_all_members_and_to_the_readers_other_devices,
    a_send_moves_its_senders_mark_without_saying_so,
    a_mark_that_does_not_move_is_told_to_nobody,
    a_mark_that_moved_while_a_reader_was_away_comes_in_its_newest_state,
    in_large_groups_only_ones_own_mark_is_told,
    a_mark_is_told_with_each_readers_own_count,
    a_mark_that_was_lost_on_the_way_is_missed_with_the_next_event,
    however_many_marks_moved_lately_the_next_is_told,
);

async fn a_mark_is_told_to_all_members_and_to_the_readers_other_devices(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut said = Vec::new();
    for number in 1..=3 {
        said.push(ann.say_in(&group, &number.to_string()).await);
    }
    let phone = bob.sign_in_again().await;
    let mut feeds = Vec::new();
    for viewer in [&ann, &cleo, &phone] {
        let scope = Scope::all(Window::Events);
        feeds.push(Feed::open(app.address, viewer, scope.clone()).await);
        feeds.push(Feed::open(app.address, viewer, scope.only(in_group(&group))).await);
    }
    for (message, seq) in said.iter().zip(1..) {
        bob.mark(&message.id).await.done();
        for feed in &mut feeds {
            feed.tells(&[format!("bob read {seq}")]).await;
            assert_eq!(feed.last["lastRead"]["id"], message.id);
            assert_eq!(feed.last["conversation"]["id"], group.as_str());
            assert_eq!(feed.last["reader"]["id"], bob.id);
        }
    }
    // A device that is told shows what the mark did.
    assert_eq!(feeds[4].last["conversation"]["unreadCount"], 0);
    app.stop().await;
}

async fn a_send_moves_its_senders_mark_without_saying_so(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    ann.say_in(&group, "one").await;
    let phone = bob.sign_in_again().await;
    let start = bob.stands().await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &phone).await,
    ];
    bob.say_in(&group, "two").await;
    assert_eq!(read_by(&ann.conversation(&group).await, "bob"), 2);
    ann.say_in(&group, "three").await;
    for feed in &mut feeds {
        feed.tells(&["new two", "new three"]).await;
    }
    assert_eq!(phone.conversation(&group).await["unreadCount"], 1);
    let scope = Scope::all(Window::Events).after(start);
    let mut missed = Feed::open(app.address, &bob, scope).await;
    missed.tells(&["new two", "new three"]).await;
    app.stop().await;
}

async fn a_mark_that_does_not_move_is_told_to_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let one = ann.say_in(&group, "one").await;
    let two = ann.say_in(&group, "two").await;
    bob.mark(&two.id).await.done();
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    for message in [&one, &two] {
        bob.mark(&message.id).await.done();
        // One has read what one said.
        ann.mark(&message.id).await.done();
    }
    ann.say_in(&group, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    app.stop().await;
}

async fn a_mark_that_moved_while_a_reader_was_away_comes_in_its_newest_state(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut said = Vec::new();
    for number in 1..=4 {
        said.push(ann.say_in(&group, &number.to_string()).await);
    }
    let mut feed = Feed::live(app.address, &ann).await;
    ann.say_in(&group, "begin").await;
    feed.tells(&["new begin"]).await;
    for message in &said {
        bob.mark(&message.id).await.done();
    }
    cleo.mark(&said[1].id).await.done();
    feed.resume(app.address).await;
    ann.say_in(&group, "end").await;
    let expected = ["bob read 4", "cleo read 2"];
    let mut told: Vec<String> = Vec::new();
    let all_in = |told: &[String], expected: &[&str]| {
        let mut expected = expected.iter();
        expected.all(|expected| told.iter().any(|told| told == expected))
    };
    while !all_in(&told, &["bob read 4", "cleo read 2", "new end"]) {
        told.push(feed.told().await);
    }
    // At most once too often, and never an older one.
    for mark in expected {
        assert!(
            told.iter().filter(|told| *told == mark).count() <= 2,
            "{told:?}"
        );
    }
    told.retain(|told| !expected.contains(&told.as_str()));
    assert_eq!(told, ["new end"]);
    // Later looks find no more than once what was told already.
    let mut again = 0;
    for round in 0..4 {
        feed.resume(app.address).await;
        let body = format!("round {round}");
        ann.say_in(&group, &body).await;
        let mut told = until(&mut feed, &format!("new {body}")).await;
        told.pop();
        assert!(
            told.iter().all(|told| expected.contains(&told.as_str())),
            "{told:?}"
        );
        again += told.len();
    }
    assert!(again <= expected.len(), "{again} times again");
    app.stop().await;
}

async fn in_large_groups_only_ones_own_mark_is_told(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let names: Vec<_> = (0..33).map(|number| format!("user{number:02}")).collect();
    let people = join_all(names.iter().map(|name| app.user(name))).await;
    let others: Vec<_> = people[1..].iter().collect();
    let small = people[0].group("small", &others[..31]).await;
    let large = people[0].group("large", &others).await;
    let phone = people[1].sign_in_again().await;
    let mut own = Feed::live(app.address, &phone).await;
    let mut other = Feed::live(app.address, &people[0]).await;
    let mut third = Feed::live(app.address, &people[2]).await;
    let said = people[0].say_in(&large, "in the large one").await;
    for feed in [&mut own, &mut other, &mut third] {
        feed.tells(&["new in the large one"]).await;
    }
    let marked = people[1].mark(&said.id).await.done();
    assert_eq!(read_by(&marked, "user01"), 1);
    people[0].say_in(&large, "so").await;
    own.tells(&["user01 read 1", "new so"]).await;
    for feed in [&mut other, &mut third] {
        feed.tells(&["new so"]).await;
    }
    let shown = people[2].conversation(&large).await;
    assert_eq!(read_by(&shown, "user01"), 1, "exact for who asks");
    // With 32 members all are told.
    let said = people[0].say_in(&small, "in the small one").await;
    for feed in [&mut own, &mut other, &mut third] {
        feed.tells(&["new in the small one"]).await;
    }
    people[1].mark(&said.id).await.done();
    for feed in [&mut own, &mut other, &mut third] {
        feed.tells(&["user01 read 1"]).await;
        assert_eq!(feed.last["conversation"]["id"], small.as_str());
    }
    app.stop().await;
}

async fn a_mark_is_told_with_each_readers_own_count(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut said = Vec::new();
    for number in 1..=4 {
        said.push(ann.say_in(&group, &number.to_string()).await);
    }
    cleo.mark(&said[0].id).await.done();
    let phone = bob.sign_in_again().await;
    let mut feeds = Vec::new();
    for (viewer, unread) in [(&ann, 0), (&phone, 2), (&cleo, 3)] {
        for _ in 0..2 {
            feeds.push((Feed::live(app.address, viewer).await, unread));
        }
    }
    bob.mark(&said[1].id).await.done();
    for (feed, unread) in &mut feeds {
        feed.tells(&["bob read 2"]).await;
        assert_eq!(feed.last["conversation"]["unreadCount"], *unread);
    }
    app.stop().await;
}

async fn a_mark_that_was_lost_on_the_way_is_missed_with_the_next_event(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut feed = Feed::live(app.address, &ann).await;
    let said = ann.say_in(&group, "hello").await;
    let before = feed.next().await["cursor"].clone();
    bob.mark(&said.id).await.done();
    // Whoever does not get this one, and compares what comes next with what they got, has to see it.
    let lost = feed.next().await["cursor"].clone();
    ann.say_in(&group, "so").await;
    let next = feed.next().await["previous"].clone();
    assert_eq!(next, lost);
    assert_ne!(next, before);
    app.stop().await;
}

async fn however_many_marks_moved_lately_the_next_is_told(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.marks_at_once = 2).await;
    let (ann, bob, cleo) = three(&app).await;
    let (dora, eve) = (app.user("dora").await, app.user("eve").await);
    let group = ann.group("tea", &[&bob, &cleo, &dora, &eve]).await;
    let said = ann.say_in(&group, "one").await;
    let mut feed = Feed::live(app.address, &ann).await;
    for reader in [&bob, &cleo, &dora, &eve] {
        reader.mark(&said.id).await.done();
        feed.tells(&[format!("{} read 1", reader.username)]).await;
    }
    app.stop().await;
}
