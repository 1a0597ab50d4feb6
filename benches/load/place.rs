//! Where a server keeps everything, and what is put there before it starts.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chinwag::{
    auth::Signer,
    domain::{
        AvatarUrl, Body, Conversation, ConversationId, DisplayName, Happening, Message, NewEntry,
        Pair, Pen, Session, SessionId, Tail, Timestamp, User, UserId, Username,
    },
    store::{DynStore, StoreLimits, embedded::EmbeddedStore, mongo},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::bson::doc;

use crate::{Result, ensure, process::Process, talk::body};

/// What signs the sessions of people who never logged in.
pub const JWT_SECRET: &str = "a secret for benchmarks and nothing else";

/// How many people are written at once.
const AT_ONCE: usize = 256;
/// How many messages are.
const BATCH: usize = 1_000;
/// How long the store may take for one of its methods meanwhile.
const PATIENCE: Duration = Duration::from_mins(2);

/// An empty database or folder; the folder is removed when dropped.
pub enum Place {
    Folder(PathBuf),
    Mongo(String),
}

/// Someone who is signed in.
#[derive(Clone)]
pub struct Person {
    pub id: UserId,
    pub username: String,
    pub token: Arc<str>,
}

impl Place {
    /// A folder that does not exist yet.
    pub fn folder() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("load-{}-{number}", std::process::id());
        Self::Folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    /// The database that this connection string names.
    pub fn mongo(uri: String) -> Self {
        Self::Mongo(uri)
    }

    /// The environment variable that brings a server here.
    pub fn setting(&self) -> (&'static str, String) {
        match self {
            Self::Folder(path) => ("DATA_DIR", path.display().to_string()),
            Self::Mongo(uri) => ("MONGODB_URI", uri.clone()),
        }
    }

    /// The store itself, while no server runs on it.
    pub async fn open(&self) -> Result<DynStore> {
        let (mut limits, observer) = (StoreLimits::default(), Arc::new(|_, _| {}));
        // What is put there takes as long as it takes.
        limits.operation = PATIENCE;
        Ok(match self {
            Self::Folder(path) => Arc::new(EmbeddedStore::open(path, limits, observer).await?),
            Self::Mongo(uri) => Arc::new(mongo::open(uri, limits, observer).await?),
        })
    }

    /// Puts people there who are signed in and whose password has this hash.
    pub async fn people(&self, count: u32, hash: &str) -> Result<Vec<Person>> {
        let store = self.open().await?;
        let people = (0..count).map(|number| person(&store, number, hash));
        let people = stream::iter(people).buffered(AT_ONCE).try_collect().await?;
        store.close().await;
        Ok(people)
    }

    /// Puts numbered messages there that the first two of `people` sent each other in turn.
    pub async fn conversation(&self, people: &[Person], messages: u32) -> Result<()> {
        let store = self.open().await?;
        let pair = Pair::new(people[0].id, people[1].id).ok_or("not two people")?;
        let conversation = Conversation::direct(pair, Timestamp::now());
        let conversation = store.create_direct(&conversation).await?;
        let senders = [people[0].id, people[1].id];
        let said = (0..messages).map(|number| {
            let sender = senders[number as usize % 2];
            (conversation.id, sender, body(number))
        });
        write(&store, said).await?;
        store.close().await;
        Ok(())
    }

    /// Puts numbered messages there that the first of each pair sent the second, one pair after the other in turn.
    pub async fn talks(
        &self,
        pairs: &[[UserId; 2]],
        messages: u32,
        body: impl Fn(u32) -> String,
    ) -> Result<()> {
        let store = self.open().await?;
        let mut conversations = Vec::new();
        for [one, other] in pairs {
            let pair = Pair::new(*one, *other).ok_or("not two people")?;
            let conversation = Conversation::direct(pair, Timestamp::now());
            conversations.push((store.create_direct(&conversation).await?.id, *one));
        }
        let conversations = conversations.iter().cycle();
        let said = (0..messages).zip(conversations);
        let said = said.map(|(number, (id, sender))| (*id, *sender, body(number)));
        write(&store, said).await?;
        store.close().await;
        Ok(())
    }
}

/// Writes what people said, in this order.
async fn write(
    store: &DynStore,
    said: impl Iterator<Item = (ConversationId, UserId, String)>,
) -> Result<()> {
    let seal = store.begin_term(None).await?;
    let mut pen = Pen::new(seal.position, seal.rank);
    let mut tails = HashMap::new();
    let mut entries = said.map(|(conversation_id, sender_id, body)| {
        let message = Message::new(
            conversation_id,
            sender_id,
            Body::stored(&body),
            Timestamp::now(),
        );
        let sent = NewEntry {
            id: message.id.0,
            conversation_id,
            what: Happening::Sent(Arc::new(message)),
        };
        pen.write(
            sent,
            tails.entry(conversation_id).or_insert(Tail::NOTHING),
            0,
        )
    });
    let mut written = 0;
    loop {
        let batch = entries.by_ref().take(BATCH).collect::<Vec<_>>();
        if batch.is_empty() {
            return Ok(());
        }
        let appended = store.append(&batch).await?;
        ensure(appended.written == batch.len(), || {
            "some were not written".into()
        })?;
        written += batch.len();
        // What follows from many conversations' messages is not left to one write.
        if written.is_multiple_of(10 * BATCH) {
            store.tidy().await?;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Self::Folder(path) = self {
            // Not there when no server was started.
            let _ = fs::remove_dir_all(path);
        }
    }
}

async fn person(store: &DynStore, number: u32, hash: &str) -> Result<Person> {
    let username = format!("person{number:05}");
    let now = Timestamp::now();
    let user = User {
        id: UserId::new(),
        username: Username::parse("username", &username)?,
        display_name: DisplayName::parse("displayName", &format!("Person {number:05}"))?,
        avatar_url: Some(AvatarUrl::stored(&format!(
            "https://example.org/{number}.png"
        ))),
        created_at: now,
        deleted_at: None,
    };
    let session = Session {
        id: SessionId::new(),
        user_id: user.id,
        device: None,
        created_at: now,
        last_used_at: now,
        expires_at: now.after(Duration::from_hours(24)),
    };
    ensure(store.create_user(&user, hash).await?, || {
        format!("{username} is taken")
    })?;
    store.create_session(&session).await?;
    let signer = Signer::new([JWT_SECRET]).ok_or("no secret")?;
    Ok(Person {
        id: user.id,
        username,
        token: signer.sign(&session)?.into(),
    })
}

/// The process of the MongoDB at a connection string, on this machine.
pub async fn process_of(uri: &str) -> Result<Process> {
    let client = mongodb::Client::with_uri_str(uri).await?;
    let status = client
        .database("admin")
        .run_command(doc! { "serverStatus": 1 })
        .await?;
    client.shutdown().immediate(true).await;
    Ok(Process(status.get_i64("pid")?.try_into()?))
}
