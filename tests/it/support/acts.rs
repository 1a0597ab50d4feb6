//! What people do in conversations besides sending: groups, changes of messages, reactions, reading.

use serde_json::{Value, json};

use super::{client::Client, record::Said};

/// What a document selects of a message to tell all about it.
pub const MESSAGE: &str = "id seq body clientMessageId sentAt editedAt deletedAt
    sender { id username } conversation { id } replyTo { id body deletedAt }
    reactions { emoji count viewerReacted users { username } }";

/// What a document selects of a conversation to tell all about it.
pub const CONVERSATION: &str = "id kind title memberCount unreadCount createdAt lastActivityAt
    members { role joinedAt user { id username } lastRead { seq } } lastMessage { id seq body }";

/// Well-formed ids that nothing has.
pub const NO_CONVERSATION: &str = "conv_01h455vb4pex5vsknk084sn02q";
pub const NO_MESSAGE: &str = "msg_01h455vb4pex5vsknk084sn02q";
pub const NO_USER: &str = "user_01h455vb4pex5vsknk084sn02q";

/// The whole reply to an operation of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer(pub Value);

impl Answer {
    /// What came of it, which went well.
    #[track_caller]
    pub fn done(&self) -> Value {
        assert!(self.0.get("errors").is_none(), "{}", self.0);
        let data = self.0["data"].as_object().expect("data");
        data.values().next().expect("a field").clone()
    }

    /// The argument that was refused, where one is named; the refusal has this code.
    #[track_caller]
    pub fn refused(&self, code: &str) -> Value {
        let extensions = &self.0["errors"][0]["extensions"];
        assert_eq!(extensions["code"], code, "{}", self.0);
        extensions["field"].clone()
    }

    /// The code of its error; none when it went well.
    pub fn code(&self) -> Option<&str> {
        self.0["errors"][0]["extensions"]["code"].as_str()
    }
}

/// The members as a conversation shows them, by name, owners with a star: `"ann* bob"`.
pub fn members(conversation: &Value) -> String {
    let members = conversation["members"].as_array().expect("a list").iter();
    let mut names: Vec<_> = members
        .map(|member| {
            let name = member["user"]["username"].as_str().expect("a name");
            let star = if member["role"] == "OWNER" { "*" } else { "" };
            format!("{name}{star}")
        })
        .collect();
    names.sort();
    names.join(" ")
}

/// How far a member has read, as a conversation shows it.
pub fn read_by(conversation: &Value, username: &str) -> Value {
    let mut members = conversation["members"].as_array().expect("a list").iter();
    let member = members.find(|member| member["user"]["username"] == username);
    member.expect("a member")["lastRead"]["seq"].clone()
}

/// How one names a conversation by its id.
pub fn in_group(id: &str) -> Value {
    json!({ "conversationId": id })
}

/// How one names the conversation with someone.
pub fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

/// A text that must be there, such as an id.
pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// The ids of several people.
pub fn ids(people: &[&Client]) -> Vec<String> {
    people.iter().map(|client| client.id.clone()).collect()
}

impl Client {
    /// The whole reply to a document.
    pub async fn asks(&self, document: &str, variables: Value) -> Answer {
        Answer(self.run(document, variables).await)
    }

    pub async fn create_group(&self, title: &str, user_ids: &[String]) -> Answer {
        let document = format!(
            "mutation($input: CreateGroupInput!) {{ createGroup(input: $input) {{ {CONVERSATION} }} }}"
        );
        let input = json!({ "title": title, "userIds": user_ids });
        self.asks(&document, json!({ "input": input })).await
    }

    /// Makes a group with these others and gives its id.
    pub async fn group(&self, title: &str, others: &[&Client]) -> String {
        text(&self.create_group(title, &ids(others)).await.done()["id"])
    }

