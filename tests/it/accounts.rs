//! Signing up, in and out.

mod login;
mod signup;

use serde_json::{Value, json};

use crate::support::Client;

const SIGNUP: &str = "mutation($input: SignupInput!) {
    signup(input: $input) { token expiresAt user { id username displayName avatarUrl createdAt } }
}";

const LOGIN: &str =
    "mutation($input: LoginInput!) { login(input: $input) { token user { id username } } }";

const ME: &str = "{ me { id username } }";

fn signup(username: &str, password: &str) -> Value {
    json!({ "input": { "username": username, "password": password } })
}

async fn me(client: &Client) -> Value {
    client.ok(ME, json!({})).await["me"]["username"].clone()
}
