use chinwag::domain::{Page, Seq, Window};

use super::*;

on_every_store!(
    a_page_of_history_is_what_the_connection_specification_says_for_any_window,
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
    let mut random = random();
    let log = RandomLog::write(Writer::begin(&store).await, &mut random, 120).await;
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

async fn paging_back_through_a_history_meets_every_message_once_while_others_write(
    store: DynStore,
) {
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let mut writer = Writer::begin(&store).await;
    let mut write = async |count: usize| {
        let drafts: Vec<Message> = (0..count)
            .map(|_| draft(conversation.id, sender, "hi"))
            .collect();
        writer.send(&drafts).await
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
