//! What processes learn of each other.

use chinwag::{
    domain::{Session, SessionId},
    store::{Presence, Sessions, Upkeep},
};

use super::*;
use crate::support::mongod::{self, fresh_database};

#[tokio::test]
async fn a_session_ended_by_one_process_is_named_to_the_others() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let now = Timestamp::now();
    let session = Session {
        id: SessionId::new(),
        user_id: UserId::new(),
        device: None,
        created_at: now,
        last_used_at: now,
        expires_at: now.after(Duration::from_mins(1)),
    };
    here.create_session(&session).await.expect("answers");
    assert_eq!(elsewhere.sessions_ended_elsewhere().await, Ok(vec![]));
    assert_eq!(here.end_session(session.id).await, Ok(true));
    assert_eq!(elsewhere.session(session.id).await, Ok(None));
    assert_eq!(
        elsewhere.sessions_ended_elsewhere().await,
        Ok(vec![session.id])
    );
    assert_eq!(here.sessions_ended_elsewhere().await, Ok(vec![]));
    here.close().await;
    elsewhere.close().await;
}

/// Renews the lease until it has buried somebody of these.
async fn seen_after_burial(store: &MongoStore, user: UserId, later_than: Timestamp) -> Timestamp {
    for _ in 0..200 {
        store.renew_lease().await.expect("answers");
        let seen = store.last_seen(&[user]).await.expect("answers");
        if let Some((_, at)) = seen.first().filter(|(_, at)| *at > later_than) {
            return *at;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("nobody is buried");
}

#[tokio::test]
async fn a_dead_process_takes_its_users_offline_and_a_paused_one_comes_back_with_them() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let paused = open_with(&uri, SHORT).await.expect("the store opens");
    let alive = open_with(&uri, SHORT).await.expect("the store opens");
    let user = UserId::new();
    paused.record_online(&[user]).await.expect("answers");
    let first = seen_after_burial(&alive, user, Timestamp(0)).await;
    paused.renew_lease().await.expect("answers");
    // Not closed: as dead as a process that was killed.
    drop(paused);
    seen_after_burial(&alive, user, first).await;
    alive.close().await;
}

#[tokio::test]
async fn when_the_database_was_away_nobody_is_taken_for_dead_before_they_can_come_back() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let first = open_with(&uri, SHORT).await.expect("the store opens");
    let other = open_with(&uri, SHORT).await.expect("the store opens");
    let user = UserId::new();
    other.record_online(&[user]).await.expect("answers");
    let mut known_as = Vec::new();
    for store in [&first, &other] {
        known_as.push(store.renew_lease().await.expect("answers").name);
    }
    // Nobody's renewal reaches it for longer than a lease lasts.
    tokio::time::sleep(SHORT.lease * 3 / 2).await;
    for (store, name) in [&first, &other].into_iter().zip(&known_as) {
        let lease = store.renew_lease().await.expect("answers");
        assert_eq!((lease.buried, lease.name), (vec![], *name));
    }
    assert_eq!(
        first.online_elsewhere().await.expect("answers"),
        [(known_as[1], user)]
    );
    first.close().await;
    other.close().await;
}
