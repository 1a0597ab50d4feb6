use std::collections::BTreeSet;

use chinwag::domain::{AvatarUrl, Change, ProfileChange};

use super::*;

on_every_store!(
    a_username_is_given_once_whatever_its_case_and_however_many_race_for_it,
    credentials_are_found_by_the_username_key_alone,
    users_are_found_by_id_each_once,
    users_are_counted,
    a_changed_profile_is_found_by_what_it_is_now,
    a_password_is_replaced_once,
    of_a_deleted_account_only_that_it_was_is_left,
    the_sidebar_lists_everyone_else_by_name_and_pages_through_all,
    a_search_finds_those_of_whom_a_word_starts_with_it_and_no_character_is_special,
);

async fn users_are_counted(store: DynStore) {
    for count in 0..3 {
        assert_eq!(store.count_users().await, Ok(count));
        let someone = user("Someone", &format!("someone-{count}"));
        assert_eq!(store.create_user(&someone, "hash").await, Ok(true));
    }
}

async fn a_username_is_given_once_whatever_its_case_and_however_many_race_for_it(store: DynStore) {
    let spellings = ["annika", "Annika", "ANNIKA", "aNNiKa", "annikA"];
    let signups = (0..50).map(|number| {
        let store = store.clone();
        let user = user(
            &format!("Annika {number}"),
            spellings[number % spellings.len()],
        );
        tokio::spawn(async move {
            let created = store.create_user(&user, "hash").await.expect("answers");
            created.then_some(user)
        })
    });
    let created: Vec<User> = join_all(signups)
        .await
        .into_iter()
        .filter_map(|done| done.expect("ends"))
        .collect();
    assert_eq!(created.len(), 1);
    let (kept, _) = store
        .credentials("annika")
        .await
        .expect("answers")
        .expect("exists");
    assert_eq!(kept, created[0]);
    let listed = store
        .sidebar_users(UserId::new(), None, None, 100)
        .await
        .expect("answers");
    assert_eq!(listed, created, "who was refused left nothing behind");
}

async fn credentials_are_found_by_the_username_key_alone(store: DynStore) {
    let ann = User {
        avatar_url: Some(AvatarUrl::stored("https://example.org/a.png?x='\"$")),
        ..user("Ann \u{1F600}", "Ann.One")
    };
    assert!(
        store
            .create_user(&ann, "$2b$12$hash")
            .await
            .expect("answers")
    );
    let found = store.credentials("ann.one").await.expect("answers");
    assert_eq!(found, Some((ann, "$2b$12$hash".to_owned())));
    for other in [
        "Ann.One",
        "annxone",
        "ann.%",
        "ann",
        "",
        "^ann",
        "ann.one\0",
    ] {
        assert_eq!(
            store.credentials(other).await.expect("answers"),
            None,
            "{other:?}"
        );
    }
}

async fn users_are_found_by_id_each_once(store: DynStore) {
    let ann = add_user(&store, "Ann", "ann").await;
    let ben = add_user(&store, "Ben", "ben").await;
    let asked = [ben.id, UserId::new(), ann.id, ben.id];
    let mut found = store.users(&asked).await.expect("answers");
    found.sort_by_key(|user| user.id);
    assert_eq!(found, [ann, ben]);
    assert_eq!(store.users(&[]).await.expect("answers"), []);
}

async fn the_sidebar_lists_everyone_else_by_name_and_pages_through_all(store: DynStore) {
    let names = [
        "bea", "Ann", "ann", "Zoë", "zoe", "Änne", "B", "ANN", "Ōkubo", "ann b", "Ann",
    ];
    let mut everyone = Vec::new();
    for (number, name) in names.iter().enumerate() {
        everyone.push(add_user(&store, name, &format!("user{number}")).await);
    }
    let viewer = everyone[3].clone();
    let mut expected: Vec<User> = everyone
        .into_iter()
        .filter(|user| user.id != viewer.id)
        .collect();
    expected.sort_by_key(|user| (user.sort_key(), user.id));

    for limit in [1, 2, 3, 100] {
        let mut listed: Vec<User> = Vec::new();
        loop {
            let after = listed.last().map(|user| (user.sort_key(), user.id));
            let page = store
                .sidebar_users(viewer.id, None, after.as_ref(), limit)
                .await;
            let page = page.expect("answers");
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            listed.extend(page);
            assert!(listed.len() <= expected.len(), "something is repeated");
        }
        assert_eq!(listed, expected, "pages of {limit}");
    }
}

