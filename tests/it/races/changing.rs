//! Many change the same message at once: all see the same in the end.

use super::*;
use crate::support::{
    acts::{in_group, text},
    feed::state,
};

on_both_stores!(
    of_many_edits_at_once_one_is_the_last_for_everyone,
    what_is_edited_and_deleted_at_once_is_deleted_for_everyone,
    fifty_reactions_at_once_are_fifty,
    of_thirty_kinds_at_once_twenty_are_there,
    of_twenty_repeats_of_one_reaction_there_is_one,
);

async fn of_many_edits_at_once_one_is_the_last_for_everyone(kind: StoreKind) {
    over_servers(kind, race_edits).await;
}

async fn race_edits(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let said = crowd.at(0, 0).say_in(&group, "hello").await;
    let mut feeds = crowd.feeds(apps).await;
    for round in 0..3 {
        let edits = (0..20).map(|number| {
            let author = crowd.at(0, number);
            let id = &said.id;
            async move { author.edit(id, &format!("{round}: {number}")).await.done() }
        });
        let answers = join_all(edits).await;
        let newest = crowd.agreed(&group).await;
        assert!(
            answers.iter().any(|answer| state(answer) == newest[0]),
            "{newest:?} is none of these"
        );
        for answer in answers {
            assert!(answer["editedAt"].is_string());
        }
    }
    crowd.ends(&group, &mut feeds).await;
}

async fn what_is_edited_and_deleted_at_once_is_deleted_for_everyone(kind: StoreKind) {
    over_servers(kind, race_deletions).await;
}

async fn race_deletions(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let mut feeds = crowd.feeds(apps).await;
    let mut said = Vec::new();
    for number in 0..15 {
        said.push(crowd.at(1, number).say_in(&group, "hello").await);
    }
    let changes = said.iter().enumerate().map(|(number, said)| {
        let (author, owner, other) = (
            crowd.at(1, number),
            crowd.at(0, number + 1),
            crowd.at(2, number / 2),
        );
        async move {
            tokio::join!(
                author.edit(&said.id, "edited"),
                other.react(&said.id, "👍"),
                owner.delete(&said.id),
                author.delete(&said.id),
                author.edit(&said.id, "edited again"),
            )
        }
    });
    for (edit, reaction, by_owner, by_author, again) in join_all(changes).await {
        assert_eq!(state(&by_owner.done()), "(deleted)");
        assert_eq!(by_author.done()["deletedAt"], by_owner.done()["deletedAt"]);
        for late in [edit, reaction, again] {
            assert!(matches!(late.code(), None | Some("NOT_FOUND")), "{late:?}");
        }
    }
    assert_eq!(crowd.agreed(&group).await, ["(deleted)"; 15]);
    crowd.ends(&group, &mut feeds).await;
}

async fn fifty_reactions_at_once_are_fifty(kind: StoreKind) {
    over_servers(kind, race_reactions).await;
}

async fn race_reactions(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 50).await;
    let group = crowd.group("tea").await;
    let said = crowd.at(0, 0).say_in(&group, "hello").await;
    let mut feeds = crowd.feeds(apps).await;
    let reacting = (0..50).map(|number| {
        let (one, id) = (crowd.at(number, number), &said.id);
        async move {
            one.react(id, if number % 5 == 0 { "🎉" } else { "👍" })
                .await
                .done()
        }
    });
    for (number, answer) in join_all(reacting).await.into_iter().enumerate() {
        let emoji = if number % 5 == 0 { "🎉" } else { "👍" };
        let mut reactions = answer["reactions"].as_array().expect("a list").iter();
        let own = reactions.find(|reaction| reaction["emoji"] == emoji);
        assert_eq!(own.expect("one's own")["viewerReacted"], true, "{answer}");
    }
    let shown = crowd.at(7, 1).message(&said.id).await;
    let mut counts: Vec<_> = shown["reactions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|reaction| (text(&reaction["emoji"]), reaction["count"].clone()))
        .collect();
    counts.sort_by_key(|(emoji, _)| emoji.clone());
    let expected = [("🎉".to_owned(), json!(10)), ("👍".to_owned(), json!(40))];
    assert_eq!(counts, expected);
    crowd.agreed(&group).await;
    crowd.ends(&group, &mut feeds).await;
}

async fn of_thirty_kinds_at_once_twenty_are_there(kind: StoreKind) {
    over_servers(kind, race_kinds).await;
}

async fn race_kinds(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let said = crowd.at(0, 0).say_in(&group, "hello").await;
    let mut feeds = crowd.feeds(apps).await;
    let reacting = (0..30_u32).map(|number| {
        let who = crowd.at(number as usize % 3, number as usize / 3);
        let emoji = char::from_u32(0x1f600 + number)
            .expect("an emoji")
            .to_string();
        let id = &said.id;
        async move { who.react(id, &emoji).await }
    });
    let answers = join_all(reacting).await;
    let taken = answers
        .iter()
        .filter(|answer| answer.code().is_none())
        .count();
    assert_eq!(taken, 20);
    for answer in answers.iter().filter(|answer| answer.code().is_some()) {
        answer.refused("BAD_USER_INPUT");
    }
    let shown = crowd.at(1, 1).message(&said.id).await;
    assert_eq!(shown["reactions"].as_array().map(Vec::len), Some(20));
    crowd.agreed(&group).await;
    crowd.ends(&group, &mut feeds).await;
}

async fn of_twenty_repeats_of_one_reaction_there_is_one(kind: StoreKind) {
    over_servers(kind, race_repeats).await;
}

async fn race_repeats(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let said = crowd.at(0, 0).say_in(&group, "hello").await;
    let mut watching = Feed::live(apps[0].address, &crowd.at(2, 0)).await;
    let mut feeds = crowd.feeds(apps).await;
    let repeats = (0..20).map(|number| {
        let (one, id) = (crowd.at(1, number), &said.id);
        async move { one.react(id, "👍").await.done() }
    });
    for answer in join_all(repeats).await {
        assert_eq!(state(&answer), "hello 👍×1");
    }
    crowd.at(0, 0).say_in(&group, "so").await;
    watching.tells(&["changed hello 👍×1", "new so"]).await;
    let repeats = (0..20).map(|number| {
        let (one, id) = (crowd.at(1, number), &said.id);
        async move { one.unreact(id, "👍").await.done() }
    });
    for answer in join_all(repeats).await {
        assert_eq!(state(&answer), "hello");
    }
    let shown = crowd.at(0, 1).shown(&in_group(&group)).await;
    assert_eq!(state(&shown[0]), "hello");
    crowd.ends(&group, &mut feeds).await;
}
