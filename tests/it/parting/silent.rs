//! Of a block nothing is told, to either of the two.

use super::*;

on_both_stores!(
    a_block_is_told_to_nobody_and_cursors_go_on_across_it,
    typing_is_told_once_the_conversation_is_there,
);

/// Everything that a person is told, on both servers, live.
async fn feeds(servers: &Servers, person: &Person) -> [Feed; 2] {
    [
        Feed::live(servers.here.address, &person.here).await,
        Feed::live(servers.there().address, &person.there).await,
    ]
}

/// What someone sees of conversations.
async fn sees(viewer: &Client) -> Value {
    let document = format!(
        "{{ conversations(first: 20) {{ nodes {{ {} }} }} blockedUsers {{ id }} }}",
        acts::CONVERSATION
    );
    viewer.ok(&document, json!({})).await
}

async fn a_block_is_told_to_nobody_and_cursors_go_on_across_it(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    let [ann, bob] = servers.pair(0).await;
    let cleo = Person::on(&servers, "cleo").await;
    says(&bob.there, &ann.there, "hello").await.done();
    let tea = cleo.here.group("tea", &[&ann.here, &bob.here]).await;
    let (cursors, before) = (
        [ann.here.stands().await, bob.there.stands().await],
        [sees(&ann.here).await, sees(&bob.there).await],
    );
    let mut feeds = [feeds(&servers, &ann).await, feeds(&servers, &bob).await];
    let mut socket = servers.here.socket(&bob.here).await;
    let changes = "subscription { conversationChanged { id } }";
    socket.subscribe("changes", changes, json!({})).await;
    socket.settle().await;

    // Of the three pairs, one has a conversation.
    let pairs = [(&ann, &bob), (&ann, &cleo), (&cleo, &bob)];
    for (one, other) in pairs {
        one.here.block(&other.here).await;
        one.there.block(&other.there).await;
        unblock(&one.there, &other.there).await;
        one.there.block(&other.there).await;
        other.here.block(&one.here).await;
        unblock(&other.there, &one.there).await;
        unblock(&one.here, &other.here).await;
    }
    assert_eq!(sees(&ann.there).await, before[0]);
    assert_eq!(sees(&bob.here).await, before[1]);
    let last = cleo.here.say_in(&tea, "sentinel").await.id;
    for feed in feeds.iter_mut().flatten() {
        feed.tells(&["new sentinel"]).await;
        assert_eq!(feed.last["message"]["id"], last.as_str());
    }
    // Nothing but what is new in the group; a message is no such change.
    cleo.here.rename(&tea, "coffee").await.done();
    let changed = socket.event("changes").await;
    assert_eq!(changed["conversationChanged"]["id"], tea.as_str());

    says(&bob.there, &cleo.there, "at last").await.done();
    let told = [
        "conversation coffee: ann0 bob0 cleo*",
        "conversation direct: bob0 cleo",
        "new at last",
    ];
    for feed in &mut feeds[1] {
        feed.tells(&told).await;
    }
    let both = [servers.here.address, servers.there().address];
    let resumed = async |person: &Person, cursor: &Value, at| {
        let scope = Scope::all(Window::Events).after(cursor.clone());
        Feed::open(at, &person.here, scope).await
    };
    let missed = [&["new sentinel"], &told[..]].concat();
    for at in both {
        resumed(&bob, &cursors[1], at).await.tells(&missed).await;
        let mut anns = resumed(&ann, &cursors[0], at).await;
        anns.tells(&missed[..2]).await;
    }

    // What is in no memory is read from the store.
    let place = servers.stop().await;
    let app = TestApp::at(place, |_| {}).await;
    let (ann, bob) = [ann, bob]
        .map(|person| person.here.at(app.url("/graphql")))
        .into();
    let scope = |cursor: &Value| Scope::all(Window::Events).after(cursor.clone());
    let mut bobs = Feed::open(app.address, &bob, scope(&cursors[1])).await;
    bobs.tells(&missed).await;
    let mut anns = Feed::open(app.address, &ann, scope(&cursors[0])).await;
    anns.tells(&missed[..2]).await;
    says(&ann, &bob, "end").await.done();
    for feed in [&mut anns, &mut bobs] {
        feed.tells(&["new end"]).await;
    }
    app.stop().await;
}

async fn typing_is_told_once_the_conversation_is_there(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    let [ann, bob] = servers.pair(0).await;
    let mut socket = servers.here.socket(&ann.here).await;
    let listen = "subscription { typing { user { username } typing conversation { id } } }";
    socket.subscribe("typing", listen, json!({})).await;
    socket.settle().await;
    let types = async |typing: bool| {
        let document = "mutation($in: ConversationRef!, $typing: Boolean!) {
            setTyping(in: $in, typing: $typing)
        }";
        let input = json!({ "in": with(&ann.here), "typing": typing });
        bob.here.ok(document, input).await;
    };
    ann.here.block(&bob.here).await;
    unblock(&ann.here, &bob.here).await;
    types(true).await;
    types(false).await;
    let first = says(&bob.here, &ann.here, "hello").await.done();
    types(true).await;
    let told = socket.event("typing").await["typing"].clone();
    let typing = json!({
        "user": { "username": "bob0" }, "typing": true,
        "conversation": { "id": first["conversation"]["id"] },
    });
    assert_eq!(told, typing);
    servers.stop().await;
}