async fn a_search_finds_those_of_whom_a_word_starts_with_it_and_no_character_is_special(
    store: DynStore,
) {
    let people = [
        ("Ann-Marie O'Neil", "am.oneil"),
        ("100% sure_thing", "sure_1"),
        ("100 years", "hundred"),
        ("$where {\"$gt\": \"\"}", "dollar-1"),
        (".* ^a|b$ (x)", "regex.1"),
        ("back\\slash \"quoted\"", "quote"),
        ("Ärger İstanbul", "aerger"),
        ("end \u{10FFFF}\u{10FFFF}x", "last"),
        ("'; DROP TABLE users; --", "bobby"),
        ("Annabel", "ann_2"),
    ];
    let mut everyone = Vec::new();
    for (display_name, username) in people {
        everyone.push(add_user(&store, display_name, username).await);
    }
    everyone.sort_by_key(|user| (user.sort_key(), user.id));
    let viewer = everyone[0].id;

    let mut searches: BTreeSet<String> = everyone.iter().flat_map(User::search_keys).collect();
    let starts = searches
        .iter()
        .flat_map(|key| [1, 2, 4].map(|n| key.chars().take(n).collect()));
    searches.extend(starts.collect::<Vec<_>>());
    let hostile = [
        "%",
        "_",
        "%%",
        "a%",
        "a_n",
        "*",
        ".",
        ".*",
        "^",
        "^ann",
        "$",
        "$gt",
        "{",
        "\"",
        "'",
        "''",
        "' or 1=1 --",
        "\\",
        "\\0",
        "\0",
        "\u{10FFFF}",
        "\u{10FFFF}\u{10FFFF}",
        "[a-z]",
        "ann.",
        "zzz",
        "nn",
        "neil\u{0}",
    ];
    searches.extend(hostile.map(str::to_owned));
    for search in searches {
        let matches = |user: &User| {
            user.search_keys()
                .iter()
                .any(|key| key.starts_with(&search))
        };
        let expected: Vec<&User> = everyone
            .iter()
            .filter(|user| user.id != viewer && matches(user))
            .collect();
        let mut found = Vec::new();
        loop {
            let after = found.last().map(|user: &User| (user.sort_key(), user.id));
            let page = store
                .sidebar_users(viewer, Some(&search), after.as_ref(), 2)
                .await;
            let page = page.expect("answers");
            if page.is_empty() {
                break;
            }
            found.extend(page);
            assert!(found.len() <= expected.len(), "something is repeated");
        }
        assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{search:?}");
    }
}

/// The names that a search finds, as `UserId::new()` sees them.
async fn found(store: &DynStore, search: Option<&str>) -> Vec<String> {
    let users = store.sidebar_users(UserId::new(), search, None, 100).await;
    let users = users.expect("answers").into_iter();
    users
        .map(|user| user.display_name.as_str().to_owned())
        .collect()
}

async fn a_changed_profile_is_found_by_what_it_is_now(store: DynStore) {
    let ann = add_user(&store, "Ann Arbor", "ann").await;
    let ben = add_user(&store, "Ben", "ben").await;
    let picture = Change::Becomes(AvatarUrl::stored("https://example.org/a.png"));
    let changes = [
        ProfileChange::default(),
        ProfileChange {
            display_name: Some(DisplayName::stored("Zoë Ångström")),
            avatar_url: Change::Stays,
        },
        ProfileChange {
            display_name: None,
            avatar_url: picture.clone(),
        },
        ProfileChange {
            display_name: Some(DisplayName::stored("Yan Zhang")),
            avatar_url: picture,
        },
        ProfileChange {
            display_name: None,
            avatar_url: Change::Goes,
        },
    ];
    let mut now = ann.clone();
    for change in changes {
        now = change.clone().applied_to(now);
        let changed = store.change_profile(ann.id, &change).await;
        assert_eq!(changed, Ok(Some(now.clone())));
        assert_eq!(store.users(&[ann.id]).await, Ok(vec![now.clone()]));
    }
    assert_eq!(found(&store, None).await, ["Ben", "Yan Zhang"]);
    for (search, expected) in [
        ("ann", vec!["Yan Zhang"]),
        ("zh", vec!["Yan Zhang"]),
        ("arb", vec![]),
        ("zo", vec![]),
        ("b", vec!["Ben"]),
    ] {
        assert_eq!(found(&store, Some(search)).await, expected, "{search}");
    }
    let nobody = store
        .change_profile(UserId::new(), &ProfileChange::default())
        .await;
    assert_eq!(nobody, Ok(None));
    assert_eq!(store.users(&[ben.id]).await, Ok(vec![ben]));
}

