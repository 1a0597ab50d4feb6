//! Groups on two servers of one MongoDB: what one answered holds at the other.

use super::*;

/// Two servers and the same four people at each; none when there is no MongoDB.
async fn two_servers() -> Option<([TestApp; 2], [Client; 4], [Client; 4])> {
    if !mongo_is_there().await {
        return None;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    let here = four(&app).await;
    let there = here.each_ref().map(|one| one.at(beside.url("/graphql")));
    Some(([app, beside], here, there))
}

async fn stop(apps: [TestApp; 2]) {
    for app in apps {
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_did_to_a_group_shows_at_the_other_from_the_answer_on() {
    let Some((apps, [ann, bob, cleo, _], there)) = two_servers().await else {
        return;
    };
    for round in 0..10 {
        let title = format!("tea {round}");
        let made = ann.create_group(&title, &ids(&[&bob])).await.done();
        let group = text(&made["id"]);
        assert_eq!(there[0].listed().await[0], made, "what its maker asks");
        assert_eq!(
            there[1].conversation(&group).await,
            made,
            "what anyone asks of it"
        );
        assert_eq!(there[1].say_in(&group, "hello").await.seq, 1);
        assert_eq!(ann.say_in(&group, "hello").await.seq, 2);
        let title = format!("cake {round}");
        ann.rename(&group, &title).await.done();
        assert_eq!(there[1].conversation(&group).await["title"], title.as_str());
        ann.add(&group, &[&cleo]).await.done();
        assert_eq!(who(&there[2], &group).await, "ann* bob cleo");
        assert_eq!(there[2].say_in(&group, "me too").await.seq, 3);
        ann.leave(&group).await;
        assert_eq!(there[0].conversation(&group).await, Value::Null);
        assert_eq!(who(&there[2], &group).await, "bob* cleo");
        there[1].rename(&group, "bob's").await.done();
        bob.rename(&group, "still bob's").await.done();
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_at_one_server_never_writes_at_the_other() {
    let Some((apps, [ann, bob, ..], there)) = two_servers().await else {
        return;
    };
    let group = ann.group("tea", &[&bob]).await;
    for round in 0..20 {
        let named = json!({
            "to": in_group(&group), "body": "I am in", "clientMessageId": round.to_string(),
        });
        let said = there[1].say(named.clone()).await;
        there[1].react(&said.id, "👍").await.done();
        ann.remove(&group, &bob).await.done();
        let send = json!({ "to": in_group(&group), "body": "I am out" });
        there[1].sends(send).await.refused("NOT_FOUND");
        there[1].sends(named).await.refused("NOT_FOUND");
        there[1]
            .edit(&said.id, "I am out")
            .await
            .refused("NOT_FOUND");
        there[1].react(&said.id, "🎉").await.refused("NOT_FOUND");
        there[1].unreact(&said.id, "👍").await.refused("NOT_FOUND");
        there[1].delete(&said.id).await.refused("NOT_FOUND");
        assert_eq!(state(&ann.message(&said.id).await), "I am in 👍×1");
        ann.add(&group, &[&bob]).await.done();
    }
    let said = states(&ann, &group).await;
    assert_eq!(said, vec!["I am in 👍×1"; 20]);
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_send_shows_its_group_as_another_server_has_named_it() {
    let Some((apps, [ann, bob, ..], there)) = two_servers().await else {
        return;
    };
    let document = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { conversation { title } } }";
    let group = ann.group("tea", &[&bob]).await;
    for round in 0..10 {
        let named = json!({
            "to": in_group(&group), "body": "hello", "clientMessageId": round.to_string(),
        });
        let variables = json!({ "input": named });
        there[1].ok(document, variables.clone()).await;
        let title = format!("tea {round}");
        ann.rename(&group, &title).await.done();
        let again = there[1].ok(document, variables).await;
        assert_eq!(
            again["sendMessage"]["conversation"]["title"],
            title.as_str()
        );
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_of_yesterday_changes_nothing_at_the_other_server() {
    let Some((apps, [ann, bob, cleo, dora], there)) = two_servers().await else {
        return;
    };
    let group = ann.group("tea", &[&bob, &cleo]).await;
    there[0].rename(&group, "ann's").await.done();
    ann.leave(&group).await;
    there[0].rename(&group, "no").await.refused("NOT_FOUND");
    bob.add(&group, &[&ann]).await.done();
    there[0].rename(&group, "no").await.refused("FORBIDDEN");
    there[0].add(&group, &[&dora]).await.refused("FORBIDDEN");
    there[0].remove(&group, &cleo).await.refused("FORBIDDEN");
    there[1].rename(&group, "bob's").await.done();
    assert_eq!(who(&cleo, &group).await, "ann bob* cleo");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_at_the_other_server_end_for_who_was_removed() {
    let Some((apps, [ann, bob, cleo, _], _)) = two_servers().await else {
        return;
    };
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feeds = Vec::new();
    for window in Window::ALL {
        let scope = Scope::all(window).only(in_group(&group));
        feeds.push(Feed::open(apps[1].address, &bob, scope).await);
    }
    let mut all = Feed::live(apps[1].address, &bob).await;
    let mut cleos = Feed::live(apps[1].address, &cleo).await;
    ann.remove(&group, &bob).await.done();
    for feed in &mut feeds {
        assert_eq!(feed.ended().await.1, "NOT_FOUND");
    }
    all.tells(&["left"]).await;
    cleos.tells(&["conversation tea: ann* cleo"]).await;
    ann.say_in(&group, "gone").await;
    cleos.tells(&["new gone"]).await;
    ann.send(&bob, "to bob").await;
    all.tells(&["conversation direct: ann bob", "new to bob"])
        .await;
    stop(apps).await;
}
