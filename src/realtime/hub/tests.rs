use uuid::Uuid;

use super::*;
use crate::domain::*;

/// A message's entry at a place of the log, behind another one.
fn entry(conversation: &Conversation, position: Position, step: Step, before: Position) -> Record {
    Record::Entry(Entry {
        id: Uuid::new_v4(),
        position,
        rank: 1,
        conversation_id: conversation.id,
        step,
        before,
        seq: 0,
        what: Happening::ConversationChanged(conversation.state()),
    })
}

fn hub(told: i64) -> Hub<()> {
    let progress = [Position(told)].into_iter().collect();
    Hub::new(progress, 0, Terms::default(), 10, 0)
}

fn direct() -> (Conversation, UserId) {
    let users = [UserId::new(), UserId::new()];
    let pair = Pair::new(users[0], users[1]).expect("two");
    (Conversation::direct(pair, Timestamp(0)), users[1])
}

#[test]
fn only_what_comes_next_in_its_lane_is_told() {
    let (hub, (conversation, user)) = (hub(4), direct());
    let shared = Arc::new(conversation.clone());
    let tell = |_: &Entry, (), _| Telling {
        conversation: shared.clone(),
        told: Told::ConversationChanged(Vec::new()),
    };
    let attachment = hub.attach(user);
    let (mut receiver, stand) = attachment.log();
    assert_eq!(stand.progress.in_lane(Lane::FIRST), Position(4));
    let record = |number| {
        (
            entry(
                &conversation,
                Position(number),
                number,
                Position(number - 1),
            ),
            (),
        )
    };
    let gap = hub.take_in([record(6)], false, tell);
    assert_eq!(gap.hole, Some(Position(6)));
    assert_eq!(hub.take_in([record(4)], false, tell).hole, None);
    assert!(receiver.try_recv().is_err());
    assert_eq!(hub.take_in([record(5)], false, tell).hole, None);
    let told = receiver.try_recv().expect("told");
    assert_eq!((told.position, told.stand.index), (Position(5), 1));
    assert!(receiver.try_recv().is_err());
    let over_hole = hub.take_in([record(8)], true, tell);
    assert_eq!(over_hole.hole, Some(Position(8)));
    assert_eq!(
        hub.missing(),
        [] as [Position; 0],
        "what is told covers what comes before"
    );
}

#[test]
fn a_channel_goes_with_its_last_attachment() {
    let (hub, user) = (hub(0), UserId::new());
    let (first, second) = (hub.attach(user), hub.attach(user));
    let changes = first.changes();
    drop(first);
    assert_eq!(hub.channels(), 1);
    drop(second);
    assert_eq!(hub.channels(), 0);
    drop(changes);
}
