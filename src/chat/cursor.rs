//! Cursors of the log's streams: how far their reader is in each lane and in which terms, bound to the reader and to
//! what they may be used for.
//!
//! As bytes: the format, the lanes that it has a part of as bits, their numbers and the stamp of read marks as LEB128,
//! what its reader was told of late ones, the check of the terms, and a tag. The first release wrote the number of the only
//! lane alone, in eight bytes of which the first is 0.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::StreamEvent;
use crate::domain::{ConversationId, Lane, Position, Progress, Stamp, Stand, TermsCheck, UserId};

const FORMAT: u8 = 1;
/// What the first release wrote before the tag.
const FIRST_FORMAT_BYTES: usize = 8;
/// Half a SHA-256's security level: nobody gets to try offline.
const TAG_BYTES: usize = 12;
/// More than any cursor has.
const MOST_TEXT: usize = 200;

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
    process: ToldMarks,
}

/// What a cursor's reader was told of the read marks that another process may show late: all that the process which made it
/// tells of, or just these, or that is not known. Nearly always, as it has 16 bits for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ToldMarks(u16);

impl ToldMarks {
    /// Set where it stands for marks.
    const THESE: u16 = 1 << 15;

    /// Some are still to be told.
    pub(super) const UNKNOWN: Self = Self(0);

    /// All that a process tells of.
    fn by_process() -> Self {
        Self((rand::random::<u16>() & !Self::THESE).max(1))
    }

    /// These, each as [`ToldMarks::one`] has it, in whatever order: two processes, of two releases, must come to the same.
    pub(super) fn these(marks: impl Iterator<Item = u16>) -> Self {
        Self(marks.fold(0, |all, one| all ^ one) | Self::THESE)
    }

    /// What stands for one, which moved at a time.
    pub(super) fn one(conversation: ConversationId, reader: UserId, stamp: Stamp) -> u16 {
        let mark = Sha256::new()
            .chain_update(conversation.0)
            .chain_update(reader.0)
            .chain_update(stamp.to_be_bytes())
            .finalize();
        u16::from_be_bytes([mark[0], mark[1]])
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
            process: ToldMarks::by_process(),
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
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Had {
    pub(super) progress: Progress,
    pub(super) terms: TermsCheck,
    /// Up to which read marks that moved.
    pub(super) reads: Stamp,
    /// Of those that may show late; `None` where it was all that this process tells of.
    pub(super) told: Option<ToldMarks>,
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
            told: None,
        }
    }
}

/// What a cursor says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read {
    pub(super) progress: Progress,
    /// `None` in those of the first release, which did not tell of read marks.
    pub(super) reads: Option<Stamp>,
    /// Whether this process made it.
    pub(super) is_own: bool,
    /// `None` in those of the first release.
    pub(super) told: Option<ToldMarks>,
    /// `None` in those of the first release, which knew no terms.
    pub(super) terms: Option<TermsCheck>,
}

fn encode(had: &Had, process: ToldMarks) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(40);
    let lanes = had.progress.positions().fold(0_u16, |lanes, position| {
        lanes | 1 << position.lane().number()
    });
    bytes.push(FORMAT);
    bytes.extend_from_slice(&lanes.to_be_bytes());
    for position in had.progress.positions() {
        write_number(&mut bytes, position.number());
    }
    write_number(&mut bytes, had.reads);
    let ToldMarks(told) = had.told.unwrap_or(process);
    bytes.extend_from_slice(&told.to_be_bytes());
    bytes.extend_from_slice(&had.terms.to_be_bytes());
    bytes
}

/// Appends a number as LEB128.
fn write_number(bytes: &mut Vec<u8>, number: i64) {
    let mut number = number.unsigned_abs();
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

/// A number in LEB128, with what comes behind it.
fn read_number(mut bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0;
    for place in 0.. {
        let (byte, others) = bytes.split_first()?;
        bytes = others;
        number |= i64::from(byte & 0x7f).checked_shl(7 * place)?;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some((number, bytes))
}

/// Reads what [`encode`] wrote, or the first release: its tag says so.
fn decode(said: &[u8], process: ToldMarks) -> Option<Read> {
    if let Ok(number) = <[u8; FIRST_FORMAT_BYTES]>::try_from(said)
        && number[0] != FORMAT
    {
        let position = Position::at(Lane::FIRST, i64::from_be_bytes(number));
        return Some(Read {
            progress: [position].into_iter().collect(),
            reads: None,
            is_own: false,
            told: None,
            terms: None,
        });
    }
    let (lanes, mut rest) = said.strip_prefix(&[FORMAT])?.split_first_chunk()?;
    let lanes = u16::from_be_bytes(*lanes);
    let mut progress = Progress::default();
    for lane in Lane::all().filter(|lane| lanes >> lane.number() & 1 == 1) {
        let (number, others) = read_number(rest)?;
        rest = others;
        progress.advance(Position::at(lane, number));
    }
    let (reads, rest) = read_number(rest)?;
    let (told, rest) = rest.split_first_chunk()?;
    let told = ToldMarks(u16::from_be_bytes(*told));
    Some(Read {
        progress,
        reads: Some(reads),
        is_own: told == process,
        told: Some(told),
        terms: Some(TermsCheck::from_be_bytes(rest.try_into().ok()?)),
    })
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

    fn far(number: i64) -> Progress {
        [Position(number)].into_iter().collect()
    }

    fn had(number: i64, terms: TermsCheck) -> Had {
        Had {
            progress: far(number),
            terms,
            reads: 3,
            told: None,
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
        old.process = ToldMarks(key.process.0 ^ 2);
        let told = Some(old.process);
        let old = old.write(ann, whole, &had(9, 5));
        let read = Read {
            progress: far(9),
            reads: Some(3),
            is_own: false,
            told,
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
    fn a_cursor_of_all_lanes_fits_into_two_hundred_characters() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let ends: Progress = Lane::all().map(Lane::end).collect();
        let all = Had {
            progress: ends,
            terms: TermsCheck::MAX,
            told: None,
            reads: i64::MAX,
        };
        let text = key.write(ann, Claim::WHOLE, &all);
        assert!(text.len() <= MOST_TEXT, "{}", text.len());
        let read = key.read(ann, Claim::WHOLE, &text).expect("reads");
        assert_eq!((read.progress, read.terms), (ends, Some(TermsCheck::MAX)));
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
