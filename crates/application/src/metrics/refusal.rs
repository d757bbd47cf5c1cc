//! Why requests are refused for their keys.

/// Why a request over HTTP was refused for its API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// It has none.
    NoKey,
    /// It has several that differ.
    DifferentKeys,
    /// Nobody was given this key.
    UnknownKey,
    /// The key's time is over.
    Expired,
    /// The key was taken back.
    Revoked,
    /// The key does not allow this.
    MissingScope,
    /// The key is bound to other projects.
    OtherProject,
    /// Too many others came from the same address at once.
    TooManyFailures,
}

impl RefusalReason {
    /// The name in metrics and logs.
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
            Self::TooManyFailures => "too_many_failures",
        }
    }
}
