use super::*;

on_every_store!(
    who_went_offline_was_last_seen_then_and_coming_online_changes_nothing_about_it,
    recording_twice_is_recording_once,
    last_seen_never_moves_back,
    who_was_never_online_was_never_seen,
);

async fn who_went_offline_was_last_seen_then_and_coming_online_changes_nothing_about_it(
    store: DynStore,
) {
    let (ann, ben) = (UserId::new(), UserId::new());
    store.record_online(&[ann, ben]).await.expect("answers");
    store
        .record_offline(&[(ann, Timestamp(1_000)), (ben, Timestamp(2_000))])
        .await
        .expect("answers");
    store.record_online(&[ann]).await.expect("answers");
    store.renew_lease().await.expect("answers");
    let mut seen = store.last_seen(&[ben, ann, ann]).await.expect("answers");
    seen.sort_unstable();
    let mut expected = [(ann, Timestamp(1_000)), (ben, Timestamp(2_000))];
    expected.sort_unstable();
    assert_eq!(seen, expected);

    store
        .record_offline(&[(ann, Timestamp(3_000))])
        .await
        .expect("answers");
    assert_eq!(
        store.last_seen(&[ann]).await.expect("answers"),
        [(ann, Timestamp(3_000))]
    );
}

async fn recording_twice_is_recording_once(store: DynStore) {
    let ann = UserId::new();
    for _ in 0..2 {
        store.record_online(&[ann, ann]).await.expect("answers");
    }
    for _ in 0..2 {
        store
            .record_offline(&[(ann, Timestamp(5))])
            .await
            .expect("answers");
        assert_eq!(
            store.last_seen(&[ann]).await.expect("answers"),
            [(ann, Timestamp(5))]
        );
    }
}

async fn last_seen_never_moves_back(store: DynStore) {
    let ann = UserId::new();
    for at in [7, 9, 8] {
        store.record_online(&[ann]).await.expect("answers");
        store
            .record_offline(&[(ann, Timestamp(at))])
            .await
            .expect("answers");
    }
    assert_eq!(
        store.last_seen(&[ann]).await.expect("answers"),
        [(ann, Timestamp(9))]
    );
}

async fn who_was_never_online_was_never_seen(store: DynStore) {
    store
        .record_offline(&[(UserId::new(), Timestamp(1))])
        .await
        .expect("answers");
    assert_eq!(
        store.last_seen(&[UserId::new()]).await.expect("answers"),
        []
    );
    store.record_online(&[]).await.expect("answers");
    store.record_offline(&[]).await.expect("answers");
    assert_eq!(store.last_seen(&[]).await.expect("answers"), []);
}
