//! A whole list as JSON, and what belongs to it.

use actix_web::HttpRequest;
use actix_web::http::header::EntityTag;
use actix_web::web::{self, Bytes};
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::coding::Coding;
use crate::conditions::held_by;
use crate::error::ApiError;

/// A list with its tag, and its coded forms as far as somebody asked for them.
pub(crate) struct Written {
    json: Bytes,
    link: Option<String>,
    /// The same for the same bytes and link, on all replicas.
    hash: u128,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl Written {
    /// Looks at all of it; not for a worker's thread. A page has a link: it may get a next one while
    /// its body stays as it is, and who has the page has to hear of that.
    pub(super) fn new(json: Bytes, link: Option<String>) -> Self {
        let seed = link.as_ref().map_or(0, |link| xxh3_64(link.as_bytes()));
        let hash = xxh3_128_with_seed(&json, seed);
        Self { json, link, hash, gzip: OnceCell::new(), zstd: OnceCell::new() }
    }

    /// The header `Link` of a page.
    pub(crate) fn link(&self) -> Option<&str> {
        self.link.as_deref()
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
        held_by(request, Coding::ALL.map(|coding| self.tag(coding)))
    }
}
