//! Many change who is in a group at once.

use super::*;
use crate::support::{
    acts::{ids, in_group, members, text},
    feed::state,
};

on_both_stores!(
    who_is_added_and_removed_at_once_is_in_it_or_out_of_it_for_everyone,
    when_the_last_two_leave_at_once_the_group_ends,
    when_the_owner_and_the_next_leave_at_once_there_is_one_owner,
    who_is_removed_while_they_write_has_written_what_was_acknowledged_and_nothing_after,
    an_account_that_is_deleted_while_it_writes_has_written_what_was_acknowledged,
    who_is_added_while_their_account_is_deleted_is_in_no_group,
    renames_at_once_leave_one_name,
    of_many_who_are_added_at_once_as_many_come_in_as_there_is_room_for,
);

async fn who_is_added_and_removed_at_once_is_in_it_or_out_of_it_for_everyone(kind: StoreKind) {
    over_servers(kind, race_membership).await;
}

async fn race_membership(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let mut feeds = crowd.feeds(apps).await;
    let wavering = crowd.at(2, 0);
    for round in 0..8 {
        let changes = (0..6).map(|number| {
            let (owner, group, wavering) = (crowd.at(0, number), &group, &wavering);
            async move {
                if number % 2 == 0 {
                    owner.remove(group, wavering).await
                } else {
                    owner.add(group, &[wavering]).await
                }
            }
        });
        for answer in join_all(changes).await {
            // Removing who is out of it already may be refused.
            assert!(
                matches!(answer.code(), None | Some("NOT_FOUND")),
                "{answer:?}"
            );
        }
        crowd.agreed(&group).await;
        let shown = crowd.at(0, round).conversation(&group).await;
        let is_in = members(&shown).contains("person002");
        assert_eq!(shown["memberCount"], if is_in { 3 } else { 2 });
        for turn in 0..apps.len() {
            let own = crowd.at(2, turn).conversation(&group).await;
            assert_eq!(own.is_object(), is_in, "as {} sees it", wavering.username);
        }
        let last = crowd
            .at(2, round)
            .sends(json!({ "to": in_group(&group), "body": "in" }))
            .await;
        assert_eq!(last.code().is_none(), is_in);
    }
    crowd.at(0, 0).add(&group, &[&wavering]).await.done();
    crowd.ends(&group, &mut feeds).await;
}

async fn when_the_last_two_leave_at_once_the_group_ends(kind: StoreKind) {
    over_servers(kind, race_the_end).await;
}

async fn race_the_end(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 2).await;
    for round in 0..6 {
        let group = crowd.group(&format!("tea {round}")).await;
        let said = crowd.at(0, 0).say_in(&group, "hello").await;
        let mut feeds = crowd.feeds(apps).await;
        let (ann, bob) = (crowd.at(0, round), crowd.at(1, round + 1));
        tokio::join!(ann.leave(&group), bob.leave(&group));
        for person in 0..2 {
            for turn in 0..apps.len() {
                let one = crowd.at(person, turn);
                assert_eq!(one.conversation(&group).await, Value::Null);
                assert_eq!(one.message(&said.id).await, Value::Null);
                assert_eq!(one.listed().await, [] as [Value; 0]);
            }
        }
        crowd.ends(&group, &mut feeds).await;
    }
}

async fn when_the_owner_and_the_next_leave_at_once_there_is_one_owner(kind: StoreKind) {
    over_servers(kind, race_succession).await;
}

async fn race_succession(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 5).await;
    for round in 0..5 {
        let group = crowd.group(&format!("tea {round}")).await;
        let mut feeds = crowd.feeds(apps).await;
        let (first, second, third) = (
            crowd.at(0, round),
            crowd.at(1, round + 1),
            crowd.at(2, round),
        );
        let renaming = crowd.at(3, round);
        let ((), (), (), renamed) = tokio::join!(
            first.leave(&group),
            second.leave(&group),
            third.leave(&group),
            renaming.rename(&group, "mine"),
        );
        assert!(
            matches!(renamed.code(), None | Some("FORBIDDEN")),
            "{renamed:?}"
        );
        let shown = crowd.at(4, round).conversation(&group).await;
        assert_eq!(members(&shown), "person003* person004");
        crowd.at(3, round + 1).rename(&group, "ours").await.done();
        crowd
            .at(4, round)
            .rename(&group, "mine")
            .await
            .refused("FORBIDDEN");
        crowd.agreed(&group).await;
        crowd.ends(&group, &mut feeds).await;
    }
}

