use std::{collections::BTreeSet, time::Duration};

use chinwag::domain::{Session, SessionId};

use super::*;

on_every_store!(
    a_session_is_found_until_it_is_ended,
    an_expired_session_is_neither_found_nor_ended_before_and_after_tidying,
    ending_all_of_a_user_names_the_live_ones_and_leaves_others_alone,
    a_session_that_many_end_at_once_is_ended_by_one,
);

const HOUR: Duration = Duration::from_hours(1);

/// A sign-in of now that lasts an hour.
fn session(user_id: UserId) -> Session {
    let created_at = Timestamp::now();
    Session {
        id: SessionId::new(),
        user_id,
        created_at,
        expires_at: created_at.after(HOUR),
    }
}

/// A sign-in that expired this very moment.
fn expired(user_id: UserId) -> Session {
    Session {
        expires_at: Timestamp::now(),
        ..session(user_id)
    }
}

async fn a_session_is_found_until_it_is_ended(store: DynStore) {
    let (session, other) = (session(UserId::new()), session(UserId::new()));
    store.create_session(&session).await.expect("answers");
    store.create_session(&other).await.expect("answers");
    assert_eq!(
        store.session(session.id).await.expect("answers"),
        Some(session.clone())
    );
    assert_eq!(
        store.session(SessionId::new()).await.expect("answers"),
        None
    );

    assert!(store.end_session(session.id).await.expect("answers"));
    assert_eq!(store.session(session.id).await.expect("answers"), None);
    assert!(
        !store.end_session(session.id).await.expect("answers"),
        "it was live only once"
    );
    assert!(!store.end_session(SessionId::new()).await.expect("answers"));
    assert_eq!(store.session(other.id).await.expect("answers"), Some(other));
}

async fn an_expired_session_is_neither_found_nor_ended_before_and_after_tidying(store: DynStore) {
    let user = UserId::new();
    let (dead, live) = (expired(user), session(user));
    store.create_session(&dead).await.expect("answers");
    store.create_session(&live).await.expect("answers");
    for _ in 0..2 {
        assert_eq!(store.session(dead.id).await.expect("answers"), None);
        assert!(!store.end_session(dead.id).await.expect("answers"));
        store.tidy().await.expect("answers");
        assert_eq!(
            store.session(live.id).await.expect("answers"),
            Some(live.clone())
        );
    }
}

async fn ending_all_of_a_user_names_the_live_ones_and_leaves_others_alone(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let sessions = [
        session(ann),
        session(ann),
        session(ann),
        expired(ann),
        session(ben),
    ];
    for session in &sessions {
        store.create_session(session).await.expect("answers");
    }
    store.end_session(sessions[2].id).await.expect("answers");

    let ended = store.end_sessions_of(ann).await.expect("answers");
    assert_eq!(ended.len(), 2);
    assert_eq!(
        BTreeSet::from_iter(ended),
        BTreeSet::from([sessions[0].id, sessions[1].id])
    );
    for ended in &sessions[..4] {
        assert_eq!(store.session(ended.id).await.expect("answers"), None);
    }
    assert!(
        store
            .session(sessions[4].id)
            .await
            .expect("answers")
            .is_some()
    );
    assert_eq!(store.end_sessions_of(ann).await.expect("answers"), []);
}

async fn a_session_that_many_end_at_once_is_ended_by_one(store: DynStore) {
    let session = session(UserId::new());
    store.create_session(&session).await.expect("answers");
    let ends = join_all((0..20).map(|_| store.end_session(session.id))).await;
    let ended = ends
        .into_iter()
        .filter(|ended| *ended.as_ref().expect("answers"))
        .count();
    assert_eq!(ended, 1);
}
