//! What the parts below the server cost by themselves, and what others build from the same parts costs.

use std::{process::Command, sync::Arc};

use chinwag::domain::{ConversationId, MessageId, UserId};
use mongodb::{
    Collection,
    bson::{Binary, DateTime, RawDocumentBuf, rawdoc, spec::BinarySubtype},
    options::{Acknowledgment, ClientOptions, WriteConcern},
};

use crate::{
    Bench, Result, Store,
    audience::Audience,
    delivery::check,
    http::Http,
    place::{Person, Place},
    process::{Meter, Process, Server},
    report::Line,
    stand_in::StandIn,
    talk::{LISTEN, body, read},
};

/// Sockets that a frame is broadcast to.
const SOCKETS: u32 = 1_000;
/// Inserts at once.
const AT_ONCE: u32 = 64;

/// All of them.
pub async fn floors(bench: &Bench) -> Result<()> {
    if bench.store == Store::Mongo {
        inserts(bench).await?;
    }
    broadcast(
        bench,
        StandIn::Bare,
        "floor: axum's frame to one of 1,000 sockets",
    )
    .await?;
    broadcast(bench, StandIn::Stock, "stock async-graphql-axum: the same").await
}

/// The driver alone, inserting messages as the server stores them, one an operation.
async fn inserts(bench: &Bench) -> Result<()> {
    let place = bench.place();
    // Makes the indexes.
    place.open().await?.close().await;
    let Place::Mongo(uri) = &place else {
        return Err("inserts need MongoDB".into());
    };
    let mut options = ClientOptions::parse(uri).await?;
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true);
    options.write_concern = Some(durable.build());
    let database = options.default_database.clone().ok_or("no database")?;
    let client = mongodb::Client::with_options(options)?;
    let messages = client.database(&database).collection("messages");
    let conversations = (0..100).map(|_| ConversationId::new()).collect::<Vec<_>>();
    let conversations = Arc::<[_]>::from(conversations);
    let each = bench.count(20_000) / AT_ONCE;
    insert(&messages, &conversations, 0, 4).await?;

    let meter = Meter::start(Process::own(), bench.database)?;
    insert(&messages, &conversations, 4, each).await?;
    let cost = meter.stop()?;
    Line::new(
        format!("floor: the driver's insertOne, {AT_ONCE} at once"),
        each * AT_ONCE,
    )
    .cost(cost)
    .note("server CPU is the driver's own")
    .print(bench);
    client.shutdown().immediate(true).await;
    Ok(())
}

/// Has so many tasks insert `each` messages, which take places behind the first `before` of each task.
async fn insert(
    messages: &Collection<RawDocumentBuf>,
    conversations: &Arc<[ConversationId]>,
    before: u32,
    each: u32,
) -> Result<()> {
    let tasks = (0..AT_ONCE).map(|task| {
        let (messages, conversations) = (messages.clone(), Arc::clone(conversations));
        tokio::spawn(async move {
            for number in before..before + each {
                let position = number * AT_ONCE + task;
                let place = usize::try_from(position)?;
                let id = |id: uuid::Uuid| Binary {
                    subtype: BinarySubtype::Uuid,
                    bytes: id.into_bytes().to_vec(),
                };
                messages
                    .insert_one(rawdoc! {
                        "_id": id(MessageId::new().0),
                        "position": i64::from(position),
                        "conversation": id(conversations[place % conversations.len()].0),
                        "seq": i64::from(position / 100),
                        "sender": id(UserId::new().0),
                        "body": body(position),
                        "sentAt": DateTime::now(),
                    })
                    .await?;
            }
            Result::<_>::Ok(())
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

/// A stand-in sends frames as large as the server's to many sockets, one after the other.
async fn broadcast(bench: &Bench, stand_in: StandIn, what: &str) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let server = Server::spawn(command.args(["--stand-in", stand_in.name()])).await?;
    let someone = Person {
        id: UserId::new(),
        username: "someone".into(),
        token: "none".into(),
    };
    let people = |count| std::iter::repeat_n(&someone, count);
    Audience::gather(&server, people(10), LISTEN, read)
        .await?
        .dismiss()
        .await?;
    server.subscriptions(0).await?;
    let before = server.process.memory()?;
    let mut audience =
        Audience::gather(&server, people(usize::try_from(SOCKETS)?), LISTEN, read).await?;
    let memory = server.process.memory()? - before;
    let mut http = Http::open(server.address).await?;
    let count = bench.count(100);
    let meter = Meter::start(server.process, None)?;
    for number in 0..count {
        http.post("/broadcast", "", &body(number)).await?;
        audience.hear(SOCKETS).await?;
    }
    let cost = meter.stop()?;
    check(&audience.dismiss().await?, &(0..count))?;
    Line::new(what, count * SOCKETS).cost(cost).print(bench);
    Line::new("  and an idle socket of it", SOCKETS)
        .memory(memory)
        .print(bench);
    Ok(())
}
