use super::*;

on_every_store!(
    the_signing_secret_is_the_first_that_was_offered,
    an_open_store_answers_a_ping,
);

async fn the_signing_secret_is_the_first_that_was_offered(store: DynStore) {
    let offers: Vec<String> = (0..10).map(|number| format!("secret {number}")).collect();
    let kept = join_all(offers.iter().map(|fresh| store.signing_secret(fresh))).await;
    let first = kept[0].clone().expect("answers");
    assert!(offers.contains(&first));
    for kept in kept {
        assert_eq!(kept.expect("answers"), first);
    }
    assert_eq!(store.signing_secret("later").await.expect("answers"), first);
}

async fn an_open_store_answers_a_ping(store: DynStore) {
    assert_eq!(store.ping().await, Ok(()));
}
