use std::collections::BTreeSet;

use chinwag::store::KeptBlock;

use super::*;

on_every_store!(
    a_block_is_there_until_it_is_taken_back,
    a_block_is_told_once_that_was_noted_of_itself,
    whoever_has_to_do_with_a_block_is_known_from_both_sides,
);

async fn a_block_is_there_until_it_is_taken_back(store: DynStore) {
    let [ann, ben, cleo, dora] = [(); 4].map(|()| UserId::new());
    for (number, blocked) in (0..).zip([ben, cleo, dora]) {
        let at = Timestamp(1_000 + number);
        let made = KeptBlock { at, told: false };
        for again in [at, Timestamp(9_000)] {
            assert_eq!(store.block(ann, blocked, again).await, Ok(made));
        }
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

async fn a_block_is_told_once_that_was_noted_of_itself(store: DynStore) {
    let [ann, ben] = [(); 2].map(|()| UserId::new());
    let block = async |at| store.block(ann, ben, Timestamp(at)).await.expect("answers");
    let note = async |block| store.block_is_told(ann, ben, block).await;
    let first = block(1_000).await;
    assert_eq!(note(first).await, Ok(()));
    let told = KeptBlock {
        told: true,
        ..first
    };
    assert_eq!(block(2_000).await, told);
    let back = store.block(ben, ann, Timestamp(1_000)).await;
    assert_eq!(back, Ok(first), "the other way round it is another one");

    assert_eq!(store.unblock(ann, ben).await, Ok(true));
    assert_eq!(note(first).await, Ok(()), "there is none");
    let second = block(3_000).await;
    assert!(!second.told);
    assert_eq!(note(first).await, Ok(()), "that was another one");
    assert_eq!(block(4_000).await, second);
}

async fn whoever_has_to_do_with_a_block_is_known_from_both_sides(store: DynStore) {
    let [ann, ben, cleo, dora] = [(); 4].map(|()| UserId::new());
    for (blocker, blocked) in [(ann, ben), (ben, ann), (cleo, ann), (dora, ben)] {
        let at = Timestamp::now();
        let made = KeptBlock { at, told: false };
        assert_eq!(store.block(blocker, blocked, at).await, Ok(made));
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
