use std::{collections::BTreeSet, time::Duration};

use chinwag::domain::{Device, Session, SessionId};

use super::*;

on_every_store!(
    a_session_is_found_until_it_is_ended,
    an_expired_session_is_neither_found_nor_ended_before_and_after_tidying,
    ending_all_of_a_user_names_the_live_ones_and_leaves_others_alone,
    a_session_that_many_end_at_once_is_ended_by_one,
    a_users_sessions_are_listed_the_newest_first_and_one_may_be_kept,
    the_latest_use_of_a_session_is_known,
);

const HOUR: Duration = Duration::from_hours(1);

/// A sign-in of now that lasts an hour.
fn session(user_id: UserId) -> Session {
    let created_at = Timestamp::now();
    Session {
        id: SessionId::new(),
        user_id,
        device: Some(Device::stored("Mozilla/5.0 (X11; Linux x86_64) \"é\" $")),
        created_at,
        last_used_at: created_at,
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

    let ended = store.end_sessions_of(ann, None).await.expect("answers");
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
    assert_eq!(store.end_sessions_of(ann, None).await.expect("answers"), []);
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

async fn a_users_sessions_are_listed_the_newest_first_and_one_may_be_kept(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let at = |user, age: i64| {
        let session = session(user);
        let created_at = Timestamp(session.created_at.0 - age);
        Session {
            created_at,
            last_used_at: created_at,
            device: None,
            ..session
        }
    };
    let sessions = [at(ann, 20), at(ann, 30), at(ann, 10), at(ben, 5)];
    for session in sessions.iter().chain([&expired(ann)]) {
        store.create_session(session).await.expect("answers");
    }
    let [second, third, first, bens] = sessions;
    let expected = [first.clone(), second.clone(), third];
    assert_eq!(store.sessions_of(ann, 10).await, Ok(expected.to_vec()));
    assert_eq!(
        store.sessions_of(ann, 2).await,
        Ok(vec![first, second.clone()])
    );
    assert_eq!(store.sessions_of(UserId::new(), 10).await, Ok(vec![]));

    let ended = store.end_sessions_of(ann, Some(second.id)).await;
    assert_eq!(ended.expect("answers").len(), 2);
    assert_eq!(store.sessions_of(ann, 10).await, Ok(vec![second]));
    assert_eq!(store.sessions_of(ben, 10).await, Ok(vec![bens]));
}

async fn the_latest_use_of_a_session_is_known(store: DynStore) {
    let (used, unused) = (session(UserId::new()), session(UserId::new()));
    store.create_session(&used).await.expect("answers");
    store.create_session(&unused).await.expect("answers");
    let later = used.created_at.after(HOUR / 2);
    for at in [later, used.created_at] {
        let ids = [used.id, SessionId::new()];
        store.note_use(&ids, at).await.expect("answers");
        let found = store.session(used.id).await.expect("answers");
        assert_eq!(found.map(|session| session.last_used_at), Some(later));
    }
    assert_eq!(store.session(unused.id).await, Ok(Some(unused)));
}
