//! The program is killed at random moments while people do all that can be done in groups, and started again: what was
//! acknowledged is there, whole and once, with all that follows from it.

use std::{collections::VecDeque, env, time::Duration};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::Notify;

use super::{
    known::{Known, Written},
    *,
};
use crate::{
    on_both_stores,
    support::{
        acts::{Answer, CONVERSATION, MESSAGE, ids, in_group, members, read_by, text},
        app::Place,
        feed::{Feed, Scope, Window, state},
        picture::{Picture, Truth},
        program::Program,
        store::StoreKind,
    },
};

on_both_stores!(a_program_killed_while_people_change_things_keeps_what_it_acknowledged);

/// Those who do things, each in a group of their own.
const ACTORS: usize = 4;

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is no number"))
    })
}

/// Someone who does things in a group of their own, where the watcher and a guest are.
struct Actor {
    client: Client,
    watcher: Client,
    guest: Client,
    group: String,
    title: Known<String>,
    guest_is_in: Known<bool>,
    /// How far the watcher has read.
    mark: Known<u64>,
    written: Vec<Written>,
    /// The last few that may still change, by their places.
    fresh: VecDeque<usize>,
    random: StdRng,
    count: usize,
}

/// Nothing, when the program was not there to answer.
type Answered = Option<Value>;

/// Asks, unless there is nobody to answer.
async fn tried(client: &Client, document: &str, variables: Value) -> Option<Answer> {
    let response = client.request(document, variables).send().await.ok()?;
    let answer = Answer(response.json().await.ok()?);
    (answer.code() != Some("SERVICE_UNAVAILABLE")).then_some(answer)
}

/// Asks, and gives what came of it, which went well if there was anybody to answer.
async fn tries(client: &Client, document: &str, variables: Value) -> Answered {
    Some(tried(client, document, variables).await?.done())
}

impl Actor {
    async fn new(client: &Client, watcher: &Client, guest: &Client, random: StdRng) -> Self {
        let made = client.create_group("0", &ids(&[watcher])).await.done();
        Self {
            client: client.clone(),
            watcher: watcher.clone(),
            guest: guest.clone(),
            group: text(&made["id"]),
            title: Known::new("0".to_owned()),
            guest_is_in: Known::new(false),
            mark: Known::new(0),
            written: Vec::new(),
            fresh: VecDeque::new(),
            random,
            count: 0,
        }
    }

    fn move_to(&mut self, url: &str) {
        for client in [&mut self.client, &mut self.watcher, &mut self.guest] {
            *client = client.at(url.to_owned());
        }
    }

    /// Does one thing after the other until one is not answered.
    async fn act(&mut self, under_way: &Notify) {
        while self.one().await.is_some() {
            under_way.notify_one();
        }
    }

    async fn one(&mut self) -> Option<()> {
        self.count += 1;
        match self.random.random_range(0..10) {
            0..3 => self.say().await,
            3..7 => self.change().await,
            7 => self.rename().await,
            8 => self.move_guest().await,
            _ => self.read().await,
        }
    }

    async fn say(&mut self) -> Option<()> {
        let name = uuid::Uuid::new_v4().to_string();
        self.written.push(Written {
            state: Known::new(name.clone()),
            name,
            id: None,
        });
        let last = self.written.len() - 1;
        self.send(last).await
    }

    /// Sends a message, or sends it again.
    async fn send(&mut self, place: usize) -> Option<()> {
        let document = format!(
            "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ {MESSAGE} }} }}"
        );
        let name = &self.written[place].name;
        let input = json!({ "to": in_group(&self.group), "body": name, "clientMessageId": name });
        let sent = tries(&self.client, &document, json!({ "input": input })).await?;
        let written = &mut self.written[place];
        let id = text(&sent["id"]);
        assert!(
            written.id.as_ref().is_none_or(|known| *known == id),
            "{sent}"
        );
        written.state.check("what was sent", &state(&sent));
        written.id = Some(id);
        self.fresh.push_back(place);
        Some(())
    }

