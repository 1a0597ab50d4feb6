//! Cursors as bytes: the format, the lanes that it has a part of as bits, their numbers and the stamp of read marks as
//! LEB128, the number of the process whose marks its reader was told, a list of others, and the check of the terms; then a
//! tag. The first release wrote the number of the only lane alone, in eight bytes of which the first is 0.

use super::{Had, MARK_BYTES, MOST_BYTES, MarkDigest, NO_PROCESS, Read, ToldMarks};
use crate::domain::{Lane, Position, Progress, TermsCheck};

/// Without a list.
const FORMAT: u8 = 1;
/// With a list.
const LISTING: u8 = 2;
/// What the first release wrote before the tag.
const FIRST_FORMAT_BYTES: usize = 8;

/// What stands before a tag.
pub(super) fn encode(had: &Had, process: u16) -> Vec<u8> {
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
    let ToldMarks { by_this, these } = &had.told;
    let process = if *by_this { process } else { NO_PROCESS };
    bytes.extend_from_slice(&process.to_be_bytes());
    let terms = had.terms.to_be_bytes();
    if !these.is_empty() {
        bytes[0] = LISTING;
        let room = MOST_BYTES.saturating_sub(bytes.len() + terms.len());
        let listed = these.iter().take(room / MARK_BYTES);
        bytes.extend(listed.flat_map(|MarkDigest(digest)| digest));
    }
    bytes.extend_from_slice(&terms);
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
pub(super) fn decode(said: &[u8], process: u16) -> Option<Read> {
    if let Ok(number) = <[u8; FIRST_FORMAT_BYTES]>::try_from(said)
        && number[0] == 0
    {
        let position = Position::at(Lane::FIRST, i64::from_be_bytes(number));
        return Some(Read {
            progress: [position].into_iter().collect(),
            reads: None,
            told: ToldMarks::default(),
            terms: None,
        });
    }
    let (format, rest) = said.split_first()?;
    let (lanes, mut rest) = rest.split_first_chunk()?;
    let lanes = u16::from_be_bytes(*lanes);
    let mut progress = Progress::default();
    for lane in Lane::all().filter(|lane| lanes >> lane.number() & 1 == 1) {
        let (number, others) = read_number(rest)?;
        rest = others;
        progress.advance(Position::at(lane, number));
    }
    let (reads, rest) = read_number(rest)?;
    let (maker, rest) = rest.split_first_chunk()?;
    let (listed, terms) = rest.split_last_chunk()?;
    let (listed, []) = listed.as_chunks() else {
        return None;
    };
    if *format != if listed.is_empty() { FORMAT } else { LISTING } {
        return None;
    }
    let told = ToldMarks {
        by_this: u16::from_be_bytes(*maker) == process,
        these: listed.iter().map(|mark| MarkDigest(*mark)).collect(),
    };
    Some(Read {
        progress,
        reads: Some(reads),
        told,
        terms: Some(TermsCheck::from_be_bytes(*terms)),
    })
}
