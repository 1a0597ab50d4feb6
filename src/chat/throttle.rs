//! How often one may do what costs.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock, clock::DefaultClock, state::keyed::DashMapStateStore,
};

use super::Origin;
use crate::{
    domain::{Limits, UserId},
    error::{Error, Result},
};

/// A limiter grown over this many keys, and over twice what was left the last time, is cleared of those at rest.
const KEYS_BEFORE_CLEARING: usize = 10_000;

/// One limiter a verb and a key.
pub(super) struct Throttles {
    login_by_origin: Throttle<IpAddr>,
    login_by_name: Throttle<String>,
    signup_by_origin: Throttle<IpAddr>,
    signup_by_name: Throttle<String>,
    password: Throttle<UserId>,
    send: Throttle<UserId>,
}

impl Throttles {
    pub(super) fn new(limits: &Limits) -> Self {
        let sign_in = Quota::per_minute(at_least_one(limits.sign_ins_per_minute));
        let send = Quota::per_second(at_least_one(limits.sends_per_second))
            .allow_burst(at_least_one(limits.send_burst));
        Self {
            login_by_origin: Throttle::new(sign_in),
            login_by_name: Throttle::new(sign_in),
            signup_by_origin: Throttle::new(sign_in),
            signup_by_name: Throttle::new(sign_in),
            password: Throttle::new(sign_in),
            send: Throttle::new(send),
        }
    }

    /// `username_key` is none for a text that cannot be anyone's username.
    pub(super) fn login(&self, origin: Origin, username_key: Option<&str>) -> Result<()> {
        const TOO_MANY: &str = "Too many logins; try again later.";
        self.login_by_origin.check(network(origin), TOO_MANY)?;
        username_key.map_or(Ok(()), |key| {
            self.login_by_name.check(key.to_owned(), TOO_MANY)
        })
    }

    pub(super) fn signup(&self, origin: Origin, username_key: &str) -> Result<()> {
        const TOO_MANY: &str = "Too many signups; try again later.";
        self.signup_by_origin.check(network(origin), TOO_MANY)?;
        self.signup_by_name.check(username_key.to_owned(), TOO_MANY)
    }

    /// Of who is signed in and tries a password.
    pub(super) fn password(&self, user: UserId) -> Result<()> {
        self.password
            .check(user, "Too many tries; try again later.")
    }

    pub(super) fn send(&self, user: UserId) -> Result<()> {
        self.send
            .check(user, "Too many messages; slow down a little.")
    }
}

/// An IPv6 subscriber usually holds a /64 and could take another address for every try.
fn network(Origin(address): Origin) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn at_least_one(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
}

struct Throttle<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, DefaultClock>,
    clock: DefaultClock,
    clear_above: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Throttle<K> {
    fn new(quota: Quota) -> Self {
        Self {
            limiter: RateLimiter::dashmap(quota),
            clock: DefaultClock::default(),
            clear_above: KEYS_BEFORE_CLEARING.into(),
        }
    }

    fn check(&self, key: K, message: &str) -> Result<()> {
        if self.limiter.len() > self.clear_above.load(Ordering::Relaxed) {
            self.limiter.retain_recent();
            self.clear_above.store(
                (self.limiter.len() * 2).max(KEYS_BEFORE_CLEARING),
                Ordering::Relaxed,
            );
        }
        self.limiter
            .check_key(&key)
            .map_err(|not_until| Error::RateLimited {
                message: message.to_owned(),
                retry_after: not_until
                    .wait_time_from(self.clock.now())
                    .max(Duration::from_millis(1)),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let throttles = Throttles::new(&Limits {
            sends_per_second: 1,
            send_burst: 3,
            ..Limits::default()
        });
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
}
