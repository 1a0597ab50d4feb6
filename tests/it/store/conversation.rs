use std::collections::{BTreeMap, BTreeSet};

use chinwag::domain::{ConversationActivity, ConversationKind, Member, MemberRole, ReadMark};

use super::{writer::told, *};

on_every_store!(
    a_pair_has_one_direct_conversation_however_many_start_it_in_both_directions,
    a_direct_conversation_is_found_by_its_pair_before_its_first_message,
    conversations_are_found_by_id_with_members_each_once,
    a_viewer_sees_conversations_with_messages_the_latest_first_and_pages_through_all,
    activity_is_that_of_the_newest_message_or_of_the_beginning,
    a_change_of_a_conversation_shows_wherever_it_is_read,
    read_marks_only_move_forward_and_only_for_members,
    racing_read_marks_end_at_the_greatest,
    sending_reads_up_to_the_senders_own_message,
);

async fn a_pair_has_one_direct_conversation_however_many_start_it_in_both_directions(
    store: DynStore,
) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let starts = (0..30).map(|number| {
        let store = store.clone();
        let (a, b) = if number % 2 == 0 {
            (ann, ben)
        } else {
            (ben, ann)
        };
        tokio::spawn(async move { add_direct(&store, a, b).await })
    });
    let started = join_all(starts).await;
    let first = started[0].as_ref().expect("ends").clone();
    for conversation in started {
        assert_eq!(conversation.expect("ends"), first);
    }
    let mut members: Vec<UserId> = first.members.iter().map(|member| member.user_id).collect();
    members.sort_unstable();
    assert_eq!(members, [ann.min(ben), ann.max(ben)]);
    assert_eq!(
        store.conversations(&[first.id]).await.expect("answers"),
        [first]
    );
}

async fn a_direct_conversation_is_found_by_its_pair_before_its_first_message(store: DynStore) {
    let [ann, ben, cem] = [(); 3].map(|()| UserId::new());
    let pair = |a, b| Pair::new(a, b).expect("two people");
    let with_ben = add_direct(&store, ann, ben).await;
    let with_cem = add_direct(&store, ann, cem).await;
    let asked = [
        pair(cem, ann),
        pair(ben, cem),
        pair(ben, ann),
        pair(ann, cem),
    ];
    let mut found = store.direct_conversations(&asked).await.expect("answers");
    found.sort_by_key(|conversation| conversation.id);
    let mut expected = [with_ben, with_cem];
    expected.sort_by_key(|conversation| conversation.id);
    assert_eq!(found, expected);
    assert_eq!(store.direct_conversations(&[]).await.expect("answers"), []);
}

async fn conversations_are_found_by_id_with_members_each_once(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let created_at = Timestamp(1_795_354_800_007);
    let new = Conversation::direct(Pair::new(ann, ben).expect("two people"), created_at);
    assert_eq!(store.create_direct(&new).await.expect("answers"), new);

    let asked = [ConversationId::new(), new.id, new.id];
    let found = store.conversations(&asked).await.expect("answers");
    let member = |user| Member::joining(user, created_at);
    let expected = Conversation {
        id: new.id,
        kind: ConversationKind::Direct,
        title: None,
        members: vec![member(ann.min(ben)), member(ann.max(ben))],
        created_at,
        changed: 0,
    };
    assert_eq!(found, [expected]);
    assert_eq!(store.conversations(&[]).await.expect("answers"), []);
}

