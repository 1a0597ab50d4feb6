//! `chinwag admin`: what an operator does, through the server where one has the embedded store open.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Failure, opened::Opened};
use crate::{
    admin::{Answer, Desk, Order, order::Listed, socket::Line},
    app::{Config, StoreConfig},
    auth::Hasher,
    settings::{AdminOrder, AdminTask},
};

/// Has it done; gives what is to be printed.
pub async fn run(config: &Config, order: &AdminOrder) -> Result<String, Failure> {
    let mut way = Way::find(config).await?;
    let done = carry_out(&mut way, order).await;
    way.close().await;
    done
}

async fn carry_out(way: &mut Way, order: &AdminOrder) -> Result<String, Failure> {
    let username = |username: &String| username.clone();
    let mut next = match &order.task {
        AdminTask::Users => Order::Users { after: None },
        AdminTask::Stats => Order::Stats,
        AdminTask::ResetPassword { username: name } => Order::ResetPassword {
            username: username(name),
        },
        AdminTask::DeleteUser { username: name } => Order::DeleteUser {
            username: username(name),
        },
        AdminTask::EndSessions { username: name } => Order::EndSessions {
            username: username(name),
        },
    };
    let mut said = String::new();
    loop {
        let answer = way.ask(next).await?;
        if order.json {
            say_json(&mut said, &answer);
        } else {
            say(&mut said, &answer);
        }
        match answer {
            Answer::Users {
                next: Some(after), ..
            } => {
                super::say(&said);
                said.clear();
                next = Order::Users { after: Some(after) };
            }
            _ => return Ok(said),
        }
    }
}

/// Writing into a text cannot fail.
fn say(said: &mut String, answer: &Answer) {
    let _ = match answer {
        Answer::Users { users, .. } => users.iter().try_for_each(|user| {
            let seen = user.last_seen_at.map(|at| at.to_string());
            let seen = seen.as_deref().unwrap_or("never");
            let Listed {
                username,
                created_at,
                display_name,
                ..
            } = user;
            writeln!(
                said,
                "{username:32} joined {created_at}  last seen {seen:24}  {display_name}"
            )
        }),
        Answer::Stats(totals) => {
            let online = totals
                .online
                .map(|online| format!("{:14} {online}\n", "online"));
            [
                ("users", totals.users),
                ("deleted users", totals.deleted_users),
                ("conversations", totals.conversations),
                ("messages", totals.messages),
                ("sessions", totals.sessions),
            ]
            .iter()
            .try_for_each(|(what, count)| writeln!(said, "{what:14} {count}"))
            .and_then(|()| said.write_str(&online.unwrap_or_default()))
        }
        Answer::NewPassword { username, password } => {
            writeln!(
                said,
                "{username} is signed out everywhere; the new password is {password}"
            )
        }
        Answer::Deleted { username } => writeln!(said, "deleted the account of {username}"),
        Answer::SessionsEnded { username, sessions } => {
            writeln!(
                said,
                "{username} is signed out everywhere; sessions ended: {sessions}"
            )
        }
        Answer::Failed { .. } => Ok(()),
    };
}

fn say_json(said: &mut String, answer: &Answer) {
    let lines = match answer {
        Answer::Users { users, .. } => users.iter().map(|user| json!(user)).collect(),
        Answer::Stats(totals) => vec![json!(totals)],
        Answer::NewPassword { username, password } => {
            vec![json!({ "username": username, "password": password })]
        }
        Answer::Deleted { username } => vec![json!({ "username": username, "deleted": true })],
        Answer::SessionsEnded { username, sessions } => {
            vec![json!({ "username": username, "sessionsEnded": sessions })]
        }
        Answer::Failed { .. } => Vec::<Value>::new(),
    };
    for line in lines {
        let _ = writeln!(said, "{line}");
    }
}

/// How orders reach the store.
enum Way {
    Server(Line),
    Store(Opened, Desk),
}

impl Way {
    async fn find(config: &Config) -> Result<Self, Failure> {
        if let StoreConfig::Embedded { dir } = &config.store {
            let line = Line::to(dir).await;
            let line = line.map_err(|error| {
                let dir = dir.display();
                Failure::new(format_args!(
                    "the server of {dir} cannot be spoken to: {error}"
                ))
            })?;
            if let Some(line) = line {
                return Ok(Self::Server(line));
            }
        }
        let store = Opened::existing(config).await?;
        let cost = config.bcrypt_cost;
        let hasher = tokio::task::spawn_blocking(move || Hasher::new(cost, 1));
        let desk = Desk::over(store.clone(), hasher.await.map_err(Failure::new)??);
        Ok(Self::Store(store, desk))
    }

    async fn ask(&mut self, order: Order) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Server(line) => line.ask(&order).await.map_err(|error| {
                Failure::new(format_args!("the server does not answer: {error}"))
            })?,
            Self::Store(_, desk) => desk.carry_out(order).await?,
        };
        match answer {
            Answer::Failed { reason } => Err(Failure::new(reason)),
            answer => Ok(answer),
        }
    }

    async fn close(self) {
        if let Self::Store(store, _) = self {
            store.close().await;
        }
    }
}
