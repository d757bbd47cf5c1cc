//! Authorization of queries.

use async_nats::HeaderMap;
use async_nats::service::error::Error as ServiceError;

/// Header that carries the API key of a query. Its name is matched in any case.
const KEY_HEADER: &str = "Federation-Key";

/// Decides which queries are answered.
pub trait QueryAuthorizer: Send + Sync {
    /// Checks the values of the header `Federation-Key`. `keys` is empty if the query has none.
    ///
    /// # Errors
    /// Returns the reason if the query is rejected.
    fn authorize(&self, keys: &[&str]) -> Result<(), RejectedQuery>;
}

/// A query that is answered with an error instead of projects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedQuery {
    /// Sent in the header `Nats-Service-Error-Code`.
    pub code: u16,
    /// Sent in the header `Nats-Service-Error`. A single line.
    pub reason: String,
}

pub(super) fn authorize(
    authorizer: &dyn QueryAuthorizer,
    headers: Option<&HeaderMap>,
) -> Result<(), ServiceError> {
    let all = headers.into_iter().flat_map(HeaderMap::iter);
    let named = all.filter(|(name, _)| name.to_string().eq_ignore_ascii_case(KEY_HEADER));
    let keys: Vec<&str> =
        named.flat_map(|(_, values)| values).map(|value| value.as_str()).collect();
    authorizer
        .authorize(&keys)
        .map_err(|rejected| ServiceError { code: rejected.code.into(), status: rejected.reason })
}
