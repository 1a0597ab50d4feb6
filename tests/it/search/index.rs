//! The index by itself: a random log, of which the same is found as by reading all of it.

use std::sync::Arc;

use chinwag::{
    domain::{
        Body, Conversation, ConversationId, Happening, Message, MessageId, MessageState, NewEntry,
        Pair, Pen, SearchText, Tail, Timestamp, UserId,
    },
    search::{Index, Place},
    store::DynStore,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::support::store::fresh;

on_both_stores!(
    the_index_finds_what_reading_all_messages_finds,
    several_who_index_at_once_neither_double_nor_lose,
);

/// Words that stand in half of all messages, in some, and in few.
const WORDS: [&str; 12] = [
    "the", "the", "the", "them", "theme", "an", "apple", "apply", "bee", "zebra", "q", "über",
];

struct Model {
    store: DynStore,
    conversations: Vec<Conversation>,
    tails: Vec<Tail>,
    pen: Pen,
    messages: Vec<Message>,
    clock: i64,
}

impl Model {
    async fn new(store: DynStore) -> Self {
        let ann = UserId::new();
        let mut conversations = Vec::new();
        for _ in 0..12 {
            let pair = Pair::new(ann, UserId::new()).expect("two people");
            let new = Conversation::direct(pair, Timestamp(5));
            conversations.push(store.create_direct(&new).await.expect("answers"));
        }
        let seal = store.begin_term(None).await.expect("a lane is free");
        let mut model = Self {
            tails: vec![Tail::NOTHING; conversations.len()],
            pen: Pen::new(seal.position, seal.rank),
            store,
            conversations,
            messages: Vec::new(),
            clock: 1_000_000,
        };
        for at in 0..model.conversations.len() {
            let made = model.conversations[at].state();
            model
                .write(at, MessageId::new(), Happening::ConversationChanged(made))
                .await;
        }
        model
    }

    async fn write(&mut self, at: usize, id: MessageId, what: Happening) {
        let new = NewEntry {
            id: id.0,
            conversation_id: self.conversations[at].id,
            what,
        };
        let entry = self.pen.write(new, &mut self.tails[at], 0);
        let appended = self.store.append(std::slice::from_ref(&entry)).await;
        assert_eq!(appended.expect("answers").written, 1);
        match &entry.what {
            Happening::Sent(message) => self.messages.push((**message).clone()),
            Happening::MessageChanged(change) => {
                let message = self
                    .messages
                    .iter_mut()
                    .find(|message| message.id == change.message_id)
                    .expect("was sent");
                message.change(change.state.as_ref().expect("is told"), entry.step);
            }
            Happening::Reacted(_) | Happening::ConversationChanged(_) | Happening::Estranged(_) => {
            }
        }
    }

    fn text(random: &mut StdRng) -> String {
        let count = random.random_range(1..6);
        let words: Vec<&str> = (0..count)
            .map(|_| WORDS[random.random_range(0..WORDS.len())])
            .collect();
        words.join(" ")
    }

    async fn something(&mut self, random: &mut StdRng) {
        // Several at one instant, and now and then a step back.
        self.clock += random.random_range(-2..5);
        let said = self.messages.len();
        if said > 0 && random.random_range(0..5) == 0 {
            let message = self.messages[random.random_range(0..said)].clone();
            let is_deleted = message.deleted_at.is_some() || random.random_bool(0.3);
            let text = if is_deleted {
                String::new()
            } else {
                Self::text(random)
            };
            let state = MessageState {
                body: Body::stored(&text),
                edited_at: Some(Timestamp(self.clock)),
                deleted_at: is_deleted.then_some(Timestamp(self.clock)),
                first: None,
            };
            let change = chinwag::domain::MessageChange {
                message_id: message.id,
                state: Some(state),
            };
            let mut all = self.conversations.iter();
            let at = all.position(|at| at.id == message.conversation_id);
            let at = at.expect("is there");
            self.write(at, MessageId::new(), Happening::MessageChanged(change))
                .await;
            return;
        }
        let at = random.random_range(0..self.conversations.len());
        let id = MessageId::new();
        let message = Message {
            id,
            ..Message::new(
                self.conversations[at].id,
                self.conversations[at].members[0].user_id,
                Body::stored(&Self::text(random)),
                Timestamp(self.clock),
            )
        };
        self.write(at, id, Happening::Sent(Arc::new(message))).await;
    }

    /// What of a message stands in the index.
    fn place(message: &Message) -> Place {
        Place {
            sent_at: message.sent_at,
            conversation_id: message.conversation_id,
            seq: message.seq,
        }
    }

    fn expected(&self, text: &SearchText, among: &[ConversationId]) -> Vec<Place> {
        let messages = self.messages.iter().filter(|message| {
            among.contains(&message.conversation_id) && text.fits(message.body.as_str())
        });
        let mut places: Vec<Place> = messages.map(Self::place).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        places
    }

    async fn check(&self, index: &Index, random: &mut StdRng, is_purged: bool) {
        let count = random.random_range(1..4);
        let mut search = Self::text(random);
        if random.random_bool(0.3) {
            search = format!("{search} th");
        }
        let search: Vec<&str> = search.split(' ').take(count).collect();
        let text = SearchText::parse("text", &search.join(" ")).expect("words");
        let conversations = self.conversations.iter().map(|at| at.id);
        let among: Vec<_> = conversations.filter(|_| random.random_bool(0.7)).collect();
        let limit = random.random_range(1..30);
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let part = index
                .find(&text, &among, after, limit)
                .await
                .expect("answers");
            assert!(part.len() <= limit);
            found.extend(part.iter().copied());
            if part.len() < limit {
                break;
            }
            after = part.last().copied();
        }
        assert!(found.is_sorted_by(|one, other| one > other), "{search:?}");
        let by_place: std::collections::BTreeMap<_, _> = self
            .messages
            .iter()
            .map(|message| (Self::place(message), message))
            .collect();
        if !is_purged {
            // What was changed may still stand there.
            found.retain(|place| text.fits(by_place[place].body.as_str()));
        }
        assert_eq!(found, self.expected(&text, &among), "{search:?}");
    }
}

