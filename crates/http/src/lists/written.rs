//! A whole list as JSON, and what belongs to it.

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::http::header::{EntityTag, IfNoneMatch};
use actix_web::web::{self, Bytes};
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::xxh3_128;

use crate::coding::Coding;
use crate::error::ApiError;

/// A list with its tag, and its coded forms as far as somebody asked for them.
pub(crate) struct Written {
    json: Bytes,
    /// The same for the same bytes, on all replicas.
    hash: u128,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl Written {
    /// Looks at all of it; not for a worker's thread.
    pub(super) fn new(json: Bytes) -> Self {
        let hash = xxh3_128(&json);
        Self { json, hash, gzip: OnceCell::new(), zstd: OnceCell::new() }
    }

    pub(crate) fn json(&self) -> &Bytes {
        &self.json
    }

    /// The list in this form; made once, for all who ask.
    ///
    /// # Errors
    /// When there is no memory or no thread for it.
    pub(crate) async fn body(&self, coding: Coding) -> Result<Bytes, ApiError> {
        let form = match coding {
            Coding::Identity => return Ok(self.json.clone()),
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let make = async || {
            let json = self.json.clone();
            let coded = web::block(move || coding.encode(&json)).await;
            let coded = coded.map_err(|error| ApiError::Internal(error.into()))?;
            coded.map_err(|error| ApiError::Internal(error.into()))
        };
        form.get_or_try_init(make).await.cloned()
    }

    /// The tag of this form: one of other bytes is another one.
    pub(crate) fn tag(&self, coding: Coding) -> EntityTag {
        EntityTag::new_strong(match coding.name() {
            None => format!("{:032x}", self.hash),
            Some(name) => format!("{:032x}-{name}", self.hash),
        })
    }

    /// The tag by which the caller has this list already, in whichever form.
    pub(crate) fn known_as(&self, request: &HttpRequest) -> Option<EntityTag> {
        match request.get_header::<IfNoneMatch>()? {
            IfNoneMatch::Any => Some(self.tag(Coding::Identity)),
            IfNoneMatch::Items(known) => Coding::ALL
                .map(|coding| self.tag(coding))
                .into_iter()
                .find(|tag| known.iter().any(|known| known.weak_eq(tag))),
        }
    }
}
