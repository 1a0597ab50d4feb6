//! What was said, as its senders, the history and subscribers tell it, and whether their accounts agree.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use serde_json::Value;

/// What a document has to select of a message, for [`Said::read`].
pub const SAID: &str = "id seq body sender { id } conversation { id }";

/// A message as someone was told of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Said {
    pub id: String,
    pub seq: i64,
    pub body: String,
    /// The sender's id.
    pub sender: String,
    /// The conversation's id.
    pub conversation: String,
}

impl Said {
    /// Reads the fields of [`SAID`].
    pub fn read(message: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            id: text(&message["id"]),
            seq: message["seq"].as_i64().expect("a number"),
            body: text(&message["body"]),
            sender: text(&message["sender"]["id"]),
            conversation: text(&message["conversation"]["id"]),
        }
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, body, .. } = self;
        write!(f, "{seq}: {body:.50}")
    }
}

/// A message that someone tried to send, with a body that no other message has.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub body: String,
    /// What the answers said. Without any, nobody knows whether it was written.
    pub answers: Vec<Said>,
}

/// Where two accounts of the same messages disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The history's message at this place, counted from 1, has another seq.
    OutOfPlace(usize),
    /// This body stands there more than once.
    Doubled(String),
    /// This body should be there.
    Lost(String),
    /// This body is there, and nobody sent it.
    Unasked(String),
    /// An answer told of this body something else than the history does.
    Contradicted(String),
    /// Not in the history's order.
    Disordered(String),
}

/// What is wrong with a conversation's whole history, when these are all attempts to write there.
pub fn faults(attempts: &[Attempt], history: &[Said]) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (place, said) in (1..).zip(history) {
        if usize::try_from(said.seq) != Ok(place) {
            faults.push(Fault::OutOfPlace(place));
        }
    }
    faults.extend(doubled(history));
    let by_body = |said| (body_of(said), said);
    let written: HashMap<_, _> = history.iter().map(by_body).collect();
    for Attempt { body, answers } in attempts {
        match written.get(body.as_str()) {
            None if !answers.is_empty() => faults.push(Fault::Lost(body.clone())),
            Some(said) if answers.iter().any(|answer| answer != *said) => {
                faults.push(Fault::Contradicted(body.clone()));
            }
            _ => {}
        }
    }
    let tried: HashSet<_> = attempts
        .iter()
        .map(|attempt| attempt.body.as_str())
        .collect();
    let unasked = history.iter().filter(|said| !tried.contains(body_of(said)));
    faults.extend(unasked.map(|said| Fault::Unasked(said.body.clone())));
    faults
}

/// What is wrong with what a subscriber got, when it should have got each message of this history, in this order.
pub fn delivery_faults(history: &[Said], delivered: &[Said]) -> Vec<Fault> {
    let mut faults = doubled(delivered);
    let place: HashMap<_, _> = history.iter().map(body_of).zip(0..).collect();
    let got: HashSet<_> = delivered.iter().map(body_of).collect();
    let lost = history.iter().filter(|said| !got.contains(body_of(said)));
    faults.extend(lost.map(|said| Fault::Lost(said.body.clone())));
    let mut reached = None;
    for said in delivered {
        match place.get(body_of(said)) {
            None => faults.push(Fault::Unasked(said.body.clone())),
            Some(at) if history[*at] != *said => {
                faults.push(Fault::Contradicted(said.body.clone()));
            }
            Some(at) if reached.is_some_and(|reached| *at < reached) => {
                faults.push(Fault::Disordered(said.body.clone()));
            }
            Some(at) => reached = Some(*at),
        }
    }
    faults
}

/// The messages of one conversation, in the order in which they came.
pub fn within(conversation: &str, all: &[Said]) -> Vec<Said> {
    let there = |said: &&Said| said.conversation == conversation;
    all.iter().filter(there).cloned().collect()
}

fn body_of(said: &Said) -> &str {
    &said.body
}

/// Those whose body or id came before.
fn doubled(all: &[Said]) -> Vec<Fault> {
    let (mut bodies, mut ids) = (HashSet::new(), HashSet::new());
    all.iter()
        .filter(|said| {
            let (new_body, new_id) = (bodies.insert(&said.body), ids.insert(&said.id));
            !new_body || !new_id
        })
        .map(|said| Fault::Doubled(said.body.clone()))
        .collect()
}

/// The checks are only worth something if they find what they are for.
mod tests {
    use super::*;

    fn said(seq: i64) -> Said {
        Said {
            id: format!("id {seq}"),
            seq,
            body: format!("body {seq}"),
            sender: "ann".to_owned(),
            conversation: "chat".to_owned(),
        }
    }

    fn five() -> (Vec<Attempt>, Vec<Said>) {
        let history: Vec<_> = (1..=5).map(said).collect();
        let acknowledged = |said: &Said| Attempt {
            body: said.body.clone(),
            answers: vec![said.clone()],
        };
        (history.iter().map(acknowledged).collect(), history)
    }

    #[test]
    fn accounts_that_agree_have_no_faults() {
        let (mut attempts, history) = five();
        attempts[2].answers.clear();
        attempts.push(Attempt {
            body: "never written, never acknowledged".to_owned(),
            answers: Vec::new(),
        });
        assert_eq!(faults(&attempts, &history), []);
        assert_eq!(delivery_faults(&history, &history), []);
    }

    #[test]
    fn a_lost_message_is_found() {
        let (attempts, mut history) = five();
        let lost = history.pop().expect("five").body;
        assert_eq!(faults(&attempts, &history), [Fault::Lost(lost)]);
        let (_, all) = five();
        assert_eq!(
            delivery_faults(&all, &[&all[..2], &all[3..]].concat()),
            [Fault::Lost("body 3".to_owned())]
        );
    }

    #[test]
    fn a_doubled_message_is_found() {
        let (attempts, mut history) = five();
        history.push(Said {
            body: "body 3".to_owned(),
            ..said(6)
        });
        let doubled = Fault::Doubled("body 3".to_owned());
        assert!(faults(&attempts, &history).contains(&doubled));
        let (_, all) = five();
        let twice = [&all[..3], &all[2..]].concat();
        assert_eq!(delivery_faults(&all, &twice), [doubled]);
    }

    #[test]
    fn a_disordered_message_is_found() {
        let (attempts, mut history) = five();
        history.swap(1, 2);
        assert_eq!(
            faults(&attempts, &history),
            [Fault::OutOfPlace(2), Fault::OutOfPlace(3)]
        );
        let (_, all) = five();
        assert_eq!(
            delivery_faults(&all, &history),
            [Fault::Disordered("body 2".to_owned())]
        );
    }

    #[test]
    fn a_hole_is_found() {
        let (mut attempts, mut history) = five();
        attempts.remove(3);
        history.remove(3);
        assert_eq!(faults(&attempts, &history), [Fault::OutOfPlace(4)]);
    }

    #[test]
    fn an_answer_that_tells_another_place_is_found() {
        let (mut attempts, history) = five();
        attempts[0].answers.push(Said {
            id: "another".to_owned(),
            ..said(1)
        });
        let contradicted = Fault::Contradicted("body 1".to_owned());
        assert_eq!(faults(&attempts, &history), [contradicted]);
    }

    #[test]
    fn a_message_that_nobody_sent_is_found() {
        let (mut attempts, history) = five();
        attempts.truncate(4);
        let unasked = Fault::Unasked("body 5".to_owned());
        assert_eq!(faults(&attempts, &history), std::slice::from_ref(&unasked));
        assert_eq!(delivery_faults(&history[..4], &history), [unasked]);
    }
}
