//! The same documents over Server-Sent Events, where each event is named by the viewer's own cursor.

use reqwest::{Response, header};

use super::*;
use crate::{
    on_both_stores,
    support::{store::StoreKind, ws::PATIENCE},
};

on_both_stores!(an_events_id_is_its_viewers_own_cursor);

/// A subscription over HTTP.
struct Stream {
    response: Response,
    read: Vec<u8>,
}

impl Stream {
    /// Subscribes; what happens from now on will come.
    async fn open(viewer: &Client, document: &str, last_event_id: Option<&str>) -> Self {
        let mut request = viewer
            .request(document, json!({}))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/event-stream; charset=utf-8"
        );
        Self {
            response,
            read: Vec::new(),
        }
    }

    /// The lines of the next event; comments are passed over.
    async fn event(&mut self) -> Vec<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\n\n") {
                let event = self.read.drain(..end + 2).collect();
                let event = String::from_utf8(event).expect("UTF-8");
                let lines = event
                    .lines()
                    .filter(|line| !line.is_empty() && !line.starts_with(':'));
                let lines = lines.map(str::to_owned).collect::<Vec<_>>();
                if !lines.is_empty() {
                    return lines;
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .expect("something happens")
                .expect("it can be read");
            self.read.extend(chunk.expect("it goes on"));
        }
    }

    /// The id and the data of the next event, which is a message.
    async fn next(&mut self) -> (String, Value) {
        let lines = self.event().await;
        let [name, id, data] = lines.as_slice() else {
            panic!("no event of a message: {lines:?}")
        };
        assert_eq!(name, "event: next");
        let id = id.strip_prefix("id: ").expect("an id");
        let data = data.strip_prefix("data: ").expect("data");
        let data = serde_json::from_str(data).expect("JSON");
        (id.to_owned(), data)
    }

    /// The code of the error that is all that comes.
    async fn refused(&mut self) -> Value {
        let lines = self.event().await;
        let data = lines.last().and_then(|line| line.strip_prefix("data: "));
        let data = serde_json::from_str::<Value>(data.expect("data")).expect("JSON");
        crate::support::json(&data, "errors.0.extensions.code")
    }
}

async fn an_events_id_is_its_viewers_own_cursor(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, _] = three(&app).await;
    // One selects the cursor, by two names, one a field of that name that is none, one nothing like it.
    let documents = [
        "subscription { newMessage { mine: cursor cursor message { body clientMessageId } } }",
        "subscription { newMessage { cursor: __typename message { body clientMessageId } } }",
        "subscription { newMessage { message { body clientMessageId } } }",
    ];
    let mut streams = Vec::new();
    let mut listeners = Vec::new();
    for document in documents {
        for _ in 0..SOCKETS {
            for viewer in [&ann, &bob] {
                let stream = Stream::open(viewer, document, None).await;
                streams.push((viewer, document, stream));
            }
        }
        listeners.extend(audience(&app, &[&ann, &bob], &[payload(document)]).await);
    }
    let body = "line\n\ndata: {}\r\nid: mine \"\\";
    say(&ann, &bob, body, "name\n1").await;
    let expected = |viewer: &Client| {
        let name = if viewer.id == ann.id {
            json!("name\n1")
        } else {
            Value::Null
        };
        json!({ "body": body, "clientMessageId": name })
    };
    for listener in &mut listeners {
        let message = listener.next().await["newMessage"]["message"].clone();
        assert_eq!(message, expected(&listener.viewer));
    }
    let mut ids = HashMap::<String, Vec<String>>::new();
    for (viewer, document, stream) in &mut streams {
        let (id, reply) = stream.next().await;
        let event = &reply["data"]["newMessage"];
        assert_eq!(event["message"], expected(viewer), "{reply}");
        if *document == documents[0] {
            assert_eq!(event["cursor"], id.as_str());
            assert_eq!(event["mine"], id.as_str());
        }
        if *document == documents[1] {
            assert_eq!(event["cursor"], "NewMessage");
        }
        ids.entry(viewer.id.clone()).or_default().push(id);
    }
    say(&bob, &ann, "second", "2").await;
    for (viewer, other) in [(&ann, &bob), (&bob, &ann)] {
        for id in &ids[&viewer.id] {
            for document in documents {
                let mut resumed = Stream::open(viewer, document, Some(id)).await;
                let (_, reply) = resumed.next().await;
                assert_eq!(reply["data"]["newMessage"]["message"]["body"], "second");
            }
            let mut refused = Stream::open(other, documents[0], Some(id)).await;
            assert_eq!(refused.refused().await, "BAD_USER_INPUT");
        }
    }
    drop((streams, listeners));
    app.stop().await;
}