    /// Edits, likes or deletes one of the last messages.
    async fn change(&mut self) -> Option<()> {
        if self.fresh.len() > 8 {
            self.fresh.pop_front();
        }
        let Some(place) = self.fresh.pop_front() else {
            return self.say().await;
        };
        let written = &mut self.written[place];
        let id = written.id.clone().expect("it was acknowledged");
        let likes = written.state.acknowledged.ends_with("×1");
        let (field, argument, becomes) = match self.random.random_range(0..6) {
            0 => ("deleteMessage", String::new(), "(deleted)".to_owned()),
            1 | 2 if !likes => {
                let becomes = format!("{} 👍×1", written.state.acknowledged);
                ("addReaction", ", emoji: \"👍\"".to_owned(), becomes)
            }
            _ => {
                let body = format!("changed {}", self.count);
                let liked = if likes { " 👍×1" } else { "" };
                let becomes = format!("{body} (edited){liked}");
                ("editMessage", format!(", body: \"{body}\""), becomes)
            }
        };
        let gone = field == "deleteMessage";
        let document =
            format!("mutation($id: ID!) {{ {field}(messageId: $id{argument}) {{ {MESSAGE} }} }}");
        written.state.try_to(becomes.clone());
        let changed = tries(&self.client, &document, json!({ "id": id })).await?;
        assert_eq!(state(&changed), becomes, "{document}");
        written.state.done();
        if !gone {
            self.fresh.push_back(place);
        }
        Some(())
    }

    async fn rename(&mut self) -> Option<()> {
        let title = self.count.to_string();
        let document = format!(
            "mutation($id: ID!, $title: String!) {{ renameGroup(conversationId: $id, title: $title) {{ {CONVERSATION} }} }}"
        );
        self.title.try_to(title.clone());
        let variables = json!({ "id": self.group, "title": title });
        let renamed = tries(&self.client, &document, variables).await?;
        assert_eq!(renamed["title"], title.as_str());
        self.title.done();
        Some(())
    }

    /// Adds the guest, or removes them.
    async fn move_guest(&mut self) -> Option<()> {
        let comes = !self.guest_is_in.acknowledged;
        let document = if comes {
            "mutation($id: ID!, $user: ID!) { addMembers(conversationId: $id, userIds: [$user]) { id } }"
        } else {
            "mutation($id: ID!, $user: ID!) { removeMember(conversationId: $id, userId: $user) { id } }"
        };
        self.guest_is_in.try_to(comes);
        let variables = json!({ "id": self.group, "user": self.guest.id });
        let answer = tried(&self.client, document, variables).await?;
        // Whoever was removed by a try that was not answered is not there to be removed.
        if comes || answer.code() != Some("NOT_FOUND") {
            answer.done();
        }
        self.guest_is_in.done();
        Some(())
    }

    /// The watcher reads the newest message that was acknowledged.
    async fn read(&mut self) -> Option<()> {
        let Some(id) = self
            .written
            .iter()
            .rev()
            .find_map(|written| written.id.clone())
        else {
            return self.say().await;
        };
        let document =
            format!("mutation($id: ID!) {{ markRead(messageId: $id) {{ {CONVERSATION} }} }}");
        let seq = self.watcher_sees(&id).await?;
        self.mark.try_to(seq.max(self.mark.acknowledged));
        let read = tries(&self.watcher, &document, json!({ "id": id })).await?;
        let read = read_by(&read, &self.watcher.username)
            .as_u64()
            .expect("a number");
        assert!(read >= seq, "{read} of {seq}");
        // A try that was not answered may have gone further.
        self.mark.check("the watcher's mark", &read);
        self.mark = Known::new(read);
        Some(())
    }

    async fn watcher_sees(&self, id: &str) -> Option<u64> {
        let document = "query($id: ID!) { node(id: $id) { ... on Message { seq } } }";
        let seen = tries(&self.watcher, document, json!({ "id": id })).await?;
        seen["seq"].as_u64()
    }

