use super::*;
use crate::{
    domain::{Body, Message, Pair, Progress, Terms, Timestamp, User},
    realtime::{Attachment, Hub},
};

const LATE: Stamp = 10;

/// Ann, who follows the marks of people with whom she has a conversation each.
struct Ann {
    id: UserId,
    hub: Hub<()>,
    attachment: Attachment<()>,
}

/// Someone else.
struct Reader(Arc<User>, Arc<Conversation>);

impl Ann {
    fn new() -> Self {
        let id = UserId::new();
        let hub = Hub::new(Progress::default(), 0, Terms::default(), 10, 0);
        let attachment = hub.attach(id);
        Self {
            id,
            hub,
            attachment,
        }
    }

    fn with_someone(&self) -> Reader {
        let id = UserId::new();
        let pair = Pair::new(self.id, id).expect("two");
        let user = User::deleted(id, Timestamp(0), Timestamp(0));
        let conversation = Conversation::direct(pair, Timestamp(0));
        Reader(user.into(), conversation.into())
    }

    /// A subscription before which all up to a stamp was told.
    fn marks(&self, stood: Stamp, late: Stamp) -> Marks {
        Marks::new(self.attachment.reads(), stood, late)
    }

    fn tell(&self, marks: impl IntoIterator<Item = Arc<ReadEvent>>) {
        for mark in marks {
            self.hub.read(&mark, [self.id]);
        }
    }
}

impl Reader {
    fn read(&self, seq: Seq, stamp: Stamp) -> Arc<ReadEvent> {
        let Self(reader, conversation) = self;
        let last_read = Message {
            seq,
            ..Message::new(
                conversation.id,
                UserId::new(),
                Body::stored("hello"),
                Timestamp(0),
            )
        };
        Arc::new(ReadEvent {
            conversation: conversation.clone(),
            reader: reader.clone(),
            last_read: last_read.into(),
            stamp,
        })
    }
}

/// What is told next, and what a cursor says then.
fn next(marks: &mut Marks) -> Option<(Arc<ReadEvent>, Stamp, ToldMarks)> {
    let mark = marks.pop()?;
    let had = marks.tell(&mark);
    Some((mark, had, marks.told()))
}

async fn take_up(marks: &mut Marks, stood: Stamp) {
    let taken_up = marks.take_up(|| stood, |_| true).await;
    taken_up.expect("no more moved than is remembered");
}

/// Goes on from a cursor that says this, where this process has told none.
fn go_on(marks: &mut Marks, cursor: Stamp, said: &ToldMarks, moved: &[Arc<ReadEvent>]) {
    marks.go_on_from(cursor);
    let is_listed = |mark: &ReadEvent| said.these.contains(&digest(mark));
    marks.tell_missed(moved, 30, is_listed, |_| false);
}

#[tokio::test]
async fn of_marks_of_one_moment_each_has_a_cursor_of_its_own_and_is_known_by_it() {
    let ann = Ann::new();
    let (bob, cleo) = (ann.with_someone().read(1, 9), ann.with_someone().read(1, 9));
    let mut marks = ann.marks(8, LATE);
    ann.tell([bob.clone(), cleo.clone()]);
    take_up(&mut marks, 9).await;
    let (_, had, told) = next(&mut marks).expect("bob's");
    // Of cleo's, which this process tells, its reader does not know yet.
    assert_eq!((had, told), (9, ToldMarks::default()));
    let (_, had, told) = next(&mut marks).expect("cleo's");
    let these = vec![digest(&cleo)];
    assert_eq!(
        (had, told),
        (
            9,
            ToldMarks {
                by_this: true,
                these
            }
        )
    );
}

#[tokio::test]
async fn what_was_told_before_a_subscription_is_not_told_where_none_shows_late() {
    let ann = Ann::new();
    let [bob, cleo, dora] = [7, 8, 9].map(|stamp| ann.with_someone().read(1, stamp));
    let mut marks = ann.marks(8, 0);
    ann.tell([bob, cleo, dora.clone()]);
    take_up(&mut marks, 9).await;
    let (told, had, _) = next(&mut marks).expect("dora's");
    assert!(Arc::ptr_eq(&told, &dora));
    assert_eq!((had, next(&mut marks).is_none()), (9, true));
}

#[tokio::test]
async fn a_second_state_of_one_moment_is_another() {
    let ann = Ann::new();
    let bob = ann.with_someone();
    let (third, fourth) = (bob.read(3, 25), bob.read(4, 25));
    let mut marks = ann.marks(30, LATE);
    go_on(&mut marks, 30, &ToldMarks::default(), &[third]);
    let (_, had, told) = next(&mut marks).expect("the third");
    let mut again = ann.marks(30, LATE);
    go_on(&mut again, had, &told, &[fourth]);
    let (mark, ..) = next(&mut again).expect("the fourth");
    assert_eq!(mark.last_read.seq, 4);
}

#[tokio::test]
async fn what_a_cursor_lists_is_listed_on_whatever_moves() {
    let ann = Ann::new();
    let bob = ann.with_someone().read(1, 25);
    let mut marks = ann.marks(30, LATE);
    go_on(
        &mut marks,
        26,
        &ToldMarks::default(),
        std::slice::from_ref(&bob),
    );
    let (_, mut had, mut told) = next(&mut marks).expect("bob's");
    assert_eq!((had, &told.these), (26, &vec![digest(&bob)]));
    for stamp in 27..=34 {
        let cleo = ann.with_someone().read(1, stamp);
        marks = ann.marks(30, LATE);
        go_on(&mut marks, had, &told, &[bob.clone(), cleo.clone()]);
        let mark;
        (mark, had, told) = next(&mut marks).expect("cleo's");
        assert!(Arc::ptr_eq(&mark, &cleo) && had == stamp);
        assert!(next(&mut marks).is_none());
        assert_eq!(told.these, [digest(&bob)]);
        // Nor is it told live.
        ann.tell([bob.clone()]);
        take_up(&mut marks, 30).await;
        assert!(next(&mut marks).is_none());
    }
    marks.had_with(25 + LATE);
    assert_eq!(marks.told().these, [], "no cursor is as late");
}

#[tokio::test]
async fn a_cursor_says_what_this_process_tells_only_where_it_is_as_far() {
    let ann = Ann::new();
    let mut marks = ann.marks(30, LATE);
    go_on(&mut marks, 40, &ToldMarks::default(), &[]);
    let mut by_this = |stood| {
        marks.had_with(stood);
        marks.told().by_this
    };
    assert_eq!([30, 39, 40].map(&mut by_this), [false, false, true]);
    // One that is ahead of it was read before this process tells of others that moved earlier.
    let mut marks = ann.marks(30, LATE);
    go_on(
        &mut marks,
        30,
        &ToldMarks::default(),
        &[ann.with_someone().read(1, 33)],
    );
    let (_, _, told) = next(&mut marks).expect("the one that is ahead");
    assert!(!told.by_this);
    let mut by_this = |stood| {
        marks.had_with(stood);
        marks.told().by_this
    };
    assert_eq!([32, 33].map(&mut by_this), [false, true]);
    // One that moved meanwhile is still to be told.
    ann.tell([ann.with_someone().read(1, 41)]);
    assert!(!by_this(41));
}
