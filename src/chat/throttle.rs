//! How often one may do what costs, on all processes together: each one tells the others of what was done at it.

use std::{
    collections::HashMap,
    mem,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;
use tokio::time::Instant;

use super::{Origin, signalling::Signalling};
use crate::{
    domain::{Limits, RateLimit, Spent, UserId},
    error::{Error, Result},
    metrics::{Counter, Metrics},
};

/// A limit with over this many keys, and over twice what was left the last time, is cleared of those at rest.
const KEYS_BEFORE_CLEARING: usize = 10_000;

/// Of what there is much of, other processes are told by so many parts of a burst.
const TOLD_FROM: u32 = 4;

/// One limit a verb and a key.
pub(super) struct Throttles {
    limits: [Throttle; RateLimit::ALL.len()],
    refused: [Counter; RateLimit::ALL.len()],
    mac: Hmac<Sha256>,
    signalling: Arc<Signalling>,
}

impl Throttles {
    /// `secrets` are what all processes know, and nobody else.
    pub(super) fn new(
        limits: &Limits,
        secrets: &[String],
        signalling: Arc<Signalling>,
        metrics: &Metrics,
    ) -> Self {
        let secret = secrets.first().map_or(&[][..], |secret| secret.as_bytes());
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret)
            .unwrap_or_else(|_| unreachable!("a key of any length does"));
        mac.update(b"rate limits");
        let limit = |limit| {
            if limit == RateLimit::SendOfUser {
                let every = Duration::from_secs(1) / limits.sends_per_second.max(1);
                return Throttle::new(every, limits.send_burst.max(1), TOLD_FROM);
            }
            let every = Duration::from_mins(1) / limits.sign_ins_per_minute.max(1);
            Throttle::new(every, limits.sign_ins_per_minute.max(1), u32::MAX)
        };
        Self {
            limits: RateLimit::ALL.map(limit),
            refused: RateLimit::ALL.map(|limit| metrics.refused_by(name(limit))),
            mac,
            signalling,
        }
    }

    /// `username_key` is none for a text that cannot be anyone's username.
    pub(super) fn login(&self, origin: Origin, username_key: Option<&str>) -> Result<()> {
        const TOO_MANY: &str = "Too many logins; try again later.";
        let address = self.key_of_address(origin);
        self.check(RateLimit::LoginFromAddress, address, TOO_MANY)?;
        username_key.map_or(Ok(()), |key| {
            self.check(RateLimit::LoginOfUsername, self.key(key), TOO_MANY)
        })
    }

    pub(super) fn signup(&self, origin: Origin, username_key: &str) -> Result<()> {
        const TOO_MANY: &str = "Too many signups; try again later.";
        let address = self.key_of_address(origin);
        self.check(RateLimit::SignupFromAddress, address, TOO_MANY)?;
        let username = self.key(username_key);
        self.check(RateLimit::SignupOfUsername, username, TOO_MANY)
    }

    /// Of who is signed in and tries a password.
    pub(super) fn password(&self, user: UserId) -> Result<()> {
        let too_many = "Too many tries; try again later.";
        self.check(RateLimit::PasswordOfUser, user.0.as_u128(), too_many)
    }

    pub(super) fn send(&self, user: UserId) -> Result<()> {
        let too_many = "Too many messages; slow down a little.";
        self.check(RateLimit::SendOfUser, user.0.as_u128(), too_many)
    }

    /// Takes in what was done at another process.
    pub(super) fn heard(&self, spent: Spent) {
        self.limits[spent.limit as usize].heard(spent.key, spent.times);
    }

    fn check(&self, limit: RateLimit, key: u128, message: &str) -> Result<()> {
        let checked = self.limits[limit as usize].check(key);
        let times = checked.map_err(|retry_after| {
            self.refused[limit as usize].inc();
            Error::RateLimited {
                message: message.to_owned(),
                retry_after: retry_after.max(Duration::from_millis(1)),
            }
        })?;
        if times > 0 {
            self.signalling.spent(Spent { limit, key, times });
        }
        Ok(())
    }

    /// Stands for a text that other processes are to know it by, and nobody is to read.
    fn key(&self, text: &str) -> u128 {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let mac = mac.finalize().into_bytes();
        mac.iter()
            .take(16)
            .fold(0, |key, byte| key << 8 | u128::from(*byte))
    }

    fn key_of_address(&self, origin: Origin) -> u128 {
        self.key(&network(origin).to_string())
    }
}

