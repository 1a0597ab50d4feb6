//! The program is killed while an account is deleted: in the end the account is there, or it is gone from everywhere.

use std::{env, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::{
    on_both_stores,
    support::{
        acts::{members, with},
        app::Place,
        eventually,
        program::Program,
        store::StoreKind,
    },
};

on_both_stores!(
    an_account_that_was_being_deleted_when_the_program_died_is_there_or_gone_everywhere
);

const GROUPS: usize = 8;
const DELETE: &str = "mutation { deleteAccount(password: \"password1\") }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";

async fn an_account_that_was_being_deleted_when_the_program_died_is_there_or_gone_everywhere(
    kind: StoreKind,
) {
    let seed = env::var("CRASH_SEED").map_or(1, |text| text.parse().expect("a number"));
    println!("CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::fresh(kind).await;
    let mut program = Program::start(&place).await;
    let mut ann = program.anonymous().sign_up("ann").await;
    for round in 0..4 {
        let name = format!("bob{round}");
        let bob = program.anonymous().sign_up(&name).await;
        let mut groups = Vec::new();
        for number in 0..GROUPS {
            // Of some bob is the owner.
            let (maker, other) = if number % 2 == 0 {
                (&ann, &bob)
            } else {
                (&bob, &ann)
            };
            groups.push(maker.group(&format!("{round} {number}"), &[other]).await);
        }
        let said = bob.say(json!({ "to": with(&ann), "body": "hello" })).await;
        // A hash takes most of the time that a deletion does.
        let moment = Duration::from_micros(random.random_range(0..400_000));
        let deleting = async {
            let answer = bob.request(DELETE, json!({})).send().await.ok()?;
            answer.json::<Value>().await.ok()
        };
        let killing = async {
            tokio::time::sleep(moment).await;
            program.kill();
        };
        let (answer, ()) = tokio::join!(deleting, killing);
        let acknowledged = answer.is_some_and(|answer| answer["data"]["deleteAccount"] == true);

        program = Program::start(&place).await;
        ann = ann.at(program.url("/graphql"));
        let bob = bob.at(program.url("/graphql"));
        let input = json!({ "input": { "username": name, "password": "password1" } });
        let login = program.anonymous().run(LOGIN, input).await;
        let is_gone = login.get("errors").is_some();
        assert!(is_gone || !acknowledged, "{login}");
        let out_of_all = async || {
            for group in &groups {
                if members(&ann.conversation(group).await) != "ann*" {
                    return false;
                }
            }
            true
        };
        if acknowledged {
            assert!(
                out_of_all().await,
                "all of it was done when it was answered"
            );
        } else if is_gone {
            // Nobody was told that it was done; it is finished all the same.
            eventually("they are out of all groups", out_of_all).await;
        } else {
            let again = login["data"]["login"]["token"].as_str().expect("a token");
            let deleted = bob.with_token(again).ok(DELETE, json!({})).await;
            assert_eq!(deleted["deleteAccount"], true);
            assert!(
                out_of_all().await,
                "all of it was done when it was answered"
            );
        }
        let shown = ann.message(&said.id).await;
        assert_eq!(shown["body"], "hello");
        assert_eq!(shown["sender"]["username"], "");
        for group in &groups {
            ann.rename(group, "mine now").await.done();
        }
    }
}
