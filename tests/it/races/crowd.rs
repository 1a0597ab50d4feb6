//! Several people at one server or at several, who read all the while and have to agree in the end.

use super::*;
use crate::support::{
    acts::in_group,
    feed::{Scope, Window, state},
    picture::{Picture, Truth},
};

/// People as each of the servers knows them; the first one owns the groups.
pub struct Crowd {
    people: Vec<Vec<Client>>,
}

/// Someone's subscription to everything, and what they make of it.
pub struct Reading {
    person: usize,
    feed: Feed,
    picture: Picture,
}

impl Reading {
    /// Whether it is one of these people's.
    pub fn is_of(&self, people: &[usize]) -> bool {
        people.contains(&self.person)
    }
}

impl Crowd {
    /// So many people, with names of their own in each race on these servers.
    pub async fn of(apps: &[&TestApp], count: usize) -> Self {
        let names: Vec<_> = (0..count)
            .map(|number| format!("person{number:03}"))
            .collect();
        let mut people = Vec::new();
        for some in names.chunks(50) {
            people.extend(join_all(some.iter().map(|name| apps[0].user(name))).await);
        }
        let everywhere =
            |one: &Client| apps.iter().map(|app| one.at(app.url("/graphql"))).collect();
        Self {
            people: people.iter().map(everywhere).collect(),
        }
    }

    /// A person, by way of some server.
    pub fn at(&self, person: usize, turn: usize) -> Client {
        let everywhere = &self.people[person];
        everywhere[turn % everywhere.len()].clone()
    }

    /// A group of all of them.
    pub async fn group(&self, title: &str) -> String {
        let others: Vec<_> = self.people[1..].iter().map(|one| &one[0]).collect();
        self.people[0][0].group(title, &others).await
    }

    /// The first few people begin to read at each server, knowing their conversations.
    pub async fn feeds(&self, apps: &[&TestApp]) -> Vec<Reading> {
        let mut all = Vec::new();
        for person in 0..self.people.len().min(4) {
            for (app, client) in apps.iter().zip(&self.people[person]) {
                let after = client.stands().await;
                let scope = Scope::all(Window::Events).after(after);
                let picture = Picture::of(&Truth::of(client).await);
                all.push(Reading {
                    person,
                    feed: Feed::open(app.address, client, scope).await,
                    picture,
                });
            }
        }
        all
    }

    /// What a group's history shows, which is the same for everyone at every server, and who is in it.
    pub async fn agreed(&self, group: &str) -> Vec<String> {
        let mut agreed = None;
        for client in self.people.iter().flatten() {
            let conversation = client.conversation(group).await;
            if conversation.is_null() {
                continue;
            }
            let shown = client.shown(&in_group(group)).await;
            let states: Vec<_> = shown.iter().map(state).collect();
            let seen = (states, conversation["members"].clone());
            match &agreed {
                None => agreed = Some(seen),
                Some(agreed) => assert_eq!(*agreed, seen, "{}", client.username),
            }
        }
        agreed.map(|(states, _)| states).unwrap_or_default()
    }

    /// Someone has the last word, and then everyone's picture is what queries say.
    pub async fn ends(&self, group: &str, feeds: &mut [Reading]) {
        for (turn, one) in self.people.iter().enumerate() {
            let last = json!({ "to": in_group(group), "body": "the end" });
            if one[turn % one.len()].sends(last).await.code().is_none() {
                break;
            }
        }
        for reading in feeds {
            let truth = Truth::of(&self.people[reading.person][0]).await;
            let Reading { feed, picture, .. } = reading;
            picture.complete(feed, &truth, &|_, _| false).await;
        }
    }
}
