//! Direct conversations, also where one has blocked the other.

use super::*;

on_both_stores!(two_people_may_do_with_each_other_what_a_block_leaves_them);

/// Messages that there are for each of a pair, so that each trial has its own.
const EACH: usize = 30;

/// Two people, and what each said to the other.
struct Pair {
    people: [Client; 2],
    conversation: String,
    said: [Vec<String>; 2],
}

impl Pair {
    async fn talking(one: Client, other: Client) -> Self {
        let mut said = [Vec::new(), Vec::new()];
        let mut conversation = String::new();
        for _ in 0..EACH {
            for (mine, sender, receiver) in [(0, &one, &other), (1, &other, &one)] {
                let input = json!({ "to": with(receiver), "body": "hello" });
                let sent = sender.say(input).await;
                said[mine].push(sent.id);
                conversation = sent.conversation;
            }
        }
        Self {
            people: [one, other],
            conversation,
            said,
        }
    }

    /// What one of them tries something with: a message of their own or of the other's that nobody touched yet.
    fn variables(&mut self, who: usize, own: bool) -> Value {
        let sender = if own { who } else { 1 - who };
        let message = self.said[sender].pop().expect("one more");
        json!({
            "conversation": self.conversation, "message": message,
            "other": self.people[1 - who].id,
        })
    }
}

/// What each may do, with a message of their own or of the other's: one of a pair, one who has blocked the other, one
/// who was blocked, and a stranger.
const TABLE: [(&str, bool, [Outcome; 4]); 20] = [
    (CONVERSATION, true, [OK, OK, OK, NULL]),
    (CONVERSATION_NODE, true, [OK, OK, OK, NULL]),
    (MESSAGE_NODE, true, [OK, OK, OK, NULL]),
    (MESSAGE_NODE, false, [OK, OK, OK, NULL]),
    (HISTORY, true, [OK, OK, OK, NOT_FOUND]),
    (PAGE, true, [BAD, BAD, BAD, NOT_FOUND]),
    (SEND, true, [OK, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (REPLY, false, [OK, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (MARK, false, [OK, OK, OK, NOT_FOUND]),
    (TYPE, true, [OK, OK, OK, NOT_FOUND]),
    (RENAME, true, [BAD, BAD, BAD, NOT_FOUND]),
    (ADD, true, [BAD, BAD, BAD, NOT_FOUND]),
    (REMOVE, true, [BAD, BAD, BAD, NOT_FOUND]),
    (LEAVE, true, [BAD, BAD, BAD, NOT_FOUND]),
    (EDIT, true, [OK, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (EDIT, false, [FORBIDDEN, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (DELETE, true, [OK, OK, OK, NOT_FOUND]),
    (DELETE, false, [FORBIDDEN, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (REACT, false, [OK, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
    (REACT, true, [OK, FORBIDDEN, FORBIDDEN, NOT_FOUND]),
];

const LISTENING: [Outcome; 4] = [OK, OK, OK, NOT_FOUND];

async fn two_people_may_do_with_each_other_what_a_block_leaves_them(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let stranger = app.user("stranger").await;
    let mut friends = Pair::talking(app.user("ann").await, app.user("bob").await).await;
    let mut apart = Pair::talking(app.user("blocker").await, app.user("blocked").await).await;
    apart.people[0].block(&apart.people[1]).await;
    let mut rows: Vec<_> = TABLE
        .iter()
        .map(|(document, own, expected)| ((*document).to_owned(), *own, *expected))
        .collect();
    for window in Window::ALL {
        rows.push((listening(window), true, LISTENING));
    }
    rows.push((TYPING.to_owned(), true, LISTENING));

    let mut wrong = Vec::new();
    for (document, own, expected) in rows {
        let friend = friends.people[0].clone();
        let [blocker, blocked] = apart.people.clone();
        let trials = [
            (&friend, friends.variables(0, own)),
            (&blocker, apart.variables(0, own)),
            (&blocked, apart.variables(1, own)),
            (&stranger, friends.variables(1, own)),
        ];
        for ((who, mut variables), expected) in trials.into_iter().zip(expected) {
            variables["self"] = json!(who.id);
            variables["newcomer"] = json!(stranger.id);
            let (came, told) = outcome(&app, who, &document, &variables, expected).await;
            if came != expected {
                wrong.push(format!(
                    "{}: {came}, not {expected}: {document}",
                    who.username
                ));
            }
            if who.id == stranger.id {
                is_as_made_up(&app, who, &document, &variables, &told).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    app.stop().await;
}