/// Someone writes until they are refused with one of these codes: the bodies that were acknowledged.
async fn writing(who: &Client, group: &str, codes: &[&str]) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let body = format!("{} says {}", who.username, uuid::Uuid::new_v4());
        let answer = who
            .sends(json!({ "to": in_group(group), "body": body }))
            .await;
        match answer.code() {
            None => acknowledged.push(body),
            Some(code) if codes.contains(&code) => return acknowledged,
            Some(_) => panic!("{answer:?}"),
        }
    }
}

async fn who_is_removed_while_they_write_has_written_what_was_acknowledged_and_nothing_after(
    kind: StoreKind,
) {
    over_servers(kind, race_removal).await;
}

async fn race_removal(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let mut feeds = crowd.feeds(apps).await;
    let owner = crowd.at(0, 0);
    let mut watching = Feed::live(apps[0].address, &crowd.at(1, 0)).await;
    let mut expected = Vec::new();
    for round in 0..5 {
        let writers = (0..3).map(|number| {
            let (one, group) = (crowd.at(2, number), &group);
            async move { writing(&one, group, &["NOT_FOUND"]).await }
        });
        let removing = async {
            // Some of it has been read before they are removed.
            for _ in 0..5 {
                let event = watching.next().await;
                assert_eq!(event["__typename"], "NewMessage", "{event}");
            }
            owner.remove(&group, &crowd.at(2, 0)).await.done();
            let last = owner.say_in(&group, &format!("removed {round}")).await;
            // From here on there is nothing by whoever was removed.
            let mut removed = false;
            loop {
                let event = watching.next().await;
                if event["__typename"] == "ConversationChanged" {
                    assert_eq!(event["conversation"]["memberCount"], 2, "{event}");
                    removed = true;
                } else if removed {
                    assert_eq!(event["message"]["id"], last.id, "{event}");
                    return last.body;
                }
            }
        };
        let (acknowledged, last) = tokio::join!(join_all(writers), removing);
        let mut acknowledged = acknowledged.concat();
        let shown = owner.shown(&in_group(&group)).await;
        let mut said: Vec<_> = shown.iter().skip(expected.len()).map(state).collect();
        assert_eq!(said.pop(), Some(last.clone()));
        let mut sorted = said.clone();
        sorted.sort();
        acknowledged.sort();
        assert_eq!(sorted, acknowledged);
        expected.extend(said);
        expected.push(last);
        owner.add(&group, &[&crowd.at(2, 0)]).await.done();
        watching
            .tells(&["conversation tea: person000* person001 person002"])
            .await;
    }
    assert_eq!(crowd.agreed(&group).await, expected);
    crowd.ends(&group, &mut feeds).await;
}

async fn an_account_that_is_deleted_while_it_writes_has_written_what_was_acknowledged(
    kind: StoreKind,
) {
    over_servers(kind, race_account).await;
}

async fn race_account(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let mut feeds = crowd.feeds(apps).await;
    let deleted = crowd.at(2, 0);
    let mut watching = Feed::live(apps[0].address, &crowd.at(1, 0)).await;
    // The session is over, or the account is, or it is out of the group already.
    let codes = ["UNAUTHENTICATED", "NOT_FOUND", "FORBIDDEN"];
    let writers = (0..4).map(|number| {
        let (one, group) = (crowd.at(2, number), &group);
        async move { writing(&one, group, &codes).await }
    });
    let deleting = async {
        for _ in 0..10 {
            watching.next().await;
        }
        let delete = "mutation { deleteAccount(password: \"password1\") }";
        deleted.ok(delete, json!({})).await;
    };
    let (acknowledged, ()) = tokio::join!(join_all(writers), deleting);
    let mut acknowledged = acknowledged.concat();
    let shown = crowd.at(0, 0).shown(&in_group(&group)).await;
    let mut said: Vec<_> = shown.iter().map(state).collect();
    said.sort();
    acknowledged.sort();
    assert_eq!(said, acknowledged);
    let members_now = members(&crowd.at(1, 1).conversation(&group).await);
    assert_eq!(members_now, "person000* person001");
    // Nothing of it comes after it is told that they are gone.
    crowd.at(0, 0).say_in(&group, "they are gone").await;
    let mut gone = false;
    loop {
        let event = watching.next().await;
        match event["__typename"].as_str() {
            Some("ConversationChanged") => gone = true,
            _ if gone => {
                assert_eq!(event["message"]["body"], "they are gone", "{event}");
                break;
            }
            _ => assert_eq!(event["message"]["sender"]["id"], deleted.id),
        }
    }
    // The two who are left read the same to the end.
    feeds.retain(|reading| reading.is_of(&[0, 1]));
    crowd.ends(&group, &mut feeds).await;
}

