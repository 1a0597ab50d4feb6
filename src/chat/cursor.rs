//! Cursors of the message stream: a position in the log, bound to its viewer and to what it may be used for.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;

use crate::domain::{Position, UserId};

/// The position and a tag of half a SHA-256's security level: nobody gets to try offline.
const POSITION_BYTES: usize = 8;
const TAG_BYTES: usize = 12;

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

    /// The cursor of someone who has had everything up to `position`; with a `scope` only of that conversation.
    pub(super) fn write(&self, viewer: UserId, scope: Option<Uuid>, position: Position) -> String {
        let mut bytes = [0; POSITION_BYTES + TAG_BYTES];
        bytes[..POSITION_BYTES].copy_from_slice(&position.to_be_bytes());
        if let Some(mac) = self.macs.first() {
            bytes[POSITION_BYTES..].copy_from_slice(&tag(mac, viewer, scope, position));
        }
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor that fits a subscription to `scope`: one for all conversations fits each of them.
    pub(super) fn read(&self, viewer: UserId, scope: Option<Uuid>, text: &str) -> Option<Position> {
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
        let scopes = [None, scope];
        let fits = self.macs.iter().any(|mac| {
            scopes.iter().any(|scope| {
                keyed(mac, viewer, *scope, position)
                    .verify_truncated_left(given)
                    .is_ok()
            })
        });
        fits.then_some(position)
    }
}

fn keyed(
    mac: &Hmac<Sha256>,
    viewer: UserId,
    scope: Option<Uuid>,
    position: Position,
) -> Hmac<Sha256> {
    let mut mac = mac.clone();
    mac.update(viewer.0.as_bytes());
    mac.update(&position.to_be_bytes());
    if let Some(scope) = scope {
        mac.update(scope.as_bytes());
    }
    mac
}

fn tag(
    mac: &Hmac<Sha256>,
    viewer: UserId,
    scope: Option<Uuid>,
    position: Position,
) -> [u8; TAG_BYTES] {
    let whole = keyed(mac, viewer, scope, position).finalize().into_bytes();
    let mut tag = [0; TAG_BYTES];
    tag.copy_from_slice(&whole[..TAG_BYTES]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_its_viewers_and_keeps_to_its_scope() {
        let key = CursorKey::new(&["new".into(), "old".into()]);
        let (ann, bob, chat) = (UserId::new(), UserId::new(), Uuid::new_v4());
        let whole = key.write(ann, None, 7);
        assert_eq!(key.read(ann, None, &whole), Some(7));
        assert_eq!(key.read(ann, Some(chat), &whole), Some(7));
        assert_eq!(key.read(bob, None, &whole), None);
        let part = key.write(ann, Some(chat), 7);
        assert_eq!(key.read(ann, Some(chat), &part), Some(7));
        assert_eq!(
            key.read(ann, None, &part),
            None,
            "it would claim messages of other conversations"
        );
        let old = CursorKey::new(&["old".into()]).write(ann, None, 9);
        assert_eq!(key.read(ann, None, &old), Some(9));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let (key, ann) = (CursorKey::new(&["secret".into()]), UserId::new());
        let good = key.write(ann, None, 1);
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
            assert_eq!(key.read(ann, None, bad), None, "{bad:.40}");
        }
    }
}
