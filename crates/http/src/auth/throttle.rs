//! Attempts to find a key are slowed down, by the address that they come from.
//!
//! After [`FREE`] wrong keys within a minute each further refusal is held back for [`HOLD`]. Few can
//! be held at once: whoever sends more at the same time is told to come again later. What protects
//! a key is its length; this keeps attempts slow, few and visible. It never concerns a key that is
//! valid, so nobody is locked out by what others do behind the same proxy.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;
use parking_lot::Mutex;

/// How many wrong keys an address may send in a window before it is slowed down.
const FREE: u32 = 10;
/// How long failures count together.
const WINDOW: Duration = Duration::from_secs(60);
/// How long a refusal is held back.
pub(super) const HOLD: Duration = Duration::from_secs(1);
/// How many refusals may be held back at once, for one address and for all.
const MAX_HELD: (u32, u32) = (4, 256);
/// How many addresses are told apart; all others share one count.
const MAX_ADDRESSES: usize = 10_000;
/// How often, at most, addresses are looked for whose window is over.
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

/// How a refusal is to be answered.
pub(super) enum Pace {
    AtOnce,
    /// After [`HOLD`], until which this is kept.
    Held(Held),
    /// By a request to come again.
    Later {
        retry_after_seconds: u64,
    },
}

/// A refusal that is held back.
pub(super) struct Held {
    throttle: Arc<Throttle>,
    slot: Slot,
    /// Whether it is the first of this window.
    pub(super) first: bool,
}

/// Where a client's failures are counted: among the known, or with those of all others.
type Slot = Option<IpAddr>;

impl Throttle {
    /// Counts a failure of this client.
    pub(super) fn failed(self: &Arc<Self>, client: IpAddr, now: Monotonic) -> Pace {
        let mut clients = self.0.lock();
        let slot = clients.slot(network(client), now);
        let all_held = clients.held;
        let failures = clients.failures(slot);
        if now.since(failures.since) >= WINDOW {
            *failures = Failures { since: now, count: 0, held: failures.held };
        }
        failures.count = failures.count.saturating_add(1);
        if failures.count <= FREE {
            return Pace::AtOnce;
        }
        if failures.held >= MAX_HELD.0 || all_held >= MAX_HELD.1 {
            let left = WINDOW.saturating_sub(now.since(failures.since));
            return Pace::Later { retry_after_seconds: left.as_secs() + 1 };
        }
        let first = failures.count == FREE + 1;
        failures.held += 1;
        clients.held += 1;
        Pace::Held(Held { throttle: Arc::clone(self), slot, first })
    }
}

impl Clients {
    /// The place of this client, which is made if there is room.
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

/// What counts as one client: an IPv4 address, or the /64 of an IPv6 address, which is the least
/// that a subscriber gets.
fn network(address: IpAddr) -> IpAddr {
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
            assert!(matches!(throttle.failed(client, now), Pace::AtOnce));
        }
    }

    #[test]
    fn an_address_that_fails_often_is_slowed_down_until_its_minute_is_over() {
        let throttle = Arc::new(Throttle::default());
        fail(&throttle, A, FREE, at(0));
        let Pace::Held(first) = throttle.failed(A, at(59)) else { panic!("held") };
        let Pace::Held(second) = throttle.failed(A, at(59)) else { panic!("held") };
        assert!(first.first && !second.first);
        fail(&throttle, B, FREE, at(59));
        fail(&throttle, A, FREE, at(60));
    }

    #[test]
    fn few_refusals_are_held_at_once() {
        let throttle = Arc::new(Throttle::default());
        fail(&throttle, A, FREE, at(0));
        let mut held: Vec<_> = (0..MAX_HELD.0).map(|_| throttle.failed(A, at(10))).collect();
        assert!(held.iter().all(|pace| matches!(pace, Pace::Held(_))));
        let Pace::Later { retry_after_seconds } = throttle.failed(A, at(10)) else {
            panic!("later")
        };
        assert_eq!(retry_after_seconds, 51);
        held.pop();
        assert!(matches!(throttle.failed(A, at(10)), Pace::Held(_)));
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_room_and_shares_one_count() {
        let throttle = Arc::new(Throttle::default());
        let many = u32::try_from(MAX_ADDRESSES).unwrap();
        let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number));
        for number in 0..many + FREE {
            fail(&throttle, address(number), 1, at(0));
        }
        assert!(matches!(throttle.failed(address(many + 100), at(0)), Pace::Held(_)));
        assert!(matches!(throttle.failed(address(many + 101), at(1)), Pace::Held(_)));
        assert_eq!(throttle.0.lock().known.len(), MAX_ADDRESSES);
        assert_eq!(throttle.0.lock().held, 0);
        fail(&throttle, address(many + 100), 1, at(61));
        assert_eq!(throttle.0.lock().known.len(), 1, "those whose minute is over are forgotten");
    }

    #[test]
    fn one_subscriber_is_one_client() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:2:3:4"));
        assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
        assert_eq!(address("::ffff:192.0.2.1"), A);
        assert_ne!(address("192.0.2.1"), address("192.0.2.2"));
    }
}
