//! What the program says when it serves: where to find what.

use std::net::SocketAddr;

use chinwag::{http::GRAPHIQL_BUNDLED, settings::LogFormat};
use serde_json::json;

/// What there is to find.
pub struct Banner<'a> {
    pub address: SocketAddr,
    /// Where everything is kept.
    pub store: &'a str,
    /// Whether GraphiQL is served, or what stands in for it.
    pub graphiql: bool,
    /// Whether nobody has an account yet, so that whoever reads it may not know what to do next.
    pub is_unused: bool,
}

impl Banner<'_> {
    /// Lines for people, or one JSON object.
    pub fn render(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Text => self.text(),
            LogFormat::Json => self.json(),
        }
    }

    fn text(&self) -> String {
        let Self { address, store, .. } = self;
        let graphiql = match self.graphiql_url() {
            None => "off, as the setting INTROSPECTION is".to_owned(),
            Some(url) if GRAPHIQL_BUNDLED => url,
            Some(url) => format!("{url} (built without npm: a small page takes its place)"),
        };
        let mut text = format!(
            "chinwag serves on http://{address}\n\
             \x20 chat page  http://{address}/\n\
             \x20 GraphiQL   {graphiql}\n\
             \x20 endpoint   http://{address}/graphql (and ws://{address}/graphql)\n\
             \x20 store      {store}\n"
        );
        if self.is_unused {
            text.push_str(&self.first_steps());
        }
        text
    }

    fn first_steps(&self) -> String {
        let Self { address, .. } = self;
        let by_hand = match self.graphiql_url() {
            Some(url) => format!("paste the README's \"A first conversation\" into {url}"),
            None => "read schema.graphql, or what `chinwag schema` prints".to_owned(),
        };
        format!(
            "Nobody has an account here yet. What to do next:\n\
             \x20 1. sign up as two people, in two browsers, on http://{address}/\n\
             \x20 2. {by_hand}\n\
             \x20 3. point your own frontend at http://{address}/graphql, as the README's \"In a frontend\" shows\n"
        )
    }

    fn json(&self) -> String {
        let Self { address, store, .. } = self;
        let banner = json!({
            "serves": format!("http://{address}"),
            "chatPage": format!("http://{address}/"),
            "graphiql": self.graphiql_url(),
            "graphiqlBundled": GRAPHIQL_BUNDLED,
            "endpoint": format!("http://{address}/graphql"),
            "webSocket": format!("ws://{address}/graphql"),
            "store": store,
        });
        format!("{banner}\n")
    }

    fn graphiql_url(&self) -> Option<String> {
        self.graphiql
            .then(|| format!("http://{}/graphql", self.address))
    }
}
