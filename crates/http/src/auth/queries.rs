//! Checks the API keys of queries that arrive over another transport.

use federation_application::Metrics;

use super::authenticator::Auth;
use super::error::AuthError;
use super::scope::Scope;

/// A query that is rejected because of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRejection {
    /// HTTP status: 401 without a valid key, 403 without the scope `read`.
    pub status: u16,
    /// Error message for the client.
    pub detail: String,
}

impl Auth {
    /// Checks the keys presented with a query, which needs the scope `read`. Repeats of one key are
    /// allowed.
    ///
    /// # Errors
    /// Fails if there is no valid key. The rejection is counted in `metrics`.
    pub fn authorize_query(
        &self,
        presented: &[&str],
        metrics: &Metrics,
    ) -> Result<(), QueryRejection> {
        self.check_query(presented).map_err(|error| {
            metrics.request_refused(error.reason());
            let detail = if error == AuthError::NoKey {
                "an API key is required: send it in the header Federation-Key".to_owned()
            } else {
                error.to_string()
            };
            QueryRejection { status: error.status().as_u16(), detail }
        })
    }

    fn check_query(&self, presented: &[&str]) -> Result<(), AuthError> {
        let mut texts = presented.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let first = texts.next().ok_or(AuthError::NoKey)?;
        if texts.any(|text| text != first) {
            return Err(AuthError::TwoKeys);
        }
        let key = self.keys.find(first).ok_or(AuthError::UnknownKey)?;
        self.admit(&key, Scope::Read)
    }
}
