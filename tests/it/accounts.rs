//! Signing up, in and out; what people do with their own accounts; blocking.

mod blocking;
mod deletion;
mod login;
mod password;
mod profile;
mod sessions;
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

const CHANGE_PASSWORD: &str = "mutation($input: ChangePasswordInput!) {
    changePassword(input: $input) { token expiresAt user { id username } }
}";

fn passwords(current: &str, new: &str) -> Value {
    json!({ "input": { "currentPassword": current, "newPassword": new } })
}

const DELETE: &str = "mutation($password: String!) { deleteAccount(password: $password) }";

/// The cookie that an answer sets, as far as its attributes.
fn cookie(response: &reqwest::Response) -> Option<String> {
    let set = response.headers().get(reqwest::header::SET_COOKIE)?;
    let text = set.to_str().expect("a text");
    text.split(';').next().map(str::to_owned)
}

/// Where an error's argument stands.
fn field(error: &Value) -> Value {
    error["extensions"]["field"].clone()
}

async fn me(client: &Client) -> Value {
    client.ok(ME, json!({})).await["me"]["username"].clone()
}
