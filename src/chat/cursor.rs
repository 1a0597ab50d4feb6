//! Cursors of the log's streams: how far their reader is in each lane and in which terms, bound to the reader and to
//! what they may be used for.

mod bytes;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::bytes::{decode, encode};
use super::StreamEvent;
use crate::domain::{ConversationId, Progress, Seq, Stamp, Stand, TermsCheck, UserId};

/// Half a SHA-256's security level: nobody gets to try offline.
const TAG_BYTES: usize = 12;
/// More than any cursor has.
const MOST_TEXT: usize = 200;
/// Before the tag.
const MOST_BYTES: usize = MOST_TEXT * 3 / 4 - TAG_BYTES;
/// What no process has as its number: not all that the cursor's maker tells of was told.
const NO_PROCESS: u16 = 0;
/// Such that one that shows late is taken for one of thirty that were told, and missed, once in half a million times.
const MARK_BYTES: usize = 3;

/// What of the log a subscription tells. A cursor that claims more fits one that tells less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Everything that happens in conversations.
    Everything,
    /// New messages alone.
    Messages,
    /// Changes of messages alone.
    MessageChanges,
}

impl News {
    /// Whether it tells this.
    pub(super) fn tells(self, event: &StreamEvent) -> bool {
        match self {
            Self::Everything => true,
            Self::Messages => matches!(event, StreamEvent::NewMessage(_)),
            Self::MessageChanges => matches!(event, StreamEvent::MessageChanged(_)),
        }
    }
}

/// What a cursor claims that its reader has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) news: News,
    /// In one conversation alone.
    pub(super) scope: Option<Uuid>,
}

impl Claim {
    /// Everything, everywhere.
    pub(super) const WHOLE: Self = Self {
        news: News::Everything,
        scope: None,
    };

    /// All that fit where this one is wanted.
    fn fitting(self) -> [Self; 4] {
        let Self { news, scope } = self;
        [
            (News::Everything, None),
            (News::Everything, scope),
            (news, None),
            (news, scope),
        ]
        .map(|(news, scope)| Self { news, scope })
    }
}

/// Makes and reads cursors.
pub(super) struct CursorKey {
    /// The first makes, all read, as with tokens.
    macs: Vec<Hmac<Sha256>>,
    /// This process among those that tell of read marks. Where two have the same, which is once in 65,535 pairs, one that
    /// only the other has told by then may be missed at resume.
    process: u16,
}

/// What a cursor's reader was told of the read marks that other processes may show late.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ToldMarks {
    /// All that this process tells of, up to where the cursor is.
    pub(super) by_this: bool,
    /// And these, as far as a cursor has room for them, from the first on.
    pub(super) these: Vec<MarkDigest>,
}

impl ToldMarks {
    /// More than a cursor has room for.
    pub(super) const MOST: usize = MOST_BYTES / MARK_BYTES;
}

/// Stands for a read mark, as far as it has moved. Two processes, of two releases, must come to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MarkDigest([u8; MARK_BYTES]);

impl MarkDigest {
    pub(super) fn new(conversation: ConversationId, reader: UserId, seq: Seq) -> Self {
        let digest = Sha256::new()
            .chain_update(conversation.0)
            .chain_update(reader.0)
            .chain_update(seq.to_be_bytes())
            .finalize();
        Self([digest[0], digest[1], digest[2]])
    }
}

impl CursorKey {
    pub(super) fn new(secrets: &[String]) -> Self {
        let keyed = |secret: &String| {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())
                .expect("HMAC takes keys of every length");
            mac.update(b"chinwag stream cursor");
            mac
        };
        Self {
            macs: secrets.iter().map(keyed).collect(),
            process: rand::random_range(NO_PROCESS + 1..=u16::MAX),
        }
    }

    /// The cursor of someone who has had what it claims, as far as `progress`.
    pub(super) fn write(&self, viewer: UserId, claim: Claim, had: &Had) -> String {
        let mut bytes = encode(had, self.process);
        if let Some(mac) = self.macs.first() {
            let tag = keyed(mac, viewer, claim, &bytes).finalize().into_bytes();
            bytes.extend_from_slice(&tag[..TAG_BYTES]);
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a cursor says that claims at least this: one for all conversations fits each of them.
    pub(super) fn read(&self, viewer: UserId, claim: Claim, text: &str) -> Option<Read> {
        if text.len() > MOST_TEXT {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG_BYTES)?)?;
        let claims = claim.fitting();
        let fits = self.macs.iter().any(|mac| {
            let mut keys = claims.iter().map(|claim| keyed(mac, viewer, *claim, said));
            keys.any(|key| key.verify_truncated_left(tag).is_ok())
        });
        fits.then(|| decode(said, self.process))?
    }
}

/// What a reader has had.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Had {
    pub(super) progress: Progress,
    pub(super) terms: TermsCheck,
    /// Up to which read marks that moved.
    pub(super) reads: Stamp,
    /// Of those that may show late.
    pub(super) told: ToldMarks,
}

impl From<&Stand> for Had {
    fn from(stand: &Stand) -> Self {
        let Stand {
            progress,
            terms,
            reads,
            ..
        } = *stand;
        Self {
            progress,
            terms,
            reads,
            told: ToldMarks {
                by_this: true,
                these: Vec::new(),
            },
        }
    }
}