async fn who_is_added_while_their_account_is_deleted_is_in_no_group(kind: StoreKind) {
    over_servers(kind, race_addition).await;
}

async fn race_addition(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 6).await;
    let group = crowd.at(0, 0).group("tea", &[&crowd.at(1, 0)]).await;
    for person in 2..6 {
        let added = crowd.at(person, 0);
        let adding = (0..4).map(|number| {
            let (owner, added, group) = (crowd.at(0, number), &added, &group);
            async move { while owner.add(group, &[added]).await.code().is_none() {} }
        });
        let deleting = async {
            let delete = "mutation { deleteAccount(password: \"password1\") }";
            added.ok(delete, json!({})).await;
        };
        tokio::join!(join_all(adding), deleting);
        for turn in 0..apps.len() {
            let shown = crowd.at(1, turn).conversation(&group).await;
            assert_eq!(members(&shown), "person000* person001");
        }
    }
}

async fn renames_at_once_leave_one_name(kind: StoreKind) {
    over_servers(kind, race_names).await;
}

async fn race_names(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 3).await;
    let group = crowd.group("tea").await;
    let mut feeds = crowd.feeds(apps).await;
    let renames = (0..20).map(|number| {
        let (owner, group) = (crowd.at(0, number), &group);
        async move { owner.rename(group, &format!("name {number}")).await.done() }
    });
    let names: Vec<_> = join_all(renames)
        .await
        .iter()
        .map(|made| text(&made["title"]))
        .collect();
    let name = text(&crowd.at(1, 0).conversation(&group).await["title"]);
    assert!(names.contains(&name), "{name}");
    for person in 0..3 {
        for turn in 0..apps.len() {
            let shown = crowd.at(person, turn).conversation(&group).await;
            assert_eq!(shown["title"], name.as_str());
        }
    }
    crowd.ends(&group, &mut feeds).await;
}

async fn of_many_who_are_added_at_once_as_many_come_in_as_there_is_room_for(kind: StoreKind) {
    over_servers(kind, race_for_room).await;
}

async fn race_for_room(apps: &[&TestApp]) {
    let crowd = Crowd::of(apps, 257).await;
    let everyone: Vec<_> = (1..257).map(|person| crowd.at(person, 0)).collect();
    let (first, late) = everyone.split_at(246);
    let first: Vec<_> = first.iter().collect();
    let owner = crowd.at(0, 0);
    let group = text(&owner.create_group("crowd", &ids(&first)).await.done()["id"]);
    let adding = late.iter().enumerate().map(|(number, one)| {
        let (owner, group) = (crowd.at(0, number), &group);
        async move { owner.add(group, &[one]).await }
    });
    let answers = join_all(adding).await;
    let added = answers
        .iter()
        .filter(|answer| answer.code().is_none())
        .count();
    assert_eq!(added, 3, "247 were in it: {answers:?}");
    for (answer, one) in answers.iter().zip(late) {
        let is_in = answer.code().is_none();
        assert_eq!(one.conversation(&group).await.is_object(), is_in);
        if !is_in {
            answer.refused("BAD_USER_INPUT");
        }
    }
    for turn in 0..apps.len() {
        let shown = crowd.at(0, turn).conversation(&group).await;
        assert_eq!(shown["memberCount"], 250);
        assert_eq!(shown["members"].as_array().map(Vec::len), Some(250));
    }
}
