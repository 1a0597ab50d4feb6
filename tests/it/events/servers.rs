//! Two servers on one MongoDB tell the same, whichever took it in.

use super::*;

/// Two servers; none when there is no MongoDB.
async fn two_servers() -> Option<[TestApp; 2]> {
    if !mongo_is_there().await {
        return None;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    Some([app, beside])
}

async fn stop(apps: [TestApp; 2]) {
    for app in apps {
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_one_server_takes_in_the_other_one_tells_in_order() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob, cleo) = three(&apps[0]).await;
    let there = [&ann, &bob, &cleo].map(|one| one.at(apps[1].url("/graphql")));
    let mut feeds = [
        Feed::live(apps[0].address, &bob).await,
        Feed::live(apps[1].address, &bob.sign_in_again().await).await,
    ];
    let tell = async |feeds: &mut [Feed; 2], expected: &str| {
        for feed in feeds {
            feed.tells(&[expected]).await;
        }
    };
    let group = ann.group("tea", &[&bob]).await;
    tell(&mut feeds, "conversation tea: ann* bob").await;
    let said = there[0].say_in(&group, "hello").await;
    tell(&mut feeds, "new hello").await;
    there[0].edit(&said.id, "hello!").await.done();
    tell(&mut feeds, "changed hello! (edited)").await;
    ann.add(&group, &[&cleo]).await.done();
    tell(&mut feeds, "conversation tea: ann* bob cleo").await;
    cleo.react(&said.id, "👍").await.done();
    tell(&mut feeds, "changed hello! (edited) 👍×1").await;
    let more = ann.say_in(&group, "more").await;
    tell(&mut feeds, "new more").await;
    there[2].mark(&more.id).await.done();
    tell(&mut feeds, "cleo read 2").await;
    there[0].rename(&group, "cake").await.done();
    tell(&mut feeds, "conversation cake: ann* bob cleo").await;
    ann.delete(&said.id).await.done();
    tell(&mut feeds, "changed (deleted)").await;
    there[0].remove(&group, &cleo).await.done();
    tell(&mut feeds, "conversation cake: ann* bob").await;
    say(&there[2], &bob, "by myself").await;
    tell(&mut feeds, "conversation direct: bob cleo").await;
    tell(&mut feeds, "new by myself").await;
    ann.remove(&group, &bob).await.done();
    tell(&mut feeds, "left").await;
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_goes_on_at_the_other_server_where_it_was() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob, _) = three(&apps[0]).await;
    let there = ann.at(apps[1].url("/graphql"));
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    let mut feed = Feed::live(apps[0].address, &bob).await;
    ann.say_in(&group, "begin").await;
    feed.tells(&["new begin"]).await;
    for round in 0..20 {
        let app = &apps[(round + 1) % 2];
        let (here, body) = if round % 3 == 0 {
            (&ann, format!("{round} by ann"))
        } else {
            (&there, format!("{round} by the other"))
        };
        here.say_in(&group, &body).await;
        here.edit(&said.id, &body).await.done();
        here.rename(&group, &body).await.done();
        feed.resume(app.address).await;
        feed.tells(&[
            format!("new {body}"),
            format!("changed {body} (edited)"),
            format!("conversation {body}: ann* bob"),
        ])
        .await;
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_at_one_server_begins_behind_what_the_other_acknowledged() {
    let Some(apps) = two_servers().await else {
        return;
    };
    let (ann, bob, _) = three(&apps[0]).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    let there = bob.at(apps[1].url("/graphql"));
    for round in 0..20 {
        ann.say_in(&group, &format!("before {round}")).await;
        ann.edit(&said.id, &format!("hello {round}")).await.done();
        ann.rename(&group, &format!("tea {round}")).await.done();
        let after = there.stands().await;
        let scope = Scope::all(Window::Events).after(after);
        let mut feeds = [
            Feed::live(apps[1].address, &bob).await,
            Feed::open(apps[1].address, &bob, scope).await,
        ];
        ann.say_in(&group, &format!("after {round}")).await;
        for feed in &mut feeds {
            feed.tells(&[format!("new after {round}")]).await;
        }
    }
    stop(apps).await;
}
