//! Ids that follow from those of the other backend, so that what is imported twice is found to be there.

use mongodb::bson::oid::ObjectId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::domain::{ConversationId, Pair, Timestamp};

/// The UUID, as of version 7, that stands for an `ObjectId`: its second, and all else that it has. No two have the same.
pub fn uuid_of(id: ObjectId) -> Uuid {
    let [a, b, c, d, rest @ ..] = id.bytes();
    let seconds = u32::from_be_bytes([a, b, c, d]);
    uuid(u64::from(seconds) * 1_000, u64::from_be_bytes(rest))
}

/// When an `ObjectId` was made, to the second.
pub fn time_of(id: ObjectId) -> Timestamp {
    Timestamp(id.timestamp().timestamp_millis())
}

/// What the conversation of two people is called that began at some time.
pub fn conversation_of(pair: Pair, began: Timestamp) -> ConversationId {
    let mut hash = Sha256::new();
    hash.update(pair.low().0.as_bytes());
    hash.update(pair.high().0.as_bytes());
    let hash: [u8; 32] = hash.finalize().into();
    let mut bits = [0; 8];
    bits.copy_from_slice(&hash[..8]);
    let began = u64::try_from(began.0).unwrap_or(0);
    ConversationId(uuid(began, u64::from_be_bytes(bits)))
}

/// 48 bits of milliseconds and 64 others, with version and variant between and behind them.
fn uuid(milliseconds: u64, bits: u64) -> Uuid {
    const VERSION: u128 = 7;
    const VARIANT: u128 = 0b10;
    let (first, rest) = (u128::from(bits >> 52), u128::from(bits & ((1 << 52) - 1)));
    let time = u128::from(milliseconds & ((1 << 48) - 1));
    Uuid::from_u128(time << 80 | VERSION << 76 | first << 64 | VARIANT << 62 | rest << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_time_and_all_else_that_tells_it_from_others() {
        let id = ObjectId::from_bytes([0x65, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let uuid = uuid_of(id);
        assert_eq!(
            (uuid.get_version_num(), uuid.get_variant()),
            (7, uuid::Variant::RFC4122)
        );
        let (seconds, _) = uuid.get_timestamp().expect("a time").to_unix();
        assert_eq!(seconds, 0x6500_0001);
        assert_eq!(time_of(id), Timestamp(0x6500_0001 * 1_000));
        let mut seen = std::collections::HashSet::from([uuid]);
        for bit in 0..96 {
            let mut bytes = id.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(uuid_of(ObjectId::from_bytes(bytes))), "{bit}");
        }
    }
}
