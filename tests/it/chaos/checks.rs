//! What must be so in the end.

use futures_util::future::join_all;
use serde_json::json;

use super::{Goal, PEOPLE, Scene, fleet::PROCESSES, listener::Listener, sender::Tried};
use crate::support::{
    eventually,
    record::{Attempt, Said, delivery_faults, faults},
};

/// The history of each conversation up to its last word, checked against what was tried, through every process.
pub async fn histories(
    scene: &Scene,
    tried: &[Tried],
    goal: &Goal,
    found: &mut Vec<String>,
) -> Vec<([usize; 2], Vec<Said>)> {
    let mut all = Vec::new();
    for (number, (pair, last)) in goal.iter().enumerate() {
        let attempts = tried.iter().filter(|tried| tried.pair == number);
        let attempts: Vec<Attempt> = attempts.map(|tried| tried.attempt.clone()).collect();
        let up_to_last = async |person: usize, peer: usize, process: usize| {
            let history = scene.at(person, process).history(&scene.with(peer)).await;
            // What was never answered may come even now.
            let is_early = |said: &Said| said.seq <= last.seq;
            (
                faults(&attempts, &history),
                history.into_iter().filter(is_early).collect::<Vec<_>>(),
            )
        };
        let (wrong, history) = up_to_last(pair[0], pair[1], 0).await;
        found.extend(wrong.iter().map(|fault| format!("{pair:?}: {fault:?}")));
        for process in 1..PROCESSES {
            let (_, elsewhere) = up_to_last(pair[1], pair[0], process).await;
            if elsewhere != history {
                found.push(format!("{pair:?}: another history at process {process}"));
            }
        }
        all.push((*pair, history));
    }
    all
}

/// What is wrong with what a listener had by the last words.
pub fn account(listener: &Listener, histories: &[([usize; 2], Vec<Said>)]) -> Vec<String> {
    let mut found = Vec::new();
    for (pair, history) in histories.iter().filter(|(pair, _)| listener.hears(*pair)) {
        let last = history.last().expect("its last word");
        let got = listener.got.iter().map(|mark| &mark.said);
        let got = got.filter(|said| said.conversation == last.conversation && said.seq <= last.seq);
        let got: Vec<_> = got.cloned().collect();
        let wrong = delivery_faults(history, &got);
        let who = format!("{:?} of {}: {pair:?}", listener.kind, listener.person);
        found.extend(wrong.iter().map(|fault| format!("{who}: {fault:?}")));
    }
    found
}

/// Every process shows everyone the same in the end: the last messages, and what is unread.
pub async fn lists_agree(scene: &Scene, goal: &Goal) {
    let list = "{ conversations { nodes { id unreadCount lastMessage { id seq } } } }";
    let shown = async |person: usize, process: usize| {
        let list = scene.at(person, process).ok(list, json!({})).await;
        let mut nodes = list["conversations"]["nodes"]
            .as_array()
            .expect("a list")
            .clone();
        nodes.sort_by_key(|node| node["id"].to_string());
        nodes
    };
    let checks = (0..PEOPLE).map(|person| async move {
        let mut expected = Vec::new();
        for (pair, last) in goal.iter().filter(|(pair, _)| pair.contains(&person)) {
            let peer = if pair[0] == person { pair[1] } else { pair[0] };
            let history = scene.at(person, 0).history(&scene.with(peer)).await;
            let own = history
                .iter()
                .filter(|said| said.sender == scene.people[person].id);
            // Everyone has read the last words, and what they said themselves since.
            let read = own.map(|said| said.seq).max().unwrap_or(0).max(last.seq);
            let newest = history.last().expect("its last word");
            expected.push(json!({
                "id": last.conversation,
                "unreadCount": newest.seq - read,
                "lastMessage": { "id": newest.id, "seq": newest.seq },
            }));
        }
        expected.sort_by_key(|node| node["id"].to_string());
        for process in 0..PROCESSES {
            let what = format!("process {process} shows person {person} {expected:?}");
            eventually(&what, async || shown(person, process).await == expected).await;
        }
    });
    join_all(checks).await;
}
