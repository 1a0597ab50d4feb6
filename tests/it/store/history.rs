use chinwag::domain::{Page, Seq, Window};

use super::*;

on_every_store!(
    a_page_of_history_is_what_the_connection_specification_says_for_any_window,
    what_a_viewer_missed_is_what_their_conversations_said_between_two_positions,
    paging_back_through_a_history_meets_every_message_once_while_others_write,
);

/// The algorithm of the GraphQL cursor connections specification, over a list in memory.
fn page(all: &[Message], window: &Window<Seq>) -> Page<Message> {
    let after = window.after.unwrap_or(Seq::MIN);
    let before = window.before.unwrap_or(Seq::MAX);
    let edges: Vec<_> = all
        .iter()
        .filter(|edge| edge.seq > after && edge.seq < before)
        .cloned()
        .collect();
    let cut = edges.len().saturating_sub(window.limit);
    let up_to_after = window.after.is_some() && all.iter().any(|edge| edge.seq <= after);
    let from_before = window.before.is_some() && all.iter().any(|edge| edge.seq >= before);
    if window.from_end {
        Page {
            items: edges[cut..].to_vec(),
            has_previous: cut > 0 || up_to_after,
            has_next: from_before,
        }
    } else {
        Page {
            items: edges[..edges.len() - cut].to_vec(),
            has_previous: up_to_after,
            has_next: cut > 0 || from_before,
        }
    }
}

async fn a_page_of_history_is_what_the_connection_specification_says_for_any_window(
    store: DynStore,
) {
    let mut random = StdRng::seed_from_u64(3);
    let log = RandomLog::write(&store, &mut random, 80).await;
    let mut conversations: Vec<ConversationId> = log
        .conversations
        .iter()
        .map(|conversation| conversation.id)
        .collect();
    conversations.push(ConversationId::new());
    for conversation in conversations {
        let all = log.of(conversation);
        let end = count(&all) + 3;
        let mut cursor = || match random.random_range(0..10) {
            0..3 => None,
            3 => Some([Seq::MIN, Seq::MAX, -1, 0][random.random_range(0..4)]),
            _ => Some(random.random_range(-2..=end)),
        };
        let windows: Vec<_> = (0..150)
            .map(|number| (cursor(), cursor(), number % 2 == 0))
            .collect();
        for (after, before, from_end) in windows {
            let limit = [1, 2, 3, 5, 100][random.random_range(0..5)];
            let window = Window {
                after,
                before,
                limit,
                from_end,
            };
            let found = store.history(conversation, &window).await.expect("answers");
            assert_eq!(
                found,
                page(&all, &window),
                "{window:?} of {} messages",
                all.len()
            );
        }
    }
}

async fn what_a_viewer_missed_is_what_their_conversations_said_between_two_positions(
    store: DynStore,
) {
    let mut random = StdRng::seed_from_u64(4);
    let log = RandomLog::write(&store, &mut random, 120).await;
    let head = count(&log.messages);
    let mut viewers = log.people.clone();
    viewers.push(UserId::new());
    for _ in 0..300 {
        let viewer = viewers[random.random_range(0..viewers.len())];
        let only = (random.random_range(0..3) == 0)
            .then(|| log.conversations[random.random_range(0..log.conversations.len())].id);
        let after = random.random_range(-1..=head + 1);
        let up_to =
            [random.random_range(after..=head + 2), head, i64::MAX][random.random_range(0..3)];
        let limit = [1, 2, 10, 1_000][random.random_range(0..4)];
        let concerns = |message: &&Message| {
            let member = log.conversations.iter().any(|conversation| {
                conversation.id == message.conversation_id && conversation.has_member(viewer)
            });
            member
                && only.is_none_or(|only| only == message.conversation_id)
                && message.position > after
                && message.position <= up_to
        };
        let expected: Vec<Message> = log
            .messages
            .iter()
            .filter(concerns)
            .take(limit)
            .cloned()
            .collect();
        let found = store
            .missed(viewer, only, after, up_to, limit)
            .await
            .expect("answers");
        assert_eq!(
            found, expected,
            "{viewer} in {only:?}, {after}..={up_to}, {limit} at most"
        );
    }
}

async fn paging_back_through_a_history_meets_every_message_once_while_others_write(
    store: DynStore,
) {
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let write = async |count: usize| {
        let drafts: Vec<Draft> = (0..count)
            .map(|_| draft(conversation.id, sender, "hi"))
            .collect();
        store.append(&drafts).await.expect("answers")
    };
    let mut expected = write(40).await;
    expected.reverse();
    let mut met: Vec<Message> = Vec::new();
    loop {
        let before = met.last().map(|message| message.seq);
        let window = Window {
            after: None,
            before,
            limit: 7,
            from_end: true,
        };
        let page = store
            .history(conversation.id, &window)
            .await
            .expect("answers");
        met.extend(page.items.into_iter().rev());
        assert!(met.len() <= expected.len(), "something is repeated");
        write(3).await;
        if !page.has_previous {
            break;
        }
    }
    assert_eq!(met, expected);
}
