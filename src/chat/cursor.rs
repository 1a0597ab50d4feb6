//! Cursors of the message stream: a position in the log, bound to its viewer and to what it may be used for.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::{Position, UserId};

/// The position and a tag of half a SHA-256's security level: nobody gets to try offline.
const POSITION_BYTES: usize = 8;
const TAG_BYTES: usize = 12;

/// What of the log a subscription tells. A cursor that claims more fits one that tells less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Everything that happens in conversations.
    Everything,
    /// New messages alone.
    Messages,
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
        }
    }

    /// The cursor of someone who has had what it claims, up to `position`.
    pub(super) fn write(&self, viewer: UserId, claim: Claim, position: Position) -> String {
        let mut bytes = [0; POSITION_BYTES + TAG_BYTES];
        bytes[..POSITION_BYTES].copy_from_slice(&position.to_be_bytes());
        if let Some(mac) = self.macs.first() {
            bytes[POSITION_BYTES..].copy_from_slice(&tag(mac, viewer, claim, position));
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that claims at least this: one for all conversations fits each of them.
    pub(super) fn read(&self, viewer: UserId, claim: Claim, text: &str) -> Option<Position> {
        let mut bytes = [0; POSITION_BYTES + TAG_BYTES];
        // The decoder's estimate of the size is up to two bytes above the size.
        let mut buffer = [0; POSITION_BYTES + TAG_BYTES + 2];
        let size = BASE64_URL_SAFE_NO_PAD
            .decode_slice(text, &mut buffer)
            .ok()?;
        bytes.copy_from_slice(
            buffer
                .get(..size)
                .filter(|slice| slice.len() == POSITION_BYTES + TAG_BYTES)?,
        );
        let (position, given) = bytes.split_first_chunk()?;
        let position = Position::from_be_bytes(*position);
        let claims = claim.fitting();
        let fits = self.macs.iter().any(|mac| {
            claims.iter().any(|claim| {
                keyed(mac, viewer, *claim, position)
                    .verify_truncated_left(given)
                    .is_ok()
            })
        });
        fits.then_some(position)
    }
}

fn keyed(mac: &Hmac<Sha256>, viewer: UserId, claim: Claim, position: Position) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(viewer.0.as_bytes());
    mac.update(&position.to_be_bytes());
    if let Some(scope) = claim.scope {
        mac.update(scope.as_bytes());
    }
    if claim.news == News::Messages {
        mac.update(b"messages");
    }
    mac
}

fn tag(mac: &Hmac<Sha256>, viewer: UserId, claim: Claim, position: Position) -> [u8; TAG_BYTES] {
    let whole = keyed(mac, viewer, claim, position).finalize().into_bytes();
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&whole[..TAG_BYTES]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let fits =
            |made: Claim, wanted: Claim| key.read(ann, wanted, &key.write(ann, made, 7)).is_some();
        let all = [whole, part, messages, part_of_messages];
        let fitting = all.map(|made| all.map(|wanted| fits(made, wanted)));
        let expected = [
            [true, true, true, true],
            [false, true, false, true],
            [false, false, true, true],
            [false, false, false, true],
        ];
        assert_eq!(fitting, expected, "made by row, wanted by column");
        assert_eq!(key.read(bob, whole, &key.write(ann, whole, 7)), None);
        let old = CursorKey::new(&["old".into()]).write(ann, whole, 9);
        assert_eq!(key.read(ann, whole, &old), Some(9));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let good = key.write(ann, Claim::WHOLE, 1);
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
}