    pub async fn rename(&self, group: &str, title: &str) -> Answer {
        let document = format!(
            "mutation($id: ID!, $title: String!) {{
                renameGroup(conversationId: $id, title: $title) {{ {CONVERSATION} }}
            }}"
        );
        self.asks(&document, json!({ "id": group, "title": title }))
            .await
    }

    pub async fn add_ids(&self, group: &str, user_ids: &[String]) -> Answer {
        let document = format!(
            "mutation($id: ID!, $userIds: [ID!]!) {{
                addMembers(conversationId: $id, userIds: $userIds) {{ {CONVERSATION} }}
            }}"
        );
        self.asks(&document, json!({ "id": group, "userIds": user_ids }))
            .await
    }

    pub async fn add(&self, group: &str, others: &[&Client]) -> Answer {
        self.add_ids(group, &ids(others)).await
    }

    pub async fn remove(&self, group: &str, user: &Client) -> Answer {
        self.remove_id(group, &user.id).await
    }

    pub async fn remove_id(&self, group: &str, user: &str) -> Answer {
        let document = format!(
            "mutation($id: ID!, $userId: ID!) {{
                removeMember(conversationId: $id, userId: $userId) {{ {CONVERSATION} }}
            }}"
        );
        self.asks(&document, json!({ "id": group, "userId": user }))
            .await
    }

    /// Leaves a group, which must go well.
    pub async fn leave(&self, group: &str) {
        assert_eq!(self.remove(group, self).await.done(), Value::Null);
    }

    /// Says something there, which must go well.
    pub async fn say_in(&self, group: &str, body: &str) -> Said {
        self.say(json!({ "to": in_group(group), "body": body }))
            .await
    }

    /// The whole reply to a send.
    pub async fn sends(&self, input: Value) -> Answer {
        let document = format!(
            "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ {MESSAGE} }} }}"
        );
        self.asks(&document, json!({ "input": input })).await
    }

    pub async fn edit(&self, message: &str, body: &str) -> Answer {
        let document = format!(
            "mutation($id: ID!, $body: String!) {{ editMessage(messageId: $id, body: $body) {{ {MESSAGE} }} }}"
        );
        self.asks(&document, json!({ "id": message, "body": body }))
            .await
    }

    pub async fn delete(&self, message: &str) -> Answer {
        let document =
            format!("mutation($id: ID!) {{ deleteMessage(messageId: $id) {{ {MESSAGE} }} }}");
        self.asks(&document, json!({ "id": message })).await
    }

    pub async fn react(&self, message: &str, emoji: &str) -> Answer {
        let document = format!(
            "mutation($id: ID!, $emoji: String!) {{ addReaction(messageId: $id, emoji: $emoji) {{ {MESSAGE} }} }}"
        );
        self.asks(&document, json!({ "id": message, "emoji": emoji }))
            .await
    }

    pub async fn unreact(&self, message: &str, emoji: &str) -> Answer {
        let document = format!(
            "mutation($id: ID!, $emoji: String!) {{ removeReaction(messageId: $id, emoji: $emoji) {{ {MESSAGE} }} }}"
        );
        self.asks(&document, json!({ "id": message, "emoji": emoji }))
            .await
    }

    /// Marks everything up to a message as read.
    pub async fn mark(&self, message: &str) -> Answer {
        let document =
            format!("mutation($id: ID!) {{ markRead(messageId: $id) {{ {CONVERSATION} }} }}");
        self.asks(&document, json!({ "id": message })).await
    }

    pub async fn block(&self, user: &Client) {
        let document = "mutation($id: ID!) { blockUser(userId: $id) { id } }";
        self.ok(document, json!({ "id": user.id })).await;
    }

    /// A conversation as its id finds it; null when there is none for this person.
    pub async fn conversation(&self, id: &str) -> Value {
        let document = format!("query($id: ID!) {{ conversation(id: $id) {{ {CONVERSATION} }} }}");
        self.ok(&document, json!({ "id": id })).await["conversation"].clone()
    }

    /// A message as its id finds it; null when there is none for this person.
    pub async fn message(&self, id: &str) -> Value {
        let document =
            format!("query($id: ID!) {{ node(id: $id) {{ ... on Message {{ {MESSAGE} }} }} }}");
        self.ok(&document, json!({ "id": id })).await["node"].clone()
    }

    /// All messages of a conversation, oldest first.
    pub async fn shown(&self, target: &Value) -> Vec<Value> {
        let document = format!(
            "query($in: ConversationRef!, $after: String) {{
                messages(in: $in, first: 10, after: $after) {{
                    nodes {{ {MESSAGE} }} pageInfo {{ hasNextPage endCursor }}
                }}
            }}"
        );
        let (mut shown, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "in": target, "after": after });
            let page = self.ok(&document, variables).await["messages"].clone();
            shown.extend(page["nodes"].as_array().expect("a list").iter().cloned());
            if page["pageInfo"]["hasNextPage"] != true {
                return shown;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }

    /// The conversations as they are listed.
    pub async fn listed(&self) -> Vec<Value> {
        let document = format!("{{ conversations(first: 20) {{ nodes {{ {CONVERSATION} }} }} }}");
        let list = self.ok(&document, json!({})).await;
        let nodes = list["conversations"]["nodes"].as_array();
        nodes.expect("a list").clone()
    }

    /// Where this person's stream stands.
    pub async fn stands(&self) -> Value {
        self.ok("{ streamCursor }", json!({})).await["streamCursor"].clone()
    }
}