async fn a_viewer_sees_conversations_with_messages_the_latest_first_and_pages_through_all(
    store: DynStore,
) {
    let mut writer = Writer::begin(&store).await;
    let viewer = UserId::new();
    // The clock goes back and forth; what was sent later is later all the same.
    let moments = [5, 9, 5, 1, 9, 5, 7, 3, 5];
    let mut expected = Vec::new();
    let mut drafts = Vec::new();
    for at in moments {
        let conversation = add_direct(&store, viewer, UserId::new()).await;
        drafts.push(Message {
            sent_at: Timestamp(1_795_354_800_000 + at),
            ..draft(conversation.id, viewer, "hi")
        });
        expected.push((conversation.id, drafts[drafts.len() - 1].sent_at));
    }
    // Some in one write, some each in its own.
    writer.send(&drafts[..4]).await;
    for draft in &drafts[4..] {
        writer.say(draft).await;
    }
    add_direct(&store, viewer, UserId::new()).await;
    let others = add_direct(&store, UserId::new(), UserId::new()).await;
    let not_the_viewers = draft(others.id, others.members[0].user_id, "hi");
    writer.say(&not_the_viewers).await;
    expected.reverse();

    for limit in [1, 2, 4, 100] {
        let listed = list(&store, viewer, limit).await;
        let ranks = listed.iter().map(|(_, activity)| activity.rank);
        assert!(ranks.is_sorted_by(|a, b| a > b), "by rank downwards");
        let listed: Vec<_> = listed
            .iter()
            .map(|(conversation, activity)| {
                assert_eq!(
                    (activity.conversation_id, activity.last_seq),
                    (conversation.id, 1)
                );
                (conversation.id, activity.last_activity_at)
            })
            .collect();
        assert_eq!(listed, expected, "pages of {limit}");
    }
}

/// All of a viewer's conversations, read in parts of at most `limit`.
async fn list(
    store: &DynStore,
    viewer: UserId,
    limit: usize,
) -> Vec<(Conversation, ConversationActivity)> {
    let mut listed: Vec<(Conversation, ConversationActivity)> = Vec::new();
    loop {
        let after = listed
            .last()
            .map(|(last, activity)| (activity.rank, last.id));
        let page = store
            .conversations_of(viewer, after, limit)
            .await
            .expect("answers");
        assert!(page.len() <= limit);
        if page.is_empty() {
            return listed;
        }
        listed.extend(page);
        assert!(listed.len() <= 100, "something is repeated");
    }
}

async fn activity_is_that_of_the_newest_message_or_of_the_beginning(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let asked = [conversation.id, ConversationId::new(), conversation.id];
    let activity = async || {
        let found = store.activities(&asked).await.expect("answers");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].conversation_id, conversation.id);
        found[0]
    };
    let before = activity().await;
    assert_eq!(
        (before.last_seq, before.last_activity_at),
        (0, conversation.created_at)
    );

    let later = |seconds| {
        conversation
            .created_at
            .after(std::time::Duration::from_secs(seconds))
    };
    let drafts = [1, 2, 3].map(|seconds| Message {
        sent_at: later(seconds),
        ..draft(conversation.id, sender, "hi")
    });
    writer.send(&drafts).await;
    let after = activity().await;
    assert_eq!((after.last_seq, after.last_activity_at), (3, later(3)));
    assert!(after.rank > before.rank);
    assert_eq!(
        after.rank,
        writer.tails(&[conversation.id]).await[&conversation.id].rank
    );
}

async fn a_change_of_a_conversation_shows_wherever_it_is_read(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let [ann, ben, cem] = [(); 3].map(|()| UserId::new());
    let mut conversation = add_direct(&store, ann, ben).await;
    writer
        .send(&[
            draft(conversation.id, ann, "hi"),
            draft(conversation.id, ben, "hi"),
        ])
        .await;
    let id = [conversation.id];
    // Made by the first step.
    conversation.changed = 1;
    conversation
        .members
        .iter_mut()
        .for_each(|member| member.since = 1);
    assert_eq!(
        store.conversations(&id).await.expect("answers"),
        [conversation.clone()]
    );

    let activity = store.activities(&id).await.expect("answers");
    let joined = Member {
        user_id: cem,
        role: MemberRole::Owner,
        joined_at: Timestamp(1_795_354_800_007),
        since: 4,
    };
    let named = |title: &str| Conversation {
        title: Some(title.to_owned()),
        ..conversation.clone()
    };
    // Two at once, of which the later one holds.
    let with_ben = conversation.members.clone();
    let with_cem = [with_ben.clone(), vec![joined.clone()]].concat();
    let first = Conversation {
        members: with_cem,
        ..named("first")
    };
    let second = Conversation {
        members: vec![conversation.members[0].clone(), joined],
        ..named("second")
    };
    let left = conversation.members[1].user_id;
    let stayed = conversation.members[0].user_id;
    for (changes, step) in [(vec![&first], 4), (vec![&second, &first, &second], 7)] {
        let newest = Conversation {
            changed: step,
            ..(*changes.last().expect("some")).clone()
        };
        writer.write(changes.into_iter().map(told).collect()).await;
        let found = store.conversations(&id).await.expect("answers");
        assert_eq!(found, std::slice::from_ref(&newest));
        for member in &newest.members {
            let listed = list(&store, member.user_id, 10).await;
            // Nothing was said, so that it stays in its place.
            assert_eq!(listed, [(newest.clone(), activity[0])]);
        }
    }
    assert_eq!(list(&store, left, 10).await, []);
    let marks = marks(&store, conversation.id).await;
    assert_eq!(
        marks.keys().copied().collect::<BTreeSet<_>>(),
        BTreeSet::from([stayed, cem])
    );
    assert_eq!(marks[&cem], 2, "what was there counts as read");
    assert!(marks[&stayed] > 0, "has read what was read before");
}

