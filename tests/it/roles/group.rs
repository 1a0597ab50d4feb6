//! Groups.

use super::*;

on_both_stores!(everyone_may_do_in_a_group_what_their_role_lets_them_and_nothing_else);

/// Whoever could try something.
struct People {
    owner: Client,
    member: Client,
    /// A member too, who said something.
    author: Client,
    /// Who was a member, said something, and was removed.
    former: Client,
    stranger: Client,
    signed_out: Client,
    /// Someone with the token of an account that was deleted since.
    deleted: Client,
    /// A member whom others may try to remove.
    other: Client,
    /// Whom others may try to add.
    newcomer: Client,
}

impl People {
    async fn sign_up(app: &TestApp) -> Self {
        let (owner, member, author) =
            tokio::join!(app.user("owner"), app.user("member"), app.user("author"));
        let (former, stranger, deleted) = tokio::join!(
            app.user("former"),
            app.user("stranger"),
            app.user("deleted")
        );
        let (other, newcomer) = tokio::join!(app.user("other"), app.user("newcomer"));
        owner.group("before", &[&deleted, &member]).await;
        let delete = "mutation { deleteAccount(password: \"password1\") }";
        deleted.ok(delete, json!({})).await;
        Self {
            owner,
            member,
            author,
            former,
            stranger,
            signed_out: app.anonymous(),
            deleted,
            other,
            newcomer,
        }
    }

    /// In the order of the table's columns.
    fn all(&self) -> [&Client; 7] {
        [
            &self.owner,
            &self.member,
            &self.author,
            &self.former,
            &self.stranger,
            &self.signed_out,
            &self.deleted,
        ]
    }

    /// A new group, as variables: its id, a message of the author's and one of the former member's.
    async fn scene(&self) -> Value {
        let others = ids(&[&self.member, &self.author, &self.former, &self.other]);
        let made = self.owner.create_group("tea", &others).await.done();
        let group = text(&made["id"]);
        let said = self.author.say_in(&group, "the author's").await;
        let former = self.former.say_in(&group, "the former member's").await;
        self.owner.remove(&group, &self.former).await.done();
        json!({
            "conversation": group, "message": said.id, "former": former.id,
            "other": self.other.id, "newcomer": self.newcomer.id,
        })
    }
}

/// What each may do: the owner, a member, the author of the message, a former member, a stranger, who is signed out,
/// and who comes with the token of a deleted account.
const TABLE: [(&str, [Outcome; 7]); 17] = [
    (CONVERSATION, [OK, OK, OK, NULL, NULL, SIGN_IN, SIGN_IN]),
    (
        CONVERSATION_NODE,
        [OK, OK, OK, NULL, NULL, SIGN_IN, SIGN_IN],
    ),
    (MESSAGE_NODE, [OK, OK, OK, NULL, NULL, SIGN_IN, SIGN_IN]),
    (
        HISTORY,
        [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN],
    ),
    (
        PAGE,
        [BAD, BAD, BAD, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN],
    ),
    (SEND, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
    (REPLY, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
    (MARK, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
    (TYPE, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
    (
        RENAME,
        [
            OK, FORBIDDEN, FORBIDDEN, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (
        ADD,
        [
            OK, FORBIDDEN, FORBIDDEN, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (
        REMOVE,
        [
            OK, FORBIDDEN, FORBIDDEN, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (
        LEAVE,
        [NULL, NULL, NULL, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN],
    ),
    (
        EDIT,
        [
            FORBIDDEN, FORBIDDEN, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (
        DELETE,
        [OK, FORBIDDEN, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN],
    ),
    (REACT, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
    (
        UNREACT,
        [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN],
    ),
];

/// The same of what the former member said.
const OF_THE_FORMER: [(&str, [Outcome; 7]); 4] = [
    (MESSAGE_NODE, [OK, OK, OK, NULL, NULL, SIGN_IN, SIGN_IN]),
    (
        EDIT,
        [
            FORBIDDEN, FORBIDDEN, FORBIDDEN, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (
        DELETE,
        [
            OK, FORBIDDEN, FORBIDDEN, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN,
        ],
    ),
    (REACT, [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, SIGN_IN]),
];

const LISTENING: [Outcome; 7] = [OK, OK, OK, NOT_FOUND, NOT_FOUND, SIGN_IN, CLOSED];

async fn everyone_may_do_in_a_group_what_their_role_lets_them_and_nothing_else(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let people = People::sign_up(&app).await;
    let mut rows: Vec<_> = TABLE
        .iter()
        .map(|(document, expected)| ((*document).to_owned(), *expected, false))
        .collect();
    for (document, expected) in OF_THE_FORMER {
        rows.push((document.to_owned(), expected, true));
    }
    for window in Window::ALL {
        rows.push((listening(window), LISTENING, false));
    }
    rows.push((TYPING.to_owned(), LISTENING, false));

    let mut scene = people.scene().await;
    let mut wrong = Vec::new();
    for (document, expected, of_the_former) in rows {
        for (who, expected) in people.all().into_iter().zip(expected) {
            let mut variables = scene.clone();
            variables["self"] = json!(who.id);
            if of_the_former {
                variables["message"] = scene["former"].clone();
            }
            let (came, told) = outcome(&app, who, &document, &variables, expected).await;
            if came != expected {
                wrong.push(format!(
                    "{}: {came}, not {expected}: {document}",
                    who.username
                ));
            }
            if [&people.former, &people.stranger]
                .iter()
                .any(|one| one.id == who.id)
            {
                is_as_made_up(&app, who, &document, &variables, &told).await;
            }
            let changes = document.starts_with("mutation") && [OK, NULL].contains(&came.as_str());
            if changes {
                scene = people.scene().await;
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    app.stop().await;
}
