//! The other backend's database, as it is read: users, messages and conversations, as Mongoose keeps them. The only
//! place that knows its documents.

use std::time::Duration;

use mongodb::{
    Client, Collection, Cursor, Database,
    bson::{Bson, RawBsonRef, RawDocument, RawDocumentBuf, doc, oid::ObjectId},
    options::ClientOptions,
};

use super::ids::time_of;
use crate::{commands::Failure, domain::Timestamp};

/// The database that Mongoose takes where a connection string names none.
const DATABASE: &str = "test";

/// How long to look for the server.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many documents come at a time.
const BATCH: u32 = 2_000;

/// The database of the other backend.
pub struct Source {
    db: Database,
    address: String,
}

/// Someone, as the other backend has it.
#[derive(Debug, Default)]
pub struct OldUser {
    pub id: Option<ObjectId>,
    /// As people would read it.
    pub shown_id: String,
    pub username: Option<String>,
    pub full_name: Option<String>,
    pub password: Option<String>,
    pub picture: Option<String>,
    pub created_at: Option<Timestamp>,
}

/// A message, as the other backend has it.
#[derive(Debug, Default)]
pub struct OldMessage {
    pub id: Option<ObjectId>,
    pub shown_id: String,
    pub sender: Option<ObjectId>,
    pub receiver: Option<ObjectId>,
    /// `None` where it is no text.
    pub body: Option<String>,
    pub sent_at: Option<Timestamp>,
}

/// A conversation, as the other backend has it.
#[derive(Debug, Default)]
pub struct OldConversation {
    pub shown_id: String,
    /// `None` for each that is no id.
    pub participants: Vec<Option<ObjectId>>,
}

impl Source {
    /// Finds the database of a connection string; `target` is that of the store that is imported into, if it is one.
    ///
    /// # Errors
    /// No server is found there, or there are no users: a line that never names the password.
    pub async fn open(uri: &str, target: Option<&str>) -> Result<Self, Failure> {
        let mut options = options(uri).await?;
        let name = options.default_database.clone();
        let name = name.unwrap_or_else(|| DATABASE.to_owned());
        if let Some(target) = target {
            let target = self::options(target).await?;
            let is_there = target.default_database.as_deref().unwrap_or("chinwag") == name;
            if is_there && target.hosts.iter().any(|host| options.hosts.contains(host)) {
                return Err(Failure::new(format_args!(
                    "the database {name} cannot be imported into itself; give the store another one"
                )));
            }
        }
        options
            .app_name
            .get_or_insert_with(|| "chinwag import".to_owned());
        options.server_selection_timeout.get_or_insert(PATIENCE);
        options.connect_timeout.get_or_insert(PATIENCE);
        let hosts = options.hosts.iter().map(ToString::to_string);
        let hosts = hosts.collect::<Vec<_>>().join(",");
        let address = format!("MongoDB at {hosts}, database {name}");
        let client = Client::with_options(options)
            .map_err(|error| Failure::new(format_args!("{address}: {}", error.kind)))?;
        let source = Self {
            db: client.database(&name),
            address,
        };
        let meta = source.db.collection::<RawDocumentBuf>("meta");
        let own = meta.find_one(doc! { "_id": "schema" }).await;
        if own.map_err(|error| source.failed(&error))?.is_some() {
            let address = &source.address;
            return Err(Failure::new(format_args!(
                "{address} is chinwag's own; move it by `chinwag export` and `chinwag import`"
            )));
        }
        if source.count("users").await? == 0 {
            let address = &source.address;
            return Err(Failure::new(format_args!(
                "{address} has no users to import"
            )));
        }
        Ok(source)
    }

    /// About how many documents a collection has.
    ///
    /// # Errors
    /// The server's.
    pub async fn count(&self, collection: &str) -> Result<u64, Failure> {
        let count = self.collection(collection).estimated_document_count().await;
        count.map_err(|error| self.failed(&error))
    }

    /// Everyone, in the order of their ids, as older accounts keep a name that several would have.
    ///
    /// # Errors
    /// The server's.
    pub async fn users(&self) -> Result<Reading, Failure> {
        let fields = doc! {
            "username": 1, "fullName": 1, "password": 1, "profilePic": 1, "createdAt": 1,
        };
        let find = self
            .collection("users")
            .find(doc! {})
            .projection(fields)
            .sort(doc! { "_id": 1 })
            .batch_size(BATCH)
            .await;
        self.reading(find)
    }

    /// All messages in the order in which they were sent; the server sorts, on its disk where it has to.
    ///
    /// # Errors
    /// The server's.
    pub async fn messages(&self) -> Result<Reading, Failure> {
        let as_date = |input: Bson, otherwise: Bson| {
            doc! {
                "$convert": { "input": input, "to": "date", "onError": otherwise.clone(), "onNull": otherwise },
            }
        };
        let by_id = as_date("$_id".into(), Bson::Null);
        let fields = doc! {
            "senderId": 1, "receiverId": 1, "message": 1, "at": as_date("$createdAt".into(), by_id.into()),
        };
        let pipeline = [
            doc! { "$project": fields },
            doc! { "$sort": { "at": 1, "_id": 1 } },
        ];
        let aggregate = self
            .collection("messages")
            .aggregate(pipeline)
            .allow_disk_use(true)
            .batch_size(BATCH)
            .with_type::<RawDocumentBuf>()
            .await;
        self.reading(aggregate)
    }

