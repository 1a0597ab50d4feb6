//! A server reads what others write when it concerns someone there.

use tokio::time::Instant;

use super::*;

const LAG: &str = "chinwag_log_lag_seconds";

/// How long ago a server began to read the log last.
async fn lag(app: &TestApp) -> Duration {
    Duration::from_secs_f64(app.metric(LAG).await)
}

/// Someone types to someone at the other server: what was signalled before was heard there, too.
struct Barrier {
    from: Client,
    to: Client,
    socket: Ws,
    typing: bool,
}

impl Barrier {
    async fn between(apps: &[TestApp; 2]) -> Self {
        let (from, to) = (apps[0].user("fay").await, apps[0].user("eve").await);
        from.send(&to, "hello").await;
        let mut socket = apps[1].socket(&to).await;
        let document = "subscription { typing { typing } }";
        socket.subscribe("typing", document, json!({})).await;
        socket.settle().await;
        Self {
            from,
            to,
            socket,
            typing: false,
        }
    }

    async fn pass(&mut self) {
        self.typing = !self.typing;
        let document = "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";
        let variables = json!({ "in": with(&self.to), "typing": self.typing });
        self.from.ok(document, variables).await;
        let told = self.socket.event("typing").await;
        assert_eq!(told["typing"]["typing"], self.typing);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_concerns_nobody_there_is_read_by_who_asks_for_it() {
    if !mongo_is_there().await {
        return;
    }
    let rests = |config: &mut Config| {
        hears_only(config);
        // Nor does it look whether it still hears, or take over the search's index.
        config.limits.hearing_lasts = Duration::from_hours(1);
        config.limits.index_patience = Duration::from_hours(1);
    };
    let app = TestApp::with(StoreKind::Mongo, rests).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    // Whoever keeps the index is concerned by everything: that is to be the first.
    let found = "{ searchMessages(text: \"hello\", first: 1) { nodes { id } } }";
    eventually("it is indexed", async || {
        let page = ann.ok(found, json!({})).await;
        page["searchMessages"]["nodes"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    let beside = app.beside(rests).await;
    let apps = [app, beside];
    let mut barrier = Barrier::between(&apps).await;
    barrier.pass().await;
    let there = moved(&bob, &apps[1]);
    // The second ends what the first may have left to be read.
    for _ in 0..2 {
        there.listed().await;
    }
    let begun = Instant::now();
    for number in 0..20 {
        ann.send(&bob, &format!("message {number}")).await;
    }
    barrier.pass().await;
    let since = begun.elapsed();
    assert!(lag(&apps[1]).await >= since, "it was read there");
    let listed = there.listed().await;
    assert_eq!(listed[0]["lastMessage"]["body"], "message 19");
    // Now it is of concern.
    let mut feed = Feed::live(apps[1].address, &bob).await;
    ann.send(&bob, "are you there?").await;
    feed.tells(&["new are you there?"]).await;
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_just_come_to_another_server_is_told_at_once() {
    let hurries_for_who_comes = |config: &mut Config| {
        config.limits.signal_unhurried = Duration::from_hours(1);
        // So that most of what is sent is written before it is heard who has come.
        config.limits.signal_gather = Duration::from_millis(500);
        // What a server tells to find out whether it still hears takes along what waits.
        config.limits.hearing_lasts = Duration::from_hours(1);
    };
    let Some(apps) = two(hurries_for_who_comes).await else {
        return;
    };
    let ann = apps[0].user("ann").await;
    for number in 0..6 {
        let guest = apps[0].user(&format!("guest{number}")).await;
        let mut feed = Feed::live(apps[1].address, &guest).await;
        ann.send(&guest, "welcome").await;
        let first = format!("conversation direct: ann guest{number}");
        feed.tells(&[&first, "new welcome"]).await;
    }
    stop(apps).await;
}