/// The marks of a conversation by who read.
async fn marks(store: &DynStore, conversation: ConversationId) -> BTreeMap<UserId, i64> {
    let asked = [conversation, ConversationId::new(), conversation];
    let marks = store.read_marks(&asked).await.expect("answers");
    let count = marks.len();
    let by_user: BTreeMap<_, _> = marks
        .into_iter()
        .map(
            |ReadMark {
                 conversation_id,
                 user_id,
                 seq,
             }| {
                assert_eq!(conversation_id, conversation);
                (user_id, seq)
            },
        )
        .collect();
    assert_eq!(by_user.len(), count, "one mark a member");
    by_user
}

async fn read_marks_only_move_forward_and_only_for_members(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let conversation = add_direct(&store, ann, ben).await.id;
    assert_eq!(
        marks(&store, conversation).await,
        BTreeMap::from([(ann, 0), (ben, 0)])
    );
    let drafts = [(); 5].map(|()| draft(conversation, ann, "hi"));
    Writer::begin(&store).await.send(&drafts).await;

    for (seq, moves) in [
        (3, true),
        (3, false),
        (2, false),
        (0, false),
        (-1, false),
        (4, true),
    ] {
        let moved = store
            .mark_read(conversation, ben, seq)
            .await
            .expect("answers");
        assert_eq!(moved, moves, "to {seq}");
    }
    assert!(
        !store
            .mark_read(conversation, UserId::new(), 5)
            .await
            .expect("answers")
    );
    assert!(
        !store
            .mark_read(ConversationId::new(), ben, 5)
            .await
            .expect("answers")
    );
    assert_eq!(
        marks(&store, conversation).await,
        BTreeMap::from([(ann, 5), (ben, 4)])
    );
}

async fn racing_read_marks_end_at_the_greatest(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let conversation = add_direct(&store, ann, ben).await.id;
    let drafts: Vec<Message> = (0..20).map(|_| draft(conversation, ann, "hi")).collect();
    Writer::begin(&store).await.send(&drafts).await;
    let reads = (1..=20)
        .rev()
        .map(|seq| store.mark_read(conversation, ben, seq));
    for moved in join_all(reads).await {
        moved.expect("answers");
    }
    assert_eq!(marks(&store, conversation).await[&ben], 20);
}

async fn sending_reads_up_to_the_senders_own_message(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let conversation = add_direct(&store, ann, ben).await.id;
    let drafts = [ann, ben, ann, ann, ben, ann].map(|sender| draft(conversation, sender, "hi"));
    let mut writer = Writer::begin(&store).await;
    writer.send(&drafts).await;
    assert_eq!(
        marks(&store, conversation).await,
        BTreeMap::from([(ann, 6), (ben, 5)])
    );
    writer.say(&draft(conversation, ben, "hi")).await;
    assert_eq!(
        marks(&store, conversation).await,
        BTreeMap::from([(ann, 6), (ben, 7)])
    );
    assert!(
        !store
            .mark_read(conversation, ben, 6)
            .await
            .expect("answers")
    );
}