    /// All conversations, in the order of their ids.
    ///
    /// # Errors
    /// The server's.
    pub async fn conversations(&self) -> Result<Reading, Failure> {
        let find = self
            .collection("conversations")
            .find(doc! {})
            .projection(doc! { "participants": 1 })
            .sort(doc! { "_id": 1 })
            .batch_size(BATCH)
            .await;
        self.reading(find)
    }

    /// Those of ids that users have.
    ///
    /// # Errors
    /// The server's.
    pub async fn known_users(&self, ids: Vec<ObjectId>) -> Result<Vec<ObjectId>, Failure> {
        let find = self
            .collection("users")
            .find(doc! { "_id": { "$in": ids } })
            .projection(doc! { "_id": 1 })
            .await;
        let mut reading = self.reading(find)?;
        let mut known = Vec::new();
        while let Some(found) = reading.next().await? {
            known.extend(read_id(found.get("_id").ok().flatten()));
        }
        Ok(known)
    }

    fn collection(&self, name: &str) -> Collection<RawDocumentBuf> {
        self.db.collection(name)
    }

    fn reading(
        &self,
        cursor: mongodb::error::Result<Cursor<RawDocumentBuf>>,
    ) -> Result<Reading, Failure> {
        Ok(Reading {
            cursor: cursor.map_err(|error| self.failed(&error))?,
            address: self.address.clone(),
        })
    }

    fn failed(&self, error: &mongodb::error::Error) -> Failure {
        unreadable(&self.address, error)
    }
}

fn unreadable(address: &str, error: &mongodb::error::Error) -> Failure {
    Failure::new(format_args!("{address} cannot be read: {}", error.kind))
}

async fn options(uri: &str) -> Result<ClientOptions, Failure> {
    // The driver's reason may quote any part of it.
    let wrong = "what --from or MONGODB_URI names is no connection string \
                 (mongodb://host:port/database) of a server that is found";
    ClientOptions::parse(uri)
        .await
        .map_err(|_| Failure::new(wrong))
}

/// Documents, one by one.
pub struct Reading {
    cursor: Cursor<RawDocumentBuf>,
    address: String,
}

impl Reading {
    /// The next one; `None` behind the last.
    ///
    /// # Errors
    /// The server's.
    pub async fn next(&mut self) -> Result<Option<&RawDocument>, Failure> {
        match self.cursor.advance().await {
            Ok(true) => Ok(Some(self.cursor.current())),
            Ok(false) => Ok(None),
            Err(error) => Err(unreadable(&self.address, &error)),
        }
    }
}

impl From<&RawDocument> for OldUser {
    fn from(found: &RawDocument) -> Self {
        let mut user = Self::default();
        for (key, value) in found
            .iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
        {
            match key {
                "_id" => (user.id, user.shown_id) = (read_id(Some(value)), shown(value)),
                "username" => user.username = text(value),
                "fullName" => user.full_name = text(value),
                "password" => user.password = text(value),
                "profilePic" => user.picture = text(value).filter(|url| !url.is_empty()),
                "createdAt" => user.created_at = time(value),
                _ => {}
            }
        }
        user.created_at = user.created_at.or(user.id.map(time_of));
        user
    }
}

impl From<&RawDocument> for OldMessage {
    fn from(found: &RawDocument) -> Self {
        let mut message = Self::default();
        for (key, value) in found
            .iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
        {
            match key {
                "_id" => (message.id, message.shown_id) = (read_id(Some(value)), shown(value)),
                "senderId" => message.sender = read_id(Some(value)),
                "receiverId" => message.receiver = read_id(Some(value)),
                "message" => message.body = text(value),
                "at" => message.sent_at = time(value),
                _ => {}
            }
        }
        message
    }
}

impl From<&RawDocument> for OldConversation {
    fn from(found: &RawDocument) -> Self {
        let id = found.get("_id").ok().flatten();
        let participants = found.get_array("participants").ok();
        let participants = participants.into_iter().flatten().flatten();
        Self {
            shown_id: id.map(shown).unwrap_or_default(),
            participants: participants.map(|id| read_id(Some(id))).collect(),
        }
    }
}

fn text(value: RawBsonRef<'_>) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: RawBsonRef<'_>) -> Option<Timestamp> {
    value
        .as_datetime()
        .map(|at| Timestamp(at.timestamp_millis()))
}

/// An id, also where it is kept as its 24 digits.
fn read_id(value: Option<RawBsonRef<'_>>) -> Option<ObjectId> {
    match value? {
        RawBsonRef::ObjectId(id) => Some(id),
        RawBsonRef::String(text) => ObjectId::parse_str(text).ok(),
        _ => None,
    }
}

/// An id of whatever kind, for the report.
fn shown(value: RawBsonRef<'_>) -> String {
    match value {
        RawBsonRef::ObjectId(id) => id.to_hex(),
        RawBsonRef::String(text) => text.chars().take(64).collect(),
        other => format!("{other:?}").chars().take(64).collect(),
    }
}