async fn a_password_is_replaced_once(store: DynStore) {
    let ann = add_user(&store, "Ann", "ann").await;
    assert_eq!(
        store.password_hash(ann.id).await,
        Ok(Some("hash".to_owned()))
    );
    assert_eq!(store.password_hash(UserId::new()).await, Ok(None));
    let fresh = (0..10).map(|number| format!("hash {number}"));
    let fresh = fresh.collect::<Vec<_>>();
    let changes = fresh
        .iter()
        .map(|new| store.change_password(ann.id, "hash", new));
    let changed = join_all(changes).await;
    let winners = fresh
        .iter()
        .zip(changed)
        .filter(|(_, changed)| *changed == Ok(true));
    let winners = winners.map(|(new, _)| new).collect::<Vec<_>>();
    assert_eq!(winners.len(), 1);
    assert_eq!(
        store.password_hash(ann.id).await,
        Ok(Some(winners[0].clone()))
    );
    assert_eq!(
        store.credentials("ann").await,
        Ok(Some((ann, winners[0].clone())))
    );
    let nobody = store.change_password(UserId::new(), "hash", "new").await;
    assert_eq!(nobody, Ok(false));
}

async fn of_a_deleted_account_only_that_it_was_is_left(store: DynStore) {
    let ann = add_user(&store, "Ann", "Ann").await;
    let ben = add_user(&store, "Ben", "ben").await;
    let now = Timestamp::now();
    store.block(ann.id, ben.id, now).await.expect("answers");
    store.block(ben.id, ann.id, now).await.expect("answers");
    let at = now.after(std::time::Duration::from_secs(1));
    assert_eq!(store.is_taken("ann").await, Ok(true));
    for (id, hash, deleted) in [
        (ann.id, "other", false),
        (ann.id, "hash", true),
        (ann.id, "hash", false),
        (ann.id, "", false),
        (UserId::new(), "hash", false),
    ] {
        assert_eq!(store.delete_user(id, hash, at).await, Ok(deleted));
    }

    let left = User::deleted(ann.id, ann.created_at, at);
    assert_eq!(store.users(&[ann.id]).await, Ok(vec![left]));
    assert_eq!(store.credentials("ann").await, Ok(None));
    assert_eq!(store.password_hash(ann.id).await, Ok(None));
    assert_eq!(store.change_password(ann.id, "", "new").await, Ok(false));
    assert_eq!(
        store.change_password(ann.id, "hash", "new").await,
        Ok(false)
    );
    let change = ProfileChange {
        display_name: Some(DisplayName::stored("Ann")),
        avatar_url: Change::Stays,
    };
    assert_eq!(store.change_profile(ann.id, &change).await, Ok(None));
    assert_eq!(found(&store, None).await, ["Ben"]);
    for search in ["ann", "a", "del", "deleted"] {
        assert_eq!(found(&store, Some(search)).await, [""; 0], "{search}");
    }
    assert_eq!(store.blocked_by(ben.id, 10).await, Ok(vec![]));
    assert_eq!(store.estranged_from(ben.id).await, Ok(vec![]));

    assert_eq!(store.is_taken("ann").await, Ok(true));
    assert_eq!(store.is_taken("nobody").await, Ok(false));
    let again = user("Ann", "aNN");
    assert_eq!(store.create_user(&again, "hash").await, Ok(false));
}