/// What a limit is called for those who count what it refuses.
fn name(limit: RateLimit) -> &'static str {
    match limit {
        RateLimit::LoginFromAddress => "login_from_address",
        RateLimit::LoginOfUsername => "login_of_username",
        RateLimit::SignupFromAddress => "signup_from_address",
        RateLimit::SignupOfUsername => "signup_of_username",
        RateLimit::PasswordOfUser => "password_of_user",
        RateLimit::SendOfUser => "send_of_user",
    }
}

/// An IPv6 subscriber usually holds a /64 and could take another address for every try.
fn network(Origin(address): Origin) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// The generic cell rate algorithm (ITU-T I.371, 4.1): of each key it is kept when it would be at rest again.
struct Throttle {
    /// In what time one more may be done.
    every: Duration,
    /// How much may be done at once.
    burst: u32,
    /// Other processes are told of one of so many parts of a burst at a time.
    told_from: u32,
    keys: Mutex<Keys>,
}

struct Keys {
    of: HashMap<u128, Key>,
    clear_above: usize,
}

#[derive(Clone, Copy)]
struct Key {
    /// When it would be at rest again.
    at_rest: Instant,
    /// How much was done of which other processes do not know.
    untold: u32,
}

impl Throttle {
    fn new(every: Duration, burst: u32, told_from: u32) -> Self {
        let keys = Keys {
            of: HashMap::new(),
            clear_above: KEYS_BEFORE_CLEARING,
        };
        Self {
            every,
            burst,
            told_from,
            keys: Mutex::new(keys),
        }
    }

    /// Counts one more, and says of how much other processes are to know now; or how long to wait for it.
    fn check(&self, key: u128) -> Result<u32, Duration> {
        let now = Instant::now();
        let mut keys = self.keys.lock();
        let key = keys.at(key, now);
        let next = key.at_rest.max(now) + self.every;
        let most = self.every * self.burst;
        match (next - now).checked_sub(most) {
            None | Some(Duration::ZERO) => {
                key.at_rest = next;
                key.untold += 1;
                if key.untold < self.burst / self.told_from {
                    return Ok(0);
                }
                Ok(mem::take(&mut key.untold))
            }
            Some(wait) => Err(wait),
        }
    }

    /// Counts what was done elsewhere, of which some may be too much: no more than the double of a burst.
    fn heard(&self, key: u128, times: u32) {
        let now = Instant::now();
        let mut keys = self.keys.lock();
        let key = keys.at(key, now);
        let most = self.burst.saturating_mul(2);
        let next = key.at_rest.max(now) + self.every * times.min(most);
        key.at_rest = next.min(now + self.every * most);
    }
}

impl Keys {
    /// A key, with some room: those at rest are forgotten when there are many.
    fn at(&mut self, key: u128, now: Instant) -> &mut Key {
        if self.of.len() > self.clear_above {
            self.of.retain(|_, key| key.at_rest > now);
            self.clear_above = (self.of.len() * 2).max(KEYS_BEFORE_CLEARING);
        }
        self.of.entry(key).or_insert(Key {
            at_rest: now,
            untold: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttles(sends_per_second: u32, send_burst: u32) -> Throttles {
        let limits = Limits {
            sends_per_second,
            send_burst,
            ..Limits::default()
        };
        let signalling = Arc::new(Signalling::new(true, Duration::ZERO));
        let metrics = Metrics::new("embedded");
        Throttles::new(&limits, &["a secret".to_owned()], signalling, &metrics)
    }

    #[test]
    fn one_ipv6_network_is_one_origin() {
        let origin = |text: &str| network(Origin(text.parse().expect("an address")));
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_eq!(origin("::ffff:10.0.0.1"), origin("10.0.0.1"));
        assert_ne!(origin("10.0.0.1"), origin("10.0.0.2"));
    }

    #[test]
    fn a_burst_is_let_through_and_then_one_waits() {
        let throttles = throttles(1, 3);
        let user = UserId::new();
        for _ in 0..3 {
            assert!(throttles.send(user).is_ok());
        }
        let Err(Error::RateLimited { retry_after, .. }) = throttles.send(user) else {
            panic!("a fourth went through")
        };
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(1));
        assert!(throttles.send(UserId::new()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_elsewhere_counts_here_and_is_paid_off() {
        let throttles = throttles(1, 3);
        let user = UserId::new();
        let elsewhere = |times| {
            throttles.heard(Spent {
                limit: RateLimit::SendOfUser,
                key: user.0.as_u128(),
                times,
            });
        };
        elsewhere(2);
        assert!(throttles.send(user).is_ok());
        assert!(throttles.send(user).is_err());
        // However much it is, it is over some time.
        elsewhere(u32::MAX);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert!(throttles.send(user).is_err());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(throttles.send(user).is_ok());
    }
}
