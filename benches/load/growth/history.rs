//! Pages of a longer and longer conversation.

use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    http::Http,
    pages::{check_messages, first_answer, measure},
    place::Person,
    process::Server,
};

const DEPTHS: [u32; 3] = [1_000, 100_000, 1_000_000];
/// Requests for each figure.
const PAGES: u32 = 2_000;
const PAGE: &str =
    "query($in: ConversationRef!, $first: Int, $last: Int, $before: String) {
    messages(in: $in, first: $first, last: $last, before: $before) {
        nodes { id body sender { id username displayName } sentAt seq } pageInfo { hasPreviousPage startCursor }
    }
}";
const STEP_BACK: &str = "query($in: ConversationRef!, $before: String) {
    messages(in: $in, last: 100, before: $before) { pageInfo { startCursor } }
}";

/// The newest page, one in the middle and the oldest, by how long the conversation is.
pub async fn history(bench: &Bench) -> Result<()> {
    for depth in DEPTHS.map(|count| bench.count(count)) {
        let place = bench.place();
        let people = place.people(2, "-").await?;
        place.conversation(&people, depth).await?;
        let server = Server::start(&place).await?;
        // Whole pages of 100 back from the newest.
        let steps = depth / 200;
        let middle = depth - 100 * steps;
        let cursor = walk_back(&server, &people, steps).await?;
        let with = people[1].id.to_string();
        let pages = [
            ("newest", json!({ "last": 50 }), depth),
            ("middle", json!({ "last": 50, "before": cursor }), middle),
            ("oldest", json!({ "first": 50 }), 50),
        ];
        for (name, mut variables, end) in pages {
            variables["in"] = json!({ "userId": with });
            let request = json!({ "query": PAGE, "variables": variables }).to_string();
            let page = first_answer(&server, &people[0], &request).await?;
            check_messages(&page, end.saturating_sub(50)..end)?;
            let what = format!("{name} 50 of {depth} messages");
            measure(bench, &server, &people[0], &request, PAGES, &what).await?;
        }
    }
    Ok(())
}

/// The cursor of the message so many pages of 100 before the end.
async fn walk_back(server: &Server, people: &[Person], steps: u32) -> Result<Value> {
    let mut http = Http::open(server.address).await?;
    let mut cursor = Value::Null;
    for _ in 0..steps {
        let variables = json!({ "in": { "userId": people[1].id.to_string() }, "before": cursor });
        let request = json!({ "query": STEP_BACK, "variables": variables }).to_string();
        let page = http.graphql(&people[0].token, &request).await?;
        let page = serde_json::from_str::<Value>(page)?;
        cursor = page["data"]["messages"]["pageInfo"]["startCursor"].clone();
        ensure(cursor.is_string(), || page.to_string())?;
    }
    Ok(cursor)
}
