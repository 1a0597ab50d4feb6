//! The sidebar of more and more users.

use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    http::Http,
    pages::{check_users, first_answer, measure},
    place::Person,
    process::Server,
};

const USERS: [u32; 2] = [1_000, 100_000];
/// Requests for each figure.
const PAGES: u32 = 2_000;
/// Requests that may look at everyone.
const WIDE_PAGES: u32 = 200;
const PAGE: &str = "query($search: String, $after: String) {
    sidebarUsers(search: $search, first: 50, after: $after) {
        nodes { id username displayName avatarUrl online } pageInfo { hasNextPage endCursor }
    }
}";
const STEP: &str = "query($after: String) {
    sidebarUsers(first: 100, after: $after) { pageInfo { endCursor } }
}";

/// The first page, one in the middle, and searches that find few and everyone, by how many there are.
pub async fn users(bench: &Bench) -> Result<()> {
    for users in USERS.map(|count| bench.count(count)) {
        let place = bench.place();
        let people = place.people(users, "-").await?;
        let server = Server::start(&place).await?;
        let viewer = &people[0];
        // Whole pages of 100 from the first; the viewer stands on none.
        let steps = users / 200;
        let middle = 1 + 100 * usize::try_from(steps)?;
        let cursor = walk(&server, viewer, steps).await?;
        let everyone = "search that fits everyone, first 50";
        let pages = [
            ("first 50", json!({}), &people[1..=50], PAGES),
            (
                "middle 50",
                json!({ "after": cursor }),
                &people[middle..][..50],
                PAGES,
            ),
            (
                "search that fits 10",
                json!({ "search": "0004" }),
                &people[40..50],
                PAGES,
            ),
            (
                everyone,
                json!({ "search": "person" }),
                &people[1..=50],
                WIDE_PAGES,
            ),
        ];
        for (name, variables, expected, count) in pages {
            let request = json!({ "query": PAGE, "variables": variables }).to_string();
            let page = first_answer(&server, viewer, &request).await?;
            check_users(&page, expected)?;
            let what = format!("{name} of {users} users");
            measure(bench, &server, viewer, &request, count, &what).await?;
        }
    }
    Ok(())
}

/// The cursor of the last user on so many pages of 100.
async fn walk(server: &Server, viewer: &Person, steps: u32) -> Result<Value> {
    let mut http = Http::open(server.address).await?;
    let mut cursor = Value::Null;
    for _ in 0..steps {
        let variables = json!({ "after": cursor });
        let request = json!({ "query": STEP, "variables": variables }).to_string();
        let page = http.graphql(&viewer.token, &request).await?;
        let page = serde_json::from_str::<Value>(page)?;
        cursor = page["data"]["sidebarUsers"]["pageInfo"]["endCursor"].clone();
        ensure(cursor.is_string(), || page.to_string())?;
    }
    Ok(cursor)
}
