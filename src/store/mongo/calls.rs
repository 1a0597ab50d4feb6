//! Calls to the driver.

use std::time::Instant;

use mongodb::{
    Cursor,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
};

use super::{
    Inner, error,
    query::{BATCH, Query},
};
use crate::{
    error::{Error, Result},
    store::{CallEnd, Observer},
};

/// Makes one call to the driver, and tells the observer how it ended. A refusal is an answer.
pub(super) async fn observed<T>(
    observer: &Observer,
    name: &'static str,
    call: impl IntoFuture<Output = mongodb::error::Result<T>>,
) -> Result<T> {
    let start = Instant::now();
    let result = call.await;
    let result = result.map_err(|failure| error::from_driver(&failure));
    let ended = CallEnd {
        took: start.elapsed(),
        failed: matches!(result, Err(Error::Unavailable(_))),
    };
    observer(name, ended);
    result
}

impl Inner {
    /// The same for the observer of this store.
    pub(super) async fn timed<T>(
        &self,
        name: &'static str,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T> {
        observed(&self.observer, name, call).await
    }

    /// Everything that a query finds, read in one batch.
    pub(super) async fn all<T>(
        &self,
        query: Query<'_>,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Vec<T>> {
        let find = || query.clone().make(self.patience());
        self.read("mongodb.find", find, read).await
    }

    /// The first that a query finds.
    pub(super) async fn first<T>(
        &self,
        query: Query<'_>,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(query.limit(1), read).await?.pop())
    }

    /// Everything that a pipeline over the messages gives.
    pub(super) async fn grouped<T>(
        &self,
        pipeline: Vec<Document>,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Vec<T>> {
        let aggregate = || {
            let messages = &self.collections.messages;
            let aggregate = messages.aggregate(pipeline.clone());
            aggregate
                .max_time(self.patience())
                .batch_size(BATCH)
                .with_type::<RawDocumentBuf>()
        };
        self.read("mongodb.aggregate", aggregate, read).await
    }

    /// Everything that the cursor of a call gives, on a primary that shows all.
    async fn read<T, C>(
        &self,
        name: &'static str,
        call: impl Fn() -> C,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Vec<T>>
    where
        C: IntoFuture<Output = mongodb::error::Result<Cursor<RawDocumentBuf>>>,
    {
        let once = || async {
            let mut cursor = call().await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(read(cursor.current()));
            }
            Ok(found)
        };
        let found = self.seeing_all(|| self.timed(name, once())).await?;
        found.into_iter().collect()
    }

    /// Runs many updates in one command, in any order. The driver does not repeat it by itself, so each must be one that may
    /// run twice; it is tried once more when its outcome is not known.
    pub(super) async fn update_each(&self, collection: &str, updates: Vec<Document>) -> Result<()> {
        // The server takes at most 100,000 and 16 MiB in one command.
        for updates in updates.chunks(500) {
            let command = doc! {
                "update": collection,
                "updates": updates,
                "ordered": false,
                "writeConcern": { "w": "majority", "j": true, "wtimeout": self.wait_for_majority() },
            };
            let once = || async {
                let reply = self
                    .timed("mongodb.update", self.db.run_command(command.clone()))
                    .await?;
                error::check_reply(&reply)
            };
            match once().await {
                Err(Error::Unavailable(_)) => once().await?,
                result => result?,
            }
        }
        Ok(())
    }

    /// Makes a call that may run twice, and that the driver does not repeat, once more when its outcome is unknown.
    pub(super) async fn twice<T, F>(&self, name: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        match self.timed(name, call()).await {
            Err(Error::Unavailable(_)) => self.timed(name, call()).await,
            result => result,
        }
    }
}