/// Brings all that is in the log into the index.
async fn index_all(index: &Index) {
    loop {
        let known = index.catalogue().await.expect("answers");
        let (news, up_to) = index.read_news(&known).await.expect("answers");
        if up_to == known.live {
            return;
        }
        // Another one may have been faster.
        index.add(&known, news, up_to).await.expect("answers");
    }
}

async fn the_index_finds_what_reading_all_messages_finds(kind: StoreKind) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (store, _guard) = fresh(kind).await;
    let mut model = Model::new(store.clone()).await;
    for _ in 0..60 {
        model.something(&mut random).await;
    }
    let index = Index::new(store.clone());
    // Those are old.
    let heads = store.heads().await.expect("answers");
    index.begin(&heads).await.expect("answers");
    for round in 0..40 {
        for _ in 0..random.random_range(1..12) {
            model.something(&mut random).await;
        }
        index_all(&index).await;
        match round {
            2 => while index.keep().await.expect("answers") {},
            n if n > 2 && n % 3 == 0 => drop(index.keep().await.expect("answers")),
            _ => {}
        }
        let is_purged = round > 2 && round % 5 == 0;
        if is_purged {
            index.purge().await.expect("answers");
        }
        if round >= 2 {
            for _ in 0..10 {
                model.check(&index, &mut random, is_purged).await;
            }
        }
    }
    store.close().await;
}

async fn several_who_index_at_once_neither_double_nor_lose(kind: StoreKind) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (store, _guard) = fresh(kind).await;
    let mut model = Model::new(store.clone()).await;
    let mut processes = [0, 1, 2].map(|_| Index::new(store.clone()));
    for _ in 0..25 {
        for _ in 0..random.random_range(1..20) {
            model.something(&mut random).await;
        }
        // Now and then one is killed and started again.
        processes[random.random_range(0..3)] = Index::new(store.clone());
        let heads = store.heads().await.expect("answers");
        let work = async |index: &Index| {
            index.begin(&heads).await.expect("answers");
            index_all(index).await;
            while index.keep().await.unwrap_or(false) {}
        };
        let [one, other, third] = &processes;
        let purge = async || drop(third.purge().await);
        tokio::join!(work(one), work(other), work(third), purge());
        let known = one.catalogue().await.expect("answers");
        if known.old.is_none() {
            for index in &processes {
                model.check(index, &mut random, false).await;
            }
        }
    }
    store.close().await;
}