    /// Compares what is there with what was acknowledged, and goes on from what is there.
    async fn check(&mut self) {
        let shown = self.watcher.conversation(&self.group).await;
        self.title.check("the title", &text(&shown["title"]));
        let guest = members(&shown).contains(&self.guest.username);
        self.guest_is_in.check("the guest's being in it", &guest);
        let seen = self.guest.conversation(&self.group).await;
        assert_eq!(seen.is_object(), guest, "as the guest sees it");
        let read = read_by(&shown, &self.watcher.username)
            .as_u64()
            .unwrap_or(0);
        self.mark.check("the watcher's mark", &read);

        let history = self.watcher.shown(&in_group(&self.group)).await;
        let seqs = history.iter().map(|message| message["seq"].as_u64());
        assert!(seqs.eq((1..).map(Some).take(history.len())), "{history:?}");
        for written in &self.written {
            let Some(id) = &written.id else { continue };
            let mut there = history
                .iter()
                .filter(|message| message["id"] == id.as_str());
            let message = there.next().unwrap_or_else(|| panic!("{id} is lost"));
            written.state.check("a message", &state(message));
        }
        let unread = history.len() as u64 - read;
        assert_eq!(shown["unreadCount"], unread, "{shown}");
        let last = history.last().map(|message| message["id"].clone());
        assert_eq!(shown["lastMessage"]["id"], json!(last));
    }

    /// Sends again what was not answered, and settles everything else: then nothing is in doubt.
    async fn settle(&mut self) {
        let settled = async {
            for place in 0..self.written.len() {
                if self.written[place].id.is_none() {
                    self.send(place).await?;
                }
                let doubt = !self.written[place].state.tried.is_empty();
                if let (true, Some(id)) = (doubt, self.written[place].id.clone()) {
                    let written = &mut self.written[place];
                    written.state.try_to("(deleted)".to_owned());
                    self.client.delete(&id).await.done();
                    written.state.done();
                    self.fresh.retain(|fresh| *fresh != place);
                }
            }
            self.rename().await?;
            let comes = self.guest_is_in.acknowledged;
            self.guest_is_in.try_to(comes);
            if comes {
                self.client.add(&self.group, &[&self.guest]).await.done();
            } else {
                // Refused where they are out of it already.
                self.client.remove(&self.group, &self.guest).await;
            }
            self.guest_is_in.done();
            Some(())
        };
        settled.await.expect("the program is there");
    }
}

async fn a_program_killed_while_people_change_things_keeps_what_it_acknowledged(kind: StoreKind) {
    let (rounds, seed) = (number("CRASH_ROUNDS", 5), number("CRASH_SEED", 1));
    println!("CRASH_ROUNDS={rounds} CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::fresh(kind).await;
    let mut program = Program::start(&place).await;
    let mut watcher = program.anonymous().sign_up("watcher").await;
    let guest = program.anonymous().sign_up("guest").await;
    let scope = Scope::all(Window::Events).after(watcher.stands().await);
    let phone = watcher.sign_in_again().await;
    let mut feed = Feed::open(program.address, &phone, scope).await;
    let mut picture = Picture::default();
    let mut actors = Vec::new();
    for number in 0..ACTORS {
        let client = program.anonymous().sign_up(&format!("actor{number}")).await;
        let random = StdRng::seed_from_u64(random.random());
        actors.push(Actor::new(&client, &watcher, &guest, random).await);
    }

    for _ in 0..rounds {
        let under_way = Notify::new();
        let acting = join_all(actors.iter_mut().map(|actor| actor.act(&under_way)));
        let killing = async {
            under_way.notified().await;
            let moment = Duration::from_micros(random.random_range(0..500_000));
            tokio::time::sleep(moment).await;
            program.kill();
        };
        let reading = async {
            while let Ok(message) = feed.socket.next_or_close().await {
                let event = feed.keep(&message["payload"]["data"]);
                picture.take(&event);
            }
        };
        tokio::join!(acting, killing, reading);

        program = Program::start(&place).await;
        let url = program.url("/graphql");
        watcher = watcher.at(url.clone());
        for actor in &mut actors {
            actor.move_to(&url);
            actor.check().await;
            if random.random_bool(0.5) {
                actor.settle().await;
                actor.check().await;
            }
        }
        feed.resume(program.address).await;
    }
    for actor in &mut actors {
        actor.settle().await;
        actor.check().await;
        actor.say().await.expect("the program is there");
    }
    let truth = Truth::of(&watcher).await;
    picture
        .complete(&mut feed, &truth, &|_, name| name != "guest")
        .await;
    let written: usize = actors.iter().map(|actor| actor.written.len()).sum();
    println!("{written} messages, {} events", picture.events);
}
