//! A direct conversation is no group.

use super::*;

on_both_stores!(a_direct_conversation_has_no_title_and_takes_no_members);

async fn a_direct_conversation_has_no_title_and_takes_no_members(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let sent = ann.send(&bob, "hello").await;
    let direct = text(&sent["conversation"]["id"]);
    let before = ann.conversation(&direct).await;
    assert_eq!(
        (&before["kind"], &before["title"]),
        (&json!("DIRECT"), &Value::Null)
    );
    let mut feed = Feed::live(app.address, &bob).await;
    for viewer in [&ann, &bob] {
        for answer in [
            viewer.rename(&direct, "us").await,
            viewer.add(&direct, &[&cleo]).await,
            viewer.add(&direct, &[&ann, &bob]).await,
            viewer.remove(&direct, &ann).await,
            viewer.remove(&direct, &bob).await,
        ] {
            assert_eq!(answer.refused("BAD_USER_INPUT"), "conversationId");
        }
    }
    for (real, made_up) in [
        (
            cleo.rename(&direct, "us").await,
            cleo.rename(NO_CONVERSATION, "us").await,
        ),
        (
            cleo.add(&direct, &[&cleo]).await,
            cleo.add(NO_CONVERSATION, &[&cleo]).await,
        ),
        (
            cleo.remove(&direct, &bob).await,
            cleo.remove(NO_CONVERSATION, &bob).await,
        ),
        (
            cleo.remove(&direct, &cleo).await,
            cleo.remove(NO_CONVERSATION, &cleo).await,
        ),
    ] {
        real.refused("NOT_FOUND");
        assert_eq!(real, made_up);
    }
    let unchanged = bob.conversation(&direct).await;
    assert_eq!(unchanged["members"], before["members"]);
    assert_eq!(cleo.listed().await, [] as [Value; 0]);
    ann.send(&bob, "so").await;
    feed.tells(&["new so"]).await;
    app.stop().await;
}
