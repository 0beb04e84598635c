//! How often one may ask.

use std::{hash::Hash, net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    DefaultDirectRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use p2p_runtime::http::network_of;
use quick_cache::sync::Cache;

use super::{config::Rates, key::KeyId};

/// How many senders are remembered. Beyond it those that asked once and not again are forgotten first, and begin anew
/// when they come back: memory is bounded, and nobody is turned away for somebody else's requests.
const MOST_REMEMBERED: usize = 50_000;

/// Who asks with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Operator,
    Key(KeyId),
}

/// The limits that are set.
pub(super) struct Limits {
    addresses: Option<Limit<IpAddr>>,
    registrations: Option<Limit<IpAddr>>,
    holders: Option<Limit<Holder>>,
}

impl Limits {
    pub fn new(rates: &Rates) -> Self {
        Self {
            addresses: rates.per_address.map(per_second).map(Limit::new),
            registrations: rates.registrations.map(Quota::per_hour).map(Limit::new),
            holders: rates.per_key.map(per_second).map(Limit::new),
        }
    }

    /// A request from there. Else, after how long there may be one.
    pub fn address(&self, address: IpAddr) -> Result<(), Duration> {
        self.addresses.as_ref().map_or(Ok(()), |limit| limit.admits(network_of(address)))
    }

    /// A registration from there.
    pub fn registration(&self, address: IpAddr) -> Result<(), Duration> {
        self.registrations.as_ref().map_or(Ok(()), |limit| limit.admits(network_of(address)))
    }

    /// A request with a key.
    pub fn holder(&self, holder: Holder) -> Result<(), Duration> {
        self.holders.as_ref().map_or(Ok(()), |limit| limit.admits(holder))
    }
}

/// So many a second, and twice as many at once.
fn per_second(rate: NonZeroU32) -> Quota {
    Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)))
}

/// One limit, for each sender by itself.
struct Limit<K> {
    quota: Quota,
    senders: Cache<K, Arc<DefaultDirectRateLimiter>>,
    clock: DefaultClock,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    fn new(quota: Quota) -> Self {
        Self { quota, senders: Cache::new(MOST_REMEMBERED), clock: DefaultClock::default() }
    }

    fn admits(&self, sender: K) -> Result<(), Duration> {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(RateLimiter::direct(self.quota)));
        let Ok(limiter) = self.senders.get_or_insert_with(&sender, new);
        limiter.check().map_err(|later| later.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(limit: u32) -> Rates {
        let limit = NonZeroU32::new(limit);
        Rates { per_address: limit, per_key: limit, registrations: limit }
    }

    #[test]
    fn each_sender_has_a_burst_of_its_own_and_is_told_when_to_come_back() {
        let limits = Limits::new(&rates(1));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        assert!(limits.address(one).is_ok() && limits.address(one).is_ok());
        let later = limits.address(one).unwrap_err();
        assert!(later <= Duration::from_secs(1), "{later:?}");
        assert!(limits.address(other).is_ok());
        assert!(limits.registration(one).is_ok());
        let later = limits.registration(one).unwrap_err();
        assert!(later > Duration::from_secs(3_000) && later <= Duration::from_secs(3_600), "{later:?}");
    }

    #[test]
    fn what_is_not_limited_remembers_nobody() {
        let limits = Limits::new(&rates(0));
        assert!((0..1_000).all(|_| limits.holder(Holder::Operator).is_ok()));
        assert!(limits.addresses.is_none());
    }

    #[test]
    fn so_many_senders_are_remembered_and_no_more() {
        let limit = Limit::new(Quota::per_hour(NonZeroU32::MIN));
        (0..2 * MOST_REMEMBERED).for_each(|sender| assert!(limit.admits(sender).is_ok()));
        assert!(limit.senders.len() <= MOST_REMEMBERED, "{}", limit.senders.len());
    }
}
