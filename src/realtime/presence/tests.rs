use super::*;
use crate::domain::OnlineChange;

const GRACE: Duration = Duration::from_secs(2);
const GATHER: Duration = Duration::from_millis(100);

fn presence() -> Presence {
    Presence::new(GRACE, GATHER, 3)
}

/// Runs the clockwork beside a watcher until the watcher is told something.
async fn next(presence: &Presence, watcher: &mut PresenceReceiver) -> OnlineChange {
    let clockwork = async {
        loop {
            presence.owed().await;
        }
    };
    tokio::select! {
        change = watcher.next() => (*change.expect("watching")).clone(),
        () = clockwork => unreachable!("the clockwork runs on"),
    }
}

fn joined(users: &[UserId]) -> OnlineChange {
    OnlineChange {
        joined: users.to_vec(),
        left: vec![],
    }
}

fn left(users: &[UserId]) -> OnlineChange {
    OnlineChange {
        joined: vec![],
        left: users.to_vec(),
    }
}

#[tokio::test(start_paused = true)]
async fn three_tabs_are_one_presence() {
    let (presence, ann) = (presence(), UserId::new());
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, OnlineChange::default());
    for _ in 0..3 {
        assert!(presence.opened(ann));
    }
    assert!(!presence.opened(ann), "a fourth is one too many");
    assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
    for _ in 0..3 {
        presence.closed(ann, false);
    }
    assert!(presence.is_online(ann), "within the grace");
    assert_eq!(next(&presence, &mut watcher).await, left(&[ann]));
    assert!(!presence.is_online(ann));
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_no_change() {
    let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
    presence.opened(ann);
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
    presence.closed(ann, false);
    tokio::time::advance(GRACE / 2).await;
    presence.opened(ann);
    tokio::time::advance(GRACE * 2).await;
    presence.opened(bob);
    assert_eq!(next(&presence, &mut watcher).await, joined(&[bob]));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_amid_changes_fits_what_follows() {
    let (presence, ann, bob, cleo) = (presence(), UserId::new(), UserId::new(), UserId::new());
    presence.opened(ann);
    let mut early = presence.watch();
    assert_eq!(next(&presence, &mut early).await, joined(&[ann]));
    presence.closed(ann, true);
    presence.opened(bob);
    let mut late = presence.watch();
    assert_eq!(
        next(&presence, &mut late).await,
        joined(&[bob]),
        "ann came and went"
    );
    presence.opened(cleo);
    assert_eq!(next(&presence, &mut late).await, joined(&[cleo]));
    let change = next(&presence, &mut early).await;
    assert_eq!(
        change.joined.iter().copied().collect::<HashSet<_>>(),
        HashSet::from([bob, cleo])
    );
    assert_eq!(change.left, [ann]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_fell_behind_is_told_the_difference() {
    let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
    presence.opened(ann);
    let mut fast = presence.watch();
    let mut slow = presence.watch();
    next(&presence, &mut fast).await;
    assert_eq!(next(&presence, &mut slow).await, joined(&[ann]));
    for _ in 0..CHANGE_RING {
        presence.opened(bob);
        assert_eq!(next(&presence, &mut fast).await, joined(&[bob]));
        presence.closed(bob, true);
        assert_eq!(next(&presence, &mut fast).await, left(&[bob]));
    }
    presence.closed(ann, true);
    assert_eq!(next(&presence, &mut fast).await, left(&[ann]));
    let change = next(&presence, &mut slow).await;
    assert!(change.left.contains(&ann) && change.joined.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_fell_behind_is_told_of_who_left_and_came_back_in_one_moment() {
    let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
    let mut fast = presence.watch();
    let mut slow = presence.watch();
    next(&presence, &mut fast).await;
    assert_eq!(next(&presence, &mut slow).await, OnlineChange::default());
    presence.opened(ann);
    assert_eq!(next(&presence, &mut fast).await, joined(&[ann]));
    for _ in 0..CHANGE_RING {
        presence.opened(bob);
        assert_eq!(next(&presence, &mut fast).await, joined(&[bob]));
        presence.closed(bob, true);
        assert_eq!(next(&presence, &mut fast).await, left(&[bob]));
    }
    presence.closed(ann, true);
    presence.opened(ann);
    let change = slow.next().await.expect("watching");
    assert!(change.joined.contains(&ann), "{change:?}");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_owed_who_came_and_when_they_left() {
    let (presence, ann) = (presence(), UserId::new());
    presence.opened(ann);
    let owed = presence.owed().await;
    assert_eq!(
        owed,
        Owed {
            online: vec![ann],
            ..Owed::default()
        }
    );
    presence.still_owed(owed);
    presence.closed(ann, true);
    let owed = presence.owed().await;
    assert!(owed.online.is_empty(), "out of date by now");
    assert_eq!(
        owed.offline
            .iter()
            .map(|(user, _)| *user)
            .collect::<Vec<_>>(),
        [ann]
    );
    assert_eq!(presence.closed_at(ann), Some(owed.offline[0].1));
}

/// A watcher who sees those who are not estranged.
fn watch_as(presence: &Presence, viewer: UserId, estranged: &[UserId]) -> PresenceReceiver {
    let mut watcher = presence.watch();
    watcher.show_to(viewer, &estranged.iter().copied().collect());
    watcher
}

#[tokio::test(start_paused = true)]
async fn who_is_set_apart_leaves_and_comes_back_for_each_other_alone() {
    let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
    let pair = Pair::new(ann, bob).expect("two people");
    for user in [ann, bob] {
        presence.opened(user);
    }
    let mut everyone = presence.watch();
    next(&presence, &mut everyone).await;
    let mut anns = watch_as(&presence, ann, &[]);
    next(&presence, &mut anns).await;
    presence.set_apart(pair, true);
    assert_eq!(next(&presence, &mut anns).await, left(&[bob]));
    let mut late = watch_as(&presence, ann, &[bob]);
    assert_eq!(next(&presence, &mut late).await, joined(&[ann]));
    presence.closed(bob, true);
    assert_eq!(next(&presence, &mut everyone).await, left(&[bob]));
    presence.opened(bob);
    assert_eq!(next(&presence, &mut everyone).await, joined(&[bob]));
    presence.set_apart(pair, false);
    for watcher in [&mut anns, &mut late] {
        assert_eq!(next(&presence, watcher).await, joined(&[bob]));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_or_goes_while_being_set_apart_is_told_as_it_was_told_before() {
    let (presence, ann, bob, cleo) = (presence(), UserId::new(), UserId::new(), UserId::new());
    let pair = |other| Pair::new(ann, other).expect("two people");
    for user in [ann, bob] {
        presence.opened(user);
    }
    let mut anns = watch_as(&presence, ann, &[]);
    next(&presence, &mut anns).await;
    // In one gathering: bob goes, cleo comes, and ann has nothing to do with either.
    presence.closed(bob, true);
    presence.opened(cleo);
    for other in [bob, cleo] {
        presence.set_apart(pair(other), true);
    }
    assert_eq!(next(&presence, &mut anns).await, left(&[bob]));
    // Bob comes, cleo goes, and all is well again.
    presence.opened(bob);
    presence.closed(cleo, true);
    for other in [bob, cleo] {
        presence.set_apart(pair(other), false);
    }
    assert_eq!(next(&presence, &mut anns).await, joined(&[bob]));
    // Apart and back in one gathering is nothing.
    presence.set_apart(pair(bob), true);
    presence.set_apart(pair(bob), false);
    presence.opened(cleo);
    assert_eq!(next(&presence, &mut anns).await, joined(&[cleo]));
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_fell_behind_learns_who_was_set_apart() {
    let (presence, ann, bob, cleo) = (presence(), UserId::new(), UserId::new(), UserId::new());
    for user in [ann, bob] {
        presence.opened(user);
    }
    let mut fast = presence.watch();
    next(&presence, &mut fast).await;
    let mut anns = watch_as(&presence, ann, &[]);
    next(&presence, &mut anns).await;
    presence.set_apart(Pair::new(ann, bob).expect("two people"), true);
    for _ in 0..CHANGE_RING {
        presence.opened(cleo);
        assert_eq!(next(&presence, &mut fast).await, joined(&[cleo]));
        presence.closed(cleo, true);
        assert_eq!(next(&presence, &mut fast).await, left(&[cleo]));
    }
    let change = next(&presence, &mut anns).await;
    assert!(change.left.contains(&bob) && !change.joined.contains(&bob));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_taken_offline_is_gone_before_the_sockets_are() {
    let (presence, ann) = (presence(), UserId::new());
    presence.opened(ann);
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
    presence.take_offline(ann);
    assert_eq!(presence.online(), []);
    assert_eq!(next(&presence, &mut watcher).await, left(&[ann]));
    presence.closed(ann, true);
    tokio::time::advance(LEFT_KEPT * 2).await;
    presence.tell_on_time().await;
    assert_eq!(presence.closed_at(ann), None, "forgotten");
}

fn process() -> ProcessId {
    ProcessId(uuid::Uuid::new_v4())
}

#[tokio::test(start_paused = true)]
async fn who_is_anywhere_is_online() {
    let (presence, ann, here, there) = (presence(), UserId::new(), process(), process());
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, OnlineChange::default());
    presence.heard(here, ann, 1, Timestamp(0));
    assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
    // It moves from one process to another, and to this one.
    presence.heard(there, ann, 2, Timestamp(0));
    presence.heard(here, ann, 0, Timestamp(7));
    presence.opened(ann);
    presence.heard(there, ann, 0, Timestamp(8));
    assert!(presence.is_online(ann));
    presence.closed(ann, true);
    assert_eq!(next(&presence, &mut watcher).await, left(&[ann]));
    assert!(presence.closed_at(ann).is_some_and(|at| at > Timestamp(8)));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_online_at_a_process_that_is_gone() {
    let (presence, ann, ben, there) = (presence(), UserId::new(), UserId::new(), process());
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, OnlineChange::default());
    presence.heard_all(&[(there, ann), (there, ben), (process(), ben)]);
    let change = next(&presence, &mut watcher).await;
    assert_eq!(change.joined.len(), 2, "{change:?}");
    presence.gone(there, Timestamp(9));
    assert_eq!(next(&presence, &mut watcher).await, left(&[ann]));
    assert_eq!(presence.closed_at(ann), Some(Timestamp(9)));
    // What is heard of all replaces what was heard of each.
    presence.heard_all(&[(there, ann)]);
    let change = next(&presence, &mut watcher).await;
    assert_eq!((change.joined, change.left), (vec![ann], vec![ben]));
}

#[tokio::test(start_paused = true)]
async fn who_was_at_a_process_that_is_gone_may_come_back_elsewhere_before_anyone_is_told() {
    let (presence, there, elsewhere) = (presence(), process(), process());
    let (ann, ben, eve) = (UserId::new(), UserId::new(), UserId::new());
    let mut watcher = presence.watch();
    assert_eq!(next(&presence, &mut watcher).await, OnlineChange::default());
    presence.heard_all(&[(there, ann), (there, ben), (there, eve)]);
    assert_eq!(next(&presence, &mut watcher).await.joined.len(), 3);
    presence.heard(there, ann, 2, Timestamp(0));
    presence.gone(there, Timestamp(9));
    for _ in 0..3 {
        assert!(presence.opened(ann), "what is gone takes no room");
    }
    presence.heard(elsewhere, ben, 1, Timestamp(0));
    // The store has them offline already, and says so.
    presence.gone(there, Timestamp(0));
    presence.heard_all(&[(elsewhere, ben)]);
    assert_eq!(presence.online().len(), 3);
    assert_eq!(next(&presence, &mut watcher).await, left(&[eve]));
    assert_eq!(presence.closed_at(eve), Some(Timestamp(9)));
    assert!(presence.is_online(ann) && presence.is_online(ben));
}

#[tokio::test(start_paused = true)]
async fn sockets_elsewhere_count_to_within_a_factor_of_two() {
    let (presence, ann, there) = (presence(), UserId::new(), process());
    presence.heard(there, ann, 2, Timestamp(0));
    assert!(presence.opened(ann));
    assert!(!presence.opened(ann), "three is what one may have");
    presence.heard(there, ann, 0, Timestamp(1));
    assert!(presence.opened(ann));
    let owed = presence.owed().await;
    assert_eq!((owed.online, owed.sockets), (vec![ann], vec![(ann, 2)]));
    assert!(presence.opened(ann));
    presence.closed(ann, false);
    presence.closed(ann, false);
    assert_eq!(presence.owed().await.sockets, [(ann, 1)]);
    assert_eq!(presence.here(), [(ann, 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_up_takes_the_place_of_what_watchers_know() {
    let (presence, ann) = (presence(), UserId::new());
    let (bob, cleo, dave) = (UserId::new(), UserId::new(), UserId::new());
    let pair = |other| Pair::new(ann, other).expect("two people");
    let from = |others: &[UserId]| Estrangements::from([(ann, others.iter().copied().collect())]);
    for user in [bob, cleo] {
        presence.opened(user);
    }
    let mut anns = watch_as(&presence, ann, &[bob]);
    assert_eq!(next(&presence, &mut anns).await, joined(&[cleo]));
    presence.set_all_apart(from(&[cleo]));
    let change = next(&presence, &mut anns).await;
    assert_eq!((change.joined, change.left), (vec![bob], vec![cleo]));
    // What everyone knows is told to nobody.
    presence.set_all_apart(from(&[cleo]));
    presence.opened(dave);
    assert_eq!(next(&presence, &mut anns).await, joined(&[dave]));
    // Whoever begins with something else is told the difference, even if all is as it was.
    let mut late = watch_as(&presence, ann, &[dave]);
    next(&presence, &mut late).await;
    presence.set_all_apart(from(&[cleo]));
    let change = next(&presence, &mut late).await;
    assert_eq!((change.joined, change.left), (vec![dave], vec![cleo]));
    // A pair that parts behind the look is apart, and one that parted before it is as the look says.
    presence.set_apart(pair(dave), true);
    presence.set_all_apart(from(&[]));
    presence.set_apart(pair(bob), true);
    let change = next(&presence, &mut anns).await;
    assert_eq!((change.joined, change.left), (vec![cleo], vec![bob]));
    // Whoever falls behind learns it, too.
    presence.set_all_apart(from(&[cleo]));
    let mut fast = presence.watch();
    next(&presence, &mut fast).await;
    let eve = UserId::new();
    for _ in 0..CHANGE_RING {
        presence.opened(eve);
        assert_eq!(next(&presence, &mut fast).await, joined(&[eve]));
        presence.closed(eve, true);
        assert_eq!(next(&presence, &mut fast).await, left(&[eve]));
    }
    let change = next(&presence, &mut anns).await;
    assert!(change.joined.contains(&bob) && !change.left.contains(&bob));
    assert!(change.left.contains(&cleo) && !change.joined.contains(&cleo));
}
