//! Reasons for refusing requests because of their API keys.

/// Reason why an HTTP request was refused because of its API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthFailureReason {
    /// The request has no key.
    NoKey,
    /// The request has several different keys.
    DifferentKeys,
    /// No such key exists.
    UnknownKey,
    /// The key has expired.
    Expired,
    /// The key was revoked.
    Revoked,
    /// The key lacks the required scope.
    MissingScope,
    /// The key is bound to other projects.
    OtherProject,
    /// It changes something, has a session instead of a key, and may come from another site.
    CrossOrigin,
    /// Too many failed requests arrived from the same address.
    TooManyFailures,
}

impl AuthFailureReason {
    /// Name in metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::DifferentKeys => "different_keys",
            Self::UnknownKey => "unknown_key",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::MissingScope => "missing_scope",
            Self::OtherProject => "other_project",
            Self::CrossOrigin => "cross_origin",
            Self::TooManyFailures => "too_many_failures",
        }
    }
}
