//! A replica set of three, whose primary can be taken away.

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Document, doc},
    options::ClientOptions,
};

use super::{link::Link, mongod::OwnMongod};

/// How often it is asked who the primary is before that takes too long.
const TRIES: usize = 600;

/// What becomes of a primary.
#[derive(Clone, Copy, Debug)]
pub enum End {
    StepsDown,
    IsKilled,
    IsStopped,
    /// Runs on, and hears nobody.
    IsCutOff,
}

impl End {
    pub const ALL: [Self; 4] = [
        Self::StepsDown,
        Self::IsKilled,
        Self::IsStopped,
        Self::IsCutOff,
    ];
}

/// Three servers; one of them is the primary, most of the time.
pub struct Replicas(Vec<Replica>);

struct Replica {
    server: OwnMongod,
    /// The way on which clients and the other servers reach it.
    link: Link,
}

impl Replicas {
    /// Three that are ready; the error says what is missing.
    pub async fn start() -> Result<Self, String> {
        let arguments = ["--replSet", "rs3", "--setParameter", "enableTestCommands=1"];
        let mut servers = Vec::new();
        for _ in 0..3 {
            let server = OwnMongod::launch(&arguments).await?;
            let link = Link::to(server.address()).await;
            servers.push(Replica { server, link });
        }
        let replicas = Self(servers);
        let members = replicas.0.iter().zip(0..);
        let members = members.map(|(replica, id)| doc! { "_id": id, "host": replica.host() });
        let config = doc! {
            "_id": "rs3",
            "members": members.collect::<Vec<_>>(),
            "settings": {
                "electionTimeoutMillis": 2_000,
                "heartbeatIntervalMillis": 500,
                "heartbeatTimeoutSecs": 2,
                // Whoever is elected waits no longer for one that cannot be reached.
                "catchUpTimeoutMillis": 2_000,
            },
        };
        for _ in 0..TRIES {
            let begun = replicas.run(0, doc! { "replSetInitiate": config.clone() });
            if begun.await.is_ok() {
                replicas.primary().await;
                return Ok(replicas);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("three servers do not become a replica set".to_owned())
    }

    /// The connection string for a database.
    pub fn uri_for(&self, database: &str) -> String {
        let hosts: Vec<String> = self.0.iter().map(Replica::host).collect();
        format!("mongodb://{}/{database}?replicaSet=rs3", hosts.join(","))
    }

    /// Waits until all of them take part, so that any one may be taken away.
    pub async fn all_there(&self) {
        let takes_part = |hello: Document| {
            let is = |role| hello.get_bool(role).unwrap_or(false);
            is("isWritablePrimary") || is("secondary")
        };
        for number in 0..self.0.len() {
            let mut tries = 0..TRIES;
            while !self
                .run(number, doc! { "hello": 1 })
                .await
                .is_ok_and(takes_part)
            {
                assert!(tries.next().is_some(), "server {number} does not come back");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    /// Takes the primary, of this number, away.
    pub async fn end(&mut self, primary: usize, end: End) {
        let Replica { server, link } = &mut self.0[primary];
        match end {
            End::StepsDown => self.step_down(primary).await,
            End::IsKilled => server.kill(),
            End::IsStopped => server.stop(),
            End::IsCutOff => link.hold(),
        }
    }

    /// Lets one that was taken away come back.
    pub async fn bring_back(&mut self, number: usize, end: End) {
        let Replica { server, link } = &mut self.0[number];
        match end {
            End::StepsDown => {}
            End::IsKilled => server.relaunch().await.expect("starts"),
            End::IsStopped => server.cont(),
            End::IsCutOff => link.release(),
        }
    }

    /// From now on all but the primary, of this number, show nothing new, although they confirm it and may be elected; or
    /// show all again.
    pub async fn lag(&self, primary: usize, lag: bool) {
        let mode = if lag { "alwaysOn" } else { "off" };
        for number in (0..self.0.len()).filter(|number| *number != primary) {
            let fail_point = doc! { "configureFailPoint": "disableSnapshotting", "mode": mode };
            self.run(number, fail_point).await.expect("is set");
        }
    }

    /// The number of the one that is the primary by now.
    pub async fn primary(&self) -> usize {
        self.primary_but(None).await
    }

    /// The same, when one of them cannot be asked or does not know yet that it no longer is.
    pub async fn primary_but(&self, but: Option<usize>) -> usize {
        for _ in 0..TRIES {
            for number in (0..self.0.len()).filter(|number| Some(*number) != but) {
                let hello = self.run(number, doc! { "hello": 1 }).await;
                let is_primary =
                    |hello: Document| hello.get_bool("isWritablePrimary").unwrap_or(false);
                if hello.is_ok_and(is_primary) {
                    return number;
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("nobody becomes the primary");
    }

    /// Has the primary step down, for a while.
    async fn step_down(&self, primary: usize) {
        let step_down = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        // Refused while no other one is close enough.
        while self.run(primary, step_down.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn run(&self, number: usize, command: Document) -> mongodb::error::Result<Document> {
        let uri = format!(
            "mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=1000&connectTimeoutMS=1000",
            self.0[number].server.address()
        );
        let client = Client::with_options(ClientOptions::parse(&uri).await?)?;
        let reply = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        reply
    }
}

impl Replica {
    fn host(&self) -> String {
        self.link.address.to_string()
    }
}
