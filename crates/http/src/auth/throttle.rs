//! Throttles attempts to guess a key, by client address.
//!
//! After [`FREE`] wrong keys within a minute, each further refusal is delayed by [`HOLD`]. Only a
//! few refusals are delayed concurrently; further ones are answered with 429 at once. Keys are
//! protected by their length. The throttle keeps guessing slow and visible. It never affects valid
//! keys, so a client is not locked out by others behind the same proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;
use parking_lot::Mutex;

/// Number of wrong keys in a window before an address is throttled.
const FREE: u32 = 10;
/// Period over which failures are counted.
const WINDOW: Duration = Duration::from_secs(60);
/// Delay before a refusal is sent.
pub(super) const HOLD: Duration = Duration::from_secs(1);
/// Maximum number of concurrently delayed refusals, for one address and in total.
const MAX_HELD: (u32, u32) = (4, 256);
/// Maximum number of tracked addresses. All others share one counter.
const MAX_ADDRESSES: usize = 10_000;
/// Minimum interval between sweeps for addresses whose window has ended.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Throttle(Mutex<Clients>);

#[derive(Default)]
struct Clients {
    known: HashMap<IpAddr, Failures>,
    others: Failures,
    held: u32,
    swept: Monotonic,
}

#[derive(Default, Clone, Copy)]
struct Failures {
    since: Monotonic,
    count: u32,
    held: u32,
}

/// Timing of a refusal.
pub(super) enum RefusalTiming {
    AtOnce,
    /// After [`HOLD`]. Keep the guard until then.
    Held(Held),
    /// At once with 429, because too many refusals are already delayed.
    Later {
        retry_after_seconds: u64,
    },
}

/// A delayed refusal. Releases its place when dropped.
pub(super) struct Held {
    throttle: Arc<Throttle>,
    slot: Slot,
    /// True for the first one in its window.
    pub(super) first: bool,
}

/// The counter of a client: its own, or the shared one if `None`.
type Slot = Option<IpAddr>;

impl Throttle {
    /// Counts a failure of a client and returns when to answer it.
    pub(super) fn failed(self: &Arc<Self>, client: IpAddr, now: Monotonic) -> RefusalTiming {
        let mut clients = self.0.lock();
        let slot = clients.slot(network(client), now);
        let all_held = clients.held;
        let failures = clients.failures(slot);
        if now.since(failures.since) >= WINDOW {
            *failures = Failures { since: now, count: 0, held: failures.held };
        }
        failures.count = failures.count.saturating_add(1);
        if failures.count <= FREE {
            return RefusalTiming::AtOnce;
        }
        if failures.held >= MAX_HELD.0 || all_held >= MAX_HELD.1 {
            let left = WINDOW.saturating_sub(now.since(failures.since));
            return RefusalTiming::Later { retry_after_seconds: left.as_secs() + 1 };
        }
        let first = failures.count == FREE + 1;
        failures.held += 1;
        clients.held += 1;
        RefusalTiming::Held(Held { throttle: Arc::clone(self), slot, first })
    }
}

impl Clients {
    /// Returns the counter of a client, creating it if there is room.
    fn slot(&mut self, client: IpAddr, now: Monotonic) -> Slot {
        if self.known.len() >= MAX_ADDRESSES && now.since(self.swept) >= SWEEP_EVERY {
            self.swept = now;
            self.known
                .retain(|_, failures| failures.held > 0 || now.since(failures.since) < WINDOW);
        }
        let has_room = self.known.len() < MAX_ADDRESSES;
        if has_room {
            self.known.entry(client).or_insert(Failures { since: now, count: 0, held: 0 });
        }
        (has_room || self.known.contains_key(&client)).then_some(client)
    }

    fn failures(&mut self, slot: Slot) -> &mut Failures {
        match slot {
            Some(client) => self.known.entry(client).or_default(),
            None => &mut self.others,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut clients = self.throttle.0.lock();
        clients.held = clients.held.saturating_sub(1);
        let failures = clients.failures(self.slot);
        failures.held = failures.held.saturating_sub(1);
    }
}

/// Returns the network that counts as one client: an IPv4 address, or the /64 of an IPv6 address,
/// which is the smallest block assigned to a subscriber.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    const LEFT_HALF: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & LEFT_HALF).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(1_000 + seconds))
    }

    fn fail(throttle: &Arc<Throttle>, client: IpAddr, times: u32, now: Monotonic) {
        for _ in 0..times {
            assert!(matches!(throttle.failed(client, now), RefusalTiming::AtOnce));
        }
    }

    #[test]
    fn an_address_with_many_failures_is_throttled_until_its_window_ends() {
        let throttle = Arc::new(Throttle::default());
        fail(&throttle, A, FREE, at(0));
        let RefusalTiming::Held(first) = throttle.failed(A, at(59)) else {
            panic!("the refusal must be delayed")
        };
        let RefusalTiming::Held(second) = throttle.failed(A, at(59)) else {
            panic!("the refusal must be delayed")
        };
        assert!(first.first && !second.first);
        fail(&throttle, B, FREE, at(59));
        fail(&throttle, A, FREE, at(60));
    }

    #[test]
    fn only_a_few_refusals_are_delayed_concurrently() {
        let throttle = Arc::new(Throttle::default());
        fail(&throttle, A, FREE, at(0));
        let mut held: Vec<_> = (0..MAX_HELD.0).map(|_| throttle.failed(A, at(10))).collect();
        assert!(held.iter().all(|pace| matches!(pace, RefusalTiming::Held(_))));
        let RefusalTiming::Later { retry_after_seconds } = throttle.failed(A, at(10)) else {
            panic!("the refusal must be answered at once")
        };
        assert_eq!(retry_after_seconds, 51);
        held.pop();
        assert!(matches!(throttle.failed(A, at(10)), RefusalTiming::Held(_)));
    }

    #[test]
    fn a_flood_of_addresses_is_bounded_and_shares_one_counter() {
        let throttle = Arc::new(Throttle::default());
        let many = u32::try_from(MAX_ADDRESSES).unwrap();
        let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
        for number in 0..many + FREE {
            fail(&throttle, address(number), 1, at(0));
        }
        assert!(matches!(throttle.failed(address(many + 100), at(0)), RefusalTiming::Held(_)));
        assert!(matches!(throttle.failed(address(many + 101), at(1)), RefusalTiming::Held(_)));
        assert_eq!(throttle.0.lock().known.len(), MAX_ADDRESSES);
        assert_eq!(throttle.0.lock().held, 0);
        fail(&throttle, address(many + 100), 1, at(61));
        assert_eq!(
            throttle.0.lock().known.len(),
            1,
            "addresses whose window has ended are removed"
        );
    }

    #[test]
    fn addresses_of_one_subscriber_count_as_one_client() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2:3:4"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
        assert_eq!(address("::ffff:192.0.2.1"), A);
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
