//! Limits the event streams and long polls that one client holds open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::{HttpMessage as _, HttpRequest};
use parking_lot::Mutex;

use crate::auth::grant::Grant;
use crate::auth::network;
use crate::error::ApiError;

/// Counts the open streams and long polls of each client.
pub(crate) struct Clients {
    max_open: u32,
    open: Mutex<HashMap<Client, u32>>,
}

/// A client: the id of its API key, or its address if the service has no keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Client {
    Key(String),
    Address(Option<IpAddr>),
}

/// An open stream or long poll. It ends when this is dropped.
pub(crate) struct ClientPlace {
    clients: Arc<Clients>,
    client: Client,
}

impl Clients {
    pub(crate) fn new(max_open: u32) -> Arc<Self> {
        Arc::new(Self { max_open, open: Mutex::default() })
    }

    /// Counts a stream or long poll.
    ///
    /// # Errors
    /// Fails if the client has too many of them open.
    pub(crate) fn enter(self: &Arc<Self>, request: &HttpRequest) -> Result<ClientPlace, ApiError> {
        let key = request.extensions().get::<Grant>().map(|grant| grant.key_id().to_owned());
        let address = || request.peer_addr().map(|address| network(address.ip()));
        let client = key.map_or_else(|| Client::Address(address()), Client::Key);
        let mut open = self.open.lock();
        let count = open.entry(client.clone()).or_default();
        if *count >= self.max_open {
            let of = if matches!(client, Client::Key(_)) { "API key" } else { "address" };
            return Err(ApiError::TooManyOfClient { of, max_open: self.max_open });
        }
        *count += 1;
        drop(open);
        Ok(ClientPlace { clients: Arc::clone(self), client })
    }
}

impl Drop for ClientPlace {
    fn drop(&mut self) {
        let mut open = self.clients.open.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn from(address: &str) -> HttpRequest {
        TestRequest::default().peer_addr(address.parse().unwrap()).to_http_request()
    }

    #[actix_web::test]
    async fn a_client_holds_a_bounded_number_of_places() {
        let clients = Clients::new(2);
        let (one, other) = (from("192.0.2.1:1"), from("192.0.2.2:1"));
        let first = clients.enter(&one).unwrap();
        let second = clients.enter(&from("192.0.2.1:2")).unwrap();
        let refused = clients.enter(&one).err().unwrap().to_string();
        assert_eq!(
            refused,
            "too many event streams and long polls of this address: expected at most 2, close some \
             of them or try again later"
        );
        let _other = clients.enter(&other).unwrap();
        drop(first);
        drop(clients.enter(&one).unwrap());
        drop(second);
        assert_eq!(clients.open.lock().len(), 1, "clients without places are forgotten");
    }
}
