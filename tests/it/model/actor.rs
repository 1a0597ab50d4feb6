//! Someone who does one thing after the other.

use super::*;
use crate::support::acts::Answer;

/// Groups in a round, at most about.
const GROUPS: usize = 5;

const EMOJI: [&str; 4] = ["👍", "🎉", "❤️", "😀"];

/// What refusals may say: that one may not, or not any more.
const REFUSALS: [&str; 3] = ["NOT_FOUND", "FORBIDDEN", "BAD_USER_INPUT"];

pub struct Actor<'a> {
    pub world: &'a World<'a>,
    pub person: usize,
    pub random: StdRng,
}

/// How many of someone's wishes came true.
#[derive(Default)]
pub struct Done {
    pub done: usize,
    pub refused: usize,
}

impl Actor<'_> {
    /// Does so many things, by whichever server.
    pub async fn act(mut self, count: usize) -> Done {
        let mut all = Done::default();
        for number in 0..count {
            let Some(answer) = self.one(number).await else {
                continue;
            };
            match answer.code() {
                None => all.done += 1,
                Some(code) => {
                    assert!(REFUSALS.contains(&code), "{answer:?}");
                    all.refused += 1;
                }
            }
        }
        all
    }

    /// Does something, if there is anything to do it with.
    async fn one(&mut self, number: usize) -> Option<Answer> {
        let server = self.random.random_range(0..self.world.apps.len());
        let client = self.world.at(self.person, server);
        let chance = self.random.random_range(0..100);
        match chance {
            0..35 => self.say(&client, number).await,
            35..80 => self.change_message(&client, chance, number).await,
            _ => self.change_group(&client, chance, number).await,
        }
    }

    async fn say(&mut self, client: &Client, number: usize) -> Option<Answer> {
        let turn = self.random.random_range(0..1_000);
        let to = self.world.whereabouts(turn);
        if to["userId"] == self.world.id(self.person) {
            return None;
        }
        let body = format!("{} said {number}", client.username);
        let mut input = json!({ "to": to.clone(), "body": body, "clientMessageId": body });
        if self.random.random_bool(0.2) {
            input["replyToId"] = json!(self.message(false)?.id);
        }
        let answer = client.sends(input).await;
        if answer.code().is_none() {
            self.world.says(self.person, &answer.done(), &to);
        }
        Some(answer)
    }

    async fn change_message(
        &mut self,
        client: &Client,
        chance: usize,
        number: usize,
    ) -> Option<Answer> {
        let own = chance < 55;
        let message = self.message(own)?.id;
        let emoji = EMOJI[self.random.random_range(0..EMOJI.len())];
        let answer = match chance {
            35..49 => client.edit(&message, &format!("changed {number}")).await,
            49..55 => client.delete(&message).await,
            55..67 => client.react(&message, emoji).await,
            67..72 => client.unreact(&message, emoji).await,
            _ => client.mark(&message).await,
        };
        Some(answer)
    }

    async fn change_group(
        &mut self,
        client: &Client,
        chance: usize,
        number: usize,
    ) -> Option<Answer> {
        let groups = self.world.groups();
        let other = self.random.random_range(0..PEOPLE);
        if groups.is_empty() || (chance < 84 && groups.len() < GROUPS) {
            let others = [other, (other + 1) % PEOPLE, (other + 2) % PEOPLE];
            let others = others.map(|other| self.world.id(other));
            let title = format!("made {number}");
            let answer = client.create_group(&title, &others).await;
            if answer.code().is_none() {
                self.world.made(&answer.done(), self.person);
            }
            return Some(answer);
        }
        // Mostly one that is still their own.
        let mut own = groups.clone();
        own.retain(|(_, maker)| *maker == self.person);
        let among = if own.is_empty() || self.random.random_bool(0.2) {
            groups
        } else {
            own
        };
        let (group, _) = &among[self.random.random_range(0..among.len())];
        let other_id = self.world.id(other);
        let answer = match chance {
            80..85 => client.rename(group, &format!("named {number}")).await,
            85..93 => {
                self.world.adds(group, other);
                client.add_ids(group, &[other_id]).await
            }
            93..97 => client.remove_id(group, &other_id).await,
            _ => client.remove(group, client).await,
        };
        Some(answer)
    }

    /// One of the last messages, of one's own or anyone's.
    fn message(&mut self, own: bool) -> Option<world::Sent> {
        let mut sent = self.world.sent(self.person);
        sent.retain(|sent| !own || sent.sender == self.person);
        match sent.len() {
            0 => None,
            count => Some(sent.swap_remove(self.random.random_range(0..count))),
        }
    }
}
