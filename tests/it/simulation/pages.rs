//! Those who load a screen: a list, histories and a cursor behind which they go on.

use std::sync::Arc;

use chinwag::{
    chat::Target,
    domain::{ConversationRef, Seq, UserId, Window},
    error::{Error, Result},
};

use super::{
    people::World,
    process::Process,
    reader::{Far, Reader},
};

/// Loads screens until all is calm, and gives readers that go on behind some of them.
pub async fn load(world: Arc<World>, number: usize) -> Vec<Reader> {
    let mut readers = Vec::new();
    let mut count = 0;
    while !world.calm.is_cancelled() {
        world.dice().wait(700).await;
        count += 1;
        let user = *world.dice().pick(&world.people);
        let process = world.processes.any().await;
        let name = format!(
            "page {number}.{count} of {user} on process {}",
            process.number
        );
        let known = world.ledger.newest.lock().clone();
        let loaded = process
            .run(screen(&world, &process, user, &name, &known))
            .await;
        match loaded {
            None | Some(Err(Error::Unavailable(_))) => {}
            Some(Err(error)) => world.note(format!("{name}: {error:?}")),
            Some(Ok((cursor, shown))) if readers.len() < 8 => {
                let reader = Reader::new(world.clone(), name, user);
                readers.push(reader.behind(cursor, known, shown));
            }
            Some(Ok(_)) => {}
        }
    }
    readers
}

/// One screen: its cursor, and what it shows of each conversation. It is not older than what was known before.
async fn screen(
    world: &World,
    process: &Process,
    user: UserId,
    name: &str,
    known: &Far,
) -> Result<(String, Far)> {
    let chat = &process.chat;
    chat.up_to_date().await?;
    let cursor = chat.cursor(user, &chat.stand());
    let list = chat.conversations(user, None, 100).await?;
    let shown: Far = list
        .iter()
        .map(|(conversation, activity)| (conversation.id, activity.last_seq))
        .collect();
    for (id, seq) in known {
        let concerned = {
            let log = world.processes.shared.log.lock();
            log.conversation(*id, log.writes())
                .is_some_and(|conversation| conversation.has_member(user))
        };
        let at = shown.get(id).copied().unwrap_or(0);
        if concerned && at < *seq {
            world.note(format!("{name}: the list shows {id} at {at}, not {seq}"));
        }
    }
    if let Some((conversation, activity)) = list.first() {
        let reference = ConversationRef::Conversation(conversation.id);
        let target = chat.target(user, "in", reference).await?;
        history(world, process, user, name, &target, known).await?;
        let activities = chat.activities(&[conversation.id]).await?;
        let again = activities.get(&conversation.id).map_or(0, |a| a.last_seq);
        let least = known.get(&conversation.id).copied().unwrap_or(0);
        if again < least {
            world.note(format!(
                "{name}: activity at {again}, not {}",
                activity.last_seq
            ));
        }
    }
    Ok((cursor, shown))
}

async fn history(
    world: &World,
    process: &Process,
    user: UserId,
    name: &str,
    target: &Target,
    known: &Far,
) -> Result<()> {
    let window = Window {
        after: None,
        before: None,
        limit: 20,
        from_end: true,
    };
    let Target::Existing(conversation) = target else {
        return Ok(());
    };
    let page = process.chat.history(user, target, &window).await?;
    let seqs: Vec<Seq> = page.items.iter().map(|message| message.seq).collect();
    if seqs.windows(2).any(|two| two[1] != two[0] + 1) {
        world.note(format!("{name}: a page with holes, {seqs:?}"));
    }
    let known = known.get(&conversation.id).copied().unwrap_or(0);
    let last = seqs.last().copied().unwrap_or(0);
    if last < known {
        world.note(format!("{name}: a page up to {last}, not {known}"));
    }
    Ok(())
}
