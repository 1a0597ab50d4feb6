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
        format!(
            "chinwag serves on http://{address}\n\
             \x20 chat page  http://{address}/\n\
             \x20 GraphiQL   {graphiql}\n\
             \x20 endpoint   http://{address}/graphql (and ws://{address}/graphql)\n\
             \x20 store      {store}\n"
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
