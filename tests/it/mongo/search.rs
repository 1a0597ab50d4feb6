//! What the server reads for a search.

use chinwag::store::{Search, Upkeep};

use super::{
    plans::{profile, profiled},
    *,
};
use crate::support::mongod::{self, fresh_database};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_reads_what_it_asks_for_and_someones_conversations_from_the_index_alone() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = StoreLimits {
        alone: Duration::from_hours(1),
        ..limits()
    };
    let store = open_with(&uri, store).await.expect("the store opens");
    let ann = UserId::new();
    for _ in 0..300 {
        let pair = Pair::new(ann, UserId::new()).expect("two people");
        let new = Conversation::direct(pair, Timestamp::now());
        store.create_direct(&new).await.expect("answers");
        direct(&store).await;
    }
    let parts: Vec<_> = (1..=500).map(|number| (number, "a part".into())).collect();
    store.add_parts(&parts).await.expect("answers");
    assert_eq!(store.replace_catalogue(0, "one").await, Ok(true));
    assert_eq!(store.replace_catalogue(0, "another").await, Ok(false));
    let db = database(&uri).await;
    profile(&db, 2).await;
    assert_eq!(store.catalogue().await, Ok((1, "one".to_owned())));
    let own = store.conversations_with(ann).await.expect("answers");
    assert_eq!(own.len(), 300);
    assert_eq!(store.parts(&[3, 70, 600]).await.expect("answers").len(), 2);
    assert_eq!(store.part_behind(70).await, Ok(Some(71)));
    assert_eq!(store.remove_parts(20, 40).await, Ok(false));
    profile(&db, 0).await;
    for (plan, keys, documents, _) in profiled(&db, "conversations").await {
        assert!(plan.starts_with("IXSCAN"), "{plan}");
        assert!(keys <= 310 && documents == 0, "{keys} {documents}");
    }
    let queries = profiled(&db, "searchParts").await;
    assert!(queries.len() >= 3, "{queries:?}");
    for query in queries {
        let (plan, keys, documents, _) = &query;
        assert!(plan.starts_with("IXSCAN") || plan == "IDHACK", "{query:?}");
        assert!(*keys <= 21 && *documents <= 20, "{query:?}");
    }
    assert_eq!(
        store.parts(&[19, 20, 39, 40]).await.expect("answers").len(),
        2
    );
    store.close().await;
}
