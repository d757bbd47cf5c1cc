//! The sender of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest};
use federation_domain::Actor;

use super::grant::Grant;

/// Sender of a request: the API key that admitted it, if the service has keys.
pub(crate) struct Caller {
    key: Option<String>,
}

impl Caller {
    /// Returns the id of the key.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Returns the actor of the changes that the request makes.
    pub(crate) fn actor(&self) -> Actor {
        Actor::of_key(self.key())
    }
}

impl FromRequest for Caller {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let extensions = request.extensions();
        let key = extensions.get::<Grant>().map(|grant| grant.key_id().to_owned());
        ready(Ok(Self { key }))
    }
}
