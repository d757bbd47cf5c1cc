//! Addresses of replies.

use std::collections::HashMap;
use std::sync::Arc;

use federation_domain::ReplySink;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};

use super::keys::hex;

/// The open requests by their address. An address is 128 random bits, so only a program that has seen
/// the request of a project can reply in its place.
#[derive(Default)]
pub(super) struct Inbox(Mutex<Open>);

#[derive(Default)]
struct Open {
    by_address: HashMap<String, (u64, Arc<dyn ReplySink>)>,
    addresses: HashMap<u64, String>,
}

impl Inbox {
    /// Opens an address for a ticket. Returns `None` if the operating system has no random numbers.
    pub(super) fn open(&self, ticket: u64, replies: &Arc<dyn ReplySink>) -> Option<String> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let address = hex(&bytes);
        let mut open = self.0.lock();
        open.by_address.insert(address.clone(), (ticket, Arc::clone(replies)));
        open.addresses.insert(ticket, address.clone());
        Some(address)
    }

    pub(super) fn close(&self, tickets: &[u64]) {
        let mut open = self.0.lock();
        for ticket in tickets {
            if let Some(address) = open.addresses.remove(ticket) {
                open.by_address.remove(&address);
            }
        }
    }

    /// Returns the ticket and the receiver of replies to an address.
    pub(super) fn find(&self, address: &str) -> Option<(u64, Arc<dyn ReplySink>)> {
        self.0.lock().by_address.get(address).cloned()
    }
}
