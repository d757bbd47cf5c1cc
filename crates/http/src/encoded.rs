//! A complete body of a list or graph as JSON, with its entity tag and compressed forms.

use actix_web::HttpRequest;
use actix_web::http::header::EntityTag;
use actix_web::web::{self, Bytes};
use tokio::sync::OnceCell;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

use crate::coding::Coding;
use crate::conditions::held_by;
use crate::error::ApiError;

/// An encoded body. Each compressed form is created on first use.
pub(crate) struct EncodedBody {
    json: Bytes,
    link: Option<String>,
    /// Hash of the JSON and the link. Equal lists have equal hashes on all replicas.
    hash: u128,
    gzip: OnceCell<Bytes>,
    zstd: OnceCell<Bytes>,
}

impl EncodedBody {
    /// Hashes the whole list, so this must not run on a worker thread.
    ///
    /// The link of a page is part of the hash: a page may get a successor while its body stays the
    /// same, and clients that hold the page must learn of the successor.
    pub(crate) fn new(json: Bytes, link: Option<String>) -> Self {
        let seed = link.as_ref().map_or(0, |link| xxh3_64(link.as_bytes()));
        let hash = xxh3_128_with_seed(&json, seed);
        Self { json, link, hash, gzip: OnceCell::new(), zstd: OnceCell::new() }
    }

    /// Returns the header `Link` of a page.
    pub(crate) fn link(&self) -> Option<&str> {
        self.link.as_deref()
    }

    pub(crate) fn json(&self) -> &Bytes {
        &self.json
    }

    /// Returns the list in this coding, encoding it at most once for all requests.
    ///
    /// # Errors
    /// Fails if memory or a thread for encoding is not available.
    pub(crate) async fn body(&self, coding: Coding) -> Result<Bytes, ApiError> {
        let form = match coding {
            Coding::Identity => return Ok(self.json.clone()),
            Coding::Gzip => &self.gzip,
            Coding::Zstd => &self.zstd,
        };
        let encode = async || {
            let json = self.json.clone();
            let coded = web::block(move || coding.encode(&json)).await;
            coded.map_err(ApiError::internal)?.map_err(ApiError::internal)
        };
        form.get_or_try_init(encode).await.cloned()
    }

    /// Returns the entity tag of the list in this coding. Each coding has a tag of its own.
    pub(crate) fn tag(&self, coding: Coding) -> EntityTag {
        EntityTag::new_strong(match coding.name() {
            None => format!("{:032x}", self.hash),
            Some(name) => format!("{:032x}-{name}", self.hash),
        })
    }

    /// Returns the tag under which the client already holds this list, in any coding.
    pub(crate) fn held_tag(&self, request: &HttpRequest) -> Option<EntityTag> {
        held_by(request, Coding::ALL.map(|coding| self.tag(coding)))
    }
}
