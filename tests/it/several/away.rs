//! A server that was cut off from the database does not tell what has become someone else's meanwhile.

use std::time::Duration;

use chinwag::app::StoreConfig;
use secrecy::SecretString;
use serde_json::json;

use super::{hears_only, moved};
use crate::support::{TestApp, acts::with, feed::Feed, link::Link, mongod::own, or_skipped};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_meanwhile_is_told_nothing_more() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let link = Link::to(mongod.address()).await;
    let at = |uri: String| StoreConfig::Mongo {
        uri: SecretString::from(uri),
    };
    let app = TestApp::at(at(mongod.uri_for("chat")).into(), hears_only).await;
    let through = format!("mongodb://{}/chat?directConnection=true", link.address);
    let short = |config: &mut chinwag::app::Config| {
        hears_only(config);
        config.limits.hearing_lasts = Duration::from_millis(800);
    };
    let cut_off = TestApp::at(at(through).into(), short).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let other = bob.sign_in_again().await;
    let mut ended = Feed::live(cut_off.address, &other).await;
    let mut lasting = Feed::live(cut_off.address, &bob).await;
    ann.send(&bob, "before").await;
    for feed in [&mut ended, &mut lasting] {
        while !feed.told().await.contains("before") {}
    }
    link.hold();
    other.ok("mutation { logout }", json!({})).await;
    ann.send(&bob, "not for who has left").await;
    // Trust in what is in memory has run out by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    link.release();
    assert_eq!(ended.closed().await, (vec![], Some(4403)));
    while !lasting.told().await.contains("not for who has left") {}
    let history = moved(&bob, &cut_off).history(&with(&ann)).await;
    assert_eq!(history.len(), 2);
    app.stop().await;
    cut_off.stop().await;
}
