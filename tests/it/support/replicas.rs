//! A replica set of three, whose primary can be taken away.

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Document, doc},
    options::ClientOptions,
};

use super::mongod::OwnMongod;

/// How often it is asked who the primary is before that takes too long.
const TRIES: usize = 600;

/// Three servers; one of them is the primary, most of the time.
pub struct Replicas(Vec<OwnMongod>);

impl Replicas {
    /// Three that are ready; the error says what is missing.
    pub async fn start() -> Result<Self, String> {
        let arguments = ["--replSet", "rs3"];
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(OwnMongod::launch(&arguments).await?);
        }
        let replicas = Self(servers);
        let members = replicas.0.iter().zip(0..);
        let members = members.map(|(server, id)| doc! { "_id": id, "host": server.address() });
        let config = doc! {
            "_id": "rs3",
            "members": members.collect::<Vec<_>>(),
            "settings": { "electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500 },
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
        let hosts: Vec<String> = self.0.iter().map(OwnMongod::address).collect();
        format!("mongodb://{}/{database}?replicaSet=rs3", hosts.join(","))
    }

    /// One of them.
    pub fn server(&mut self, number: usize) -> &mut OwnMongod {
        &mut self.0[number]
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
    pub async fn step_down(&self) {
        let primary = self.primary().await;
        let step_down = doc! { "replSetStepDown": 10, "secondaryCatchUpPeriodSecs": 5 };
        // Refused while no other one is close enough.
        while self.run(primary, step_down.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn run(&self, number: usize, command: Document) -> mongodb::error::Result<Document> {
        let uri = format!(
            "mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=1000&connectTimeoutMS=1000",
            self.0[number].address()
        );
        let client = Client::with_options(ClientOptions::parse(&uri).await?)?;
        let reply = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        reply
    }
}
