//! Telling whether a repeated send says what was said first, when that is not there to look at any more.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::domain::{Body, Fingerprint, Message};

/// Makes fingerprints of messages' texts, and recognises them. Without the server's secret nobody can try out texts.
pub(super) struct FingerprintKey {
    /// The first makes, all recognise, as with tokens.
    macs: Vec<Hmac<Sha256>>,
}

impl FingerprintKey {
    pub(super) fn new(secrets: &[String]) -> Self {
        let keyed = |secret: &String| {
            let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes())
                .expect("HMAC takes keys of every length");
            mac.update(b"chinwag first text");
            mac
        };
        Self {
            macs: secrets.iter().map(keyed).collect(),
        }
    }

    /// Of what a message said first, if it may be repeated: its client gave it an id.
    pub(super) fn first_of(&self, message: &Message) -> Option<Fingerprint> {
        message.client_message_id.as_ref()?;
        if message.changed > 0 {
            return message.first;
        }
        let mac = self.macs.first()?;
        Some(fingerprint(mac, message, &message.body))
    }

    /// Whether a message said this first.
    pub(super) fn said_first(&self, message: &Message, body: &Body) -> bool {
        if message.changed == 0 {
            return message.body == *body;
        }
        let is = |mac| Some(fingerprint(mac, message, body)) == message.first;
        self.macs.iter().any(is)
    }
}

fn fingerprint(mac: &Hmac<Sha256>, message: &Message, body: &Body) -> Fingerprint {
    let mut mac = mac.clone();
    mac.update(message.id.0.as_bytes());
    mac.update(body.as_str().as_bytes());
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Fingerprint(half)
}
