//! A GraphQL client over HTTP, signed in or not.

use serde_json::{Value, json};

use super::record::{SAID, Said};

/// Takes a value out of a response by its path, such as `"data.me.id"` or `"errors.0.message"`.
pub fn json(value: &Value, path: &str) -> Value {
    value
        .pointer(&format!("/{}", path.replace('.', "/")))
        .cloned()
        .unwrap_or(Value::Null)
}

/// Someone who sends operations by POST.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    pub token: Option<String>,
    pub id: String,
    pub username: String,
}

impl Client {
    pub fn new(url: String) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            http,
            url,
            token: None,
            id: String::new(),
            username: String::new(),
        }
    }

    /// Signs up with the password "password1" and is signed in from then on.
    pub async fn sign_up(mut self, username: &str) -> Self {
        let document =
            "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
        let input = json!({ "username": username, "password": "password1" });
        let reply = self.ok(document, json!({ "input": input })).await;
        self.token = reply["signup"]["token"].as_str().map(str::to_owned);
        self.id = reply["signup"]["user"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        username.clone_into(&mut self.username);
        self
    }

    /// The same person with another session.
    pub async fn sign_in_again(&self) -> Self {
        let document = "mutation($input: LoginInput!) { login(input: $input) { token } }";
        let input = json!({ "username": self.username, "password": "password1" });
        let mut again = Self {
            token: None,
            ..self.clone()
        };
        let reply = again.ok(document, json!({ "input": input })).await;
        again.token = reply["login"]["token"].as_str().map(str::to_owned);
        again
    }

    /// The same person at another server.
    pub fn at(&self, url: String) -> Self {
        Self {
            url,
            ..self.clone()
        }
    }

    /// Whoever a token stands for.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: Some(token.into()),
            ..self.clone()
        }
    }

    /// The whole response body to an operation.
    pub async fn run(&self, document: &str, variables: Value) -> Value {
        let response = self
            .request(document, variables)
            .send()
            .await
            .expect("an answer");
        response.json().await.expect("JSON")
    }

    /// A request that was not sent yet, for headers and statuses.
    pub fn request(&self, document: &str, variables: Value) -> reqwest::RequestBuilder {
        let request = self
            .http
            .post(&self.url)
            .json(&json!({ "query": document, "variables": variables }));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A request by whatever method to whatever path of the server.
    pub fn raw(&self, method: reqwest::Method, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method, url)
    }

    /// The data of an operation that must go well.
    pub async fn ok(&self, document: &str, variables: Value) -> Value {
        let reply = self.run(document, variables).await;
        assert!(reply.get("errors").is_none(), "{document}: {reply}");
        reply["data"].clone()
    }

    /// The first error of an operation that must fail, which has this code.
    pub async fn fails(&self, code: &str, document: &str, variables: Value) -> Value {
        let reply = self.run(document, variables).await;
        let error = json(&reply, "errors.0");
        assert_eq!(error["extensions"]["code"], code, "{document}: {reply}");
        error
    }

    /// Sends a text to a user and gives the message's id, seq and conversation.
    pub async fn send(&self, to: &Client, body: &str) -> Value {
        let document = "mutation($input: SendMessageInput!) {
            sendMessage(input: $input) { id seq body clientMessageId conversation { id } }
        }";
        let input = json!({ "to": { "userId": to.id }, "body": body });
        self.ok(document, json!({ "input": input })).await["sendMessage"].clone()
    }

    /// The whole response to sending this input.
    pub async fn post(&self, input: Value) -> Value {
        let response = self.send_request(input).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    fn send_request(&self, input: Value) -> reqwest::RequestBuilder {
        let document = format!(
            "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ {SAID} }} }}"
        );
        self.request(&document, json!({ "input": input }))
    }

    /// Sends this input; nothing when the server or its store is not there to tell what became of it.
    pub async fn try_say(&self, input: Value) -> Option<Said> {
        let data = answered(self.send_request(input)).await?;
        Some(Said::read(&data["sendMessage"]))
    }

    /// The data of a document; nothing when the server or its store is not there to tell.
    pub async fn try_run(&self, document: &str, variables: Value) -> Option<Value> {
        answered(self.request(document, variables)).await
    }

    /// Sends this input, which must go well.
    pub async fn say(&self, input: Value) -> Said {
        let reply = self.post(input).await;
        assert!(reply.get("errors").is_none(), "{reply}");
        Said::read(&reply["data"]["sendMessage"])
    }

    /// The whole history that `target` names, page by page from its beginning.
    pub async fn history(&self, target: &Value) -> Vec<Said> {
        let mut history = Vec::new();
        let mut after = Value::Null;
        loop {
            let page = self
                .page(target, json!({ "first": 100, "after": after }))
                .await;
            let nodes = page["nodes"].as_array().expect("a list");
            history.extend(nodes.iter().map(Said::read));
            if page["pageInfo"]["hasNextPage"] != true {
                return history;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// A page of the history that `target` names.
    pub async fn page(&self, target: &Value, window: Value) -> Value {
        let document = format!(
            "query($in: ConversationRef!, $first: Int, $after: String, $last: Int, $before: String) {{
                messages(in: $in, first: $first, after: $after, last: $last, before: $before) {{
                    nodes {{ {SAID} }} edges {{ cursor node {{ seq }} }}
                    pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }}
                }}
            }}"
        );
        let mut variables = window;
        variables["in"] = target.clone();
        self.ok(&document, variables).await["messages"].clone()
    }
}

/// What a request is answered with, which is either data or that the store is not there; nothing without an answer.
async fn answered(request: reqwest::RequestBuilder) -> Option<Value> {
    let mut reply: Value = request.send().await.ok()?.json().await.ok()?;
    match reply.get("errors") {
        None => Some(reply["data"].take()),
        Some(errors) => {
            let code = &errors[0]["extensions"]["code"];
            assert_eq!(code, "SERVICE_UNAVAILABLE", "{reply}");
            None
        }
    }
}