/// What a cursor says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) progress: Progress,
    /// `None` in those of the first release, which did not tell of read marks.
    pub(super) reads: Option<Stamp>,
    pub(super) told: ToldMarks,
    /// `None` in those of the first release, which knew no terms.
    pub(super) terms: Option<TermsCheck>,
}

fn keyed(mac: &Hmac<Sha256>, viewer: UserId, claim: Claim, said: &[u8]) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(viewer.0.as_bytes());
    mac.update(said);
    if let Some(scope) = claim.scope {
        mac.update(scope.as_bytes());
    }
    match claim.news {
        News::Everything => {}
        News::Messages => mac.update(b"messages"),
        News::MessageChanges => mac.update(b"message changes"),
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Lane, Position};

    fn far(number: i64) -> Progress {
        [Position(number)].into_iter().collect()
    }

    fn had(number: i64, terms: TermsCheck) -> Had {
        Had {
            progress: far(number),
            terms,
            reads: 3,
            told: told(true, 0),
        }
    }

    fn told(by_this: bool, marks: u8) -> ToldMarks {
        let these = (0..marks).map(|mark| MarkDigest([mark; MARK_BYTES]));
        ToldMarks {
            by_this,
            these: these.collect(),
        }
    }

    #[test]
    fn a_cursor_is_its_viewers_and_claims_no_more_than_it_says() {
        let key = CursorKey::new(&["new".into(), "old".into()]);
        let (ann, bob, chat) = (UserId::new(), UserId::new(), Uuid::new_v4());
        let whole = Claim::WHOLE;
        let part = Claim {
            scope: Some(chat),
            ..whole
        };
        let messages = Claim {
            news: News::Messages,
            ..whole
        };
        let part_of_messages = Claim {
            news: News::Messages,
            ..part
        };
        let fits = |made: Claim, wanted: Claim| {
            key.read(ann, wanted, &key.write(ann, made, &had(7, 1)))
                .is_some()
        };
        let all = [whole, part, messages, part_of_messages];
        let fitting = all.map(|made| all.map(|wanted| fits(made, wanted)));
        let expected = [
            [true, true, true, true],
            [false, true, false, true],
            [false, false, true, true],
            [false, false, false, true],
        ];
        assert_eq!(fitting, expected, "made by row, wanted by column");
        assert_eq!(
            key.read(bob, whole, &key.write(ann, whole, &had(7, 1))),
            None
        );
        let mut old = CursorKey::new(&["old".into()]);
        old.process = key.process ^ 1;
        let old = old.write(ann, whole, &had(9, 5));
        let read = Read {
            progress: far(9),
            reads: Some(3),
            told: told(false, 0),
            terms: Some(5),
        };
        assert_eq!(key.read(ann, whole, &old), Some(read));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let good = key.write(ann, Claim::WHOLE, &had(1, 7));
        let longer = format!("{good}AA");
        for bad in [
            "",
            "x",
            "ü",
            &good[1..],
            &longer,
            &good.replace(&good[2..3], "_"),
            &"A".repeat(100_000),
        ] {
            assert_eq!(key.read(ann, Claim::WHOLE, bad), None, "{bad:.40}");
        }
    }

    #[test]
    fn a_cursor_says_what_marks_its_reader_was_told_as_long_as_there_is_room() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let read = |told, lanes| {
            let places = Lane::all().take(lanes);
            let places = places.map(|lane| Position::at(lane, 1_000_000_000));
            let had = Had {
                progress: places.collect(),
                terms: 7,
                reads: 1_800_000_000_000,
                told,
            };
            let text = key.write(ann, Claim::WHOLE, &had);
            assert!(text.len() <= MOST_TEXT, "{}", text.len());
            key.read(ann, Claim::WHOLE, &text).expect("reads").told
        };
        for lanes in [0, 1, 16] {
            for count in [0, 1, 2, 12] {
                for by_this in [true, false] {
                    let all = told(by_this, count);
                    assert_eq!(read(all.clone(), lanes), all);
                }
            }
        }
        let some = read(told(true, 100), 1);
        assert!((30..=ToldMarks::MOST).contains(&some.these.len()));
        assert_eq!(some.these, told(true, 100).these[..some.these.len()]);
    }

    #[test]
    fn a_cursor_of_all_lanes_fits_into_two_hundred_characters() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let ends: Progress = Lane::all().map(Lane::end).collect();
        for told in [told(true, 0), told(true, 100)] {
            let all = Had {
                progress: ends,
                terms: TermsCheck::MAX,
                told,
                reads: i64::MAX,
            };
            let text = key.write(ann, Claim::WHOLE, &all);
            assert!(text.len() <= MOST_TEXT, "{}", text.len());
            let read = key.read(ann, Claim::WHOLE, &text).expect("reads");
            assert_eq!((read.progress, read.terms), (ends, Some(TermsCheck::MAX)));
        }
        let one = key.write(ann, Claim::WHOLE, &had(1_000_000, 7));
        assert!(one.len() <= 34, "{one}");
    }

    #[test]
    fn a_cursor_of_the_first_release_is_read() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        for number in [0, 1, 300, 1 << 40] {
            let said = i64::to_be_bytes(number);
            let tag = keyed(&key.macs[0], ann, Claim::WHOLE, &said)
                .finalize()
                .into_bytes();
            let text = BASE64_URL_SAFE_NO_PAD.encode([&said, &tag[..TAG_BYTES]].concat());
            let read = key.read(ann, Claim::WHOLE, &text).expect("reads");
            assert_eq!((read.progress, read.terms), (far(number), None));
        }
    }
}
