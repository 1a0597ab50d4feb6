use std::collections::BTreeSet;

use super::*;

on_every_store!(
    a_block_is_there_until_it_is_taken_back,
    whoever_has_to_do_with_a_block_is_known_from_both_sides,
);

async fn a_block_is_there_until_it_is_taken_back(store: DynStore) {
    let [ann, ben, cleo, dora] = [(); 4].map(|()| UserId::new());
    for (number, blocked) in (0..).zip([ben, cleo, dora]) {
        let at = Timestamp(1_000 + number);
        assert_eq!(store.block(ann, blocked, at).await, Ok(true));
        assert_eq!(store.block(ann, blocked, Timestamp(9_000)).await, Ok(false));
    }
    assert_eq!(store.blocked_by(ann, 10).await, Ok(vec![dora, cleo, ben]));
    assert_eq!(store.blocked_by(ann, 2).await, Ok(vec![dora, cleo]));
    assert_eq!(store.blocked_by(ben, 10).await, Ok(vec![]));

    assert_eq!(
        store.unblock(cleo, ann).await,
        Ok(false),
        "the other way round"
    );
    assert_eq!(store.unblock(ann, cleo).await, Ok(true));
    assert_eq!(store.unblock(ann, cleo).await, Ok(false));
    assert_eq!(store.blocked_by(ann, 10).await, Ok(vec![dora, ben]));
}

async fn whoever_has_to_do_with_a_block_is_known_from_both_sides(store: DynStore) {
    let [ann, ben, cleo, dora] = [(); 4].map(|()| UserId::new());
    for (blocker, blocked) in [(ann, ben), (ben, ann), (cleo, ann), (dora, ben)] {
        let at = Timestamp::now();
        assert_eq!(store.block(blocker, blocked, at).await, Ok(true));
    }
    for (user, others) in [
        (ann, vec![ben, cleo]),
        (ben, vec![ann, dora]),
        (cleo, vec![ann]),
        (UserId::new(), vec![]),
    ] {
        let found = store.estranged_from(user).await.expect("answers");
        assert_eq!(found.len(), others.len());
        assert_eq!(BTreeSet::from_iter(found), BTreeSet::from_iter(others));
    }
}
