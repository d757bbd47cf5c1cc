//! Badges: small pictures of the state of a project, for documents of others.

use std::time::Duration;

use federation_domain::Project;

use crate::slot::Slots;

/// Period for which a badge is served and may be cached.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(30);

/// Maximum number of cached badges.
const CACHED: usize = 1_000;

/// Tag of the projects whose badges are public.
const PUBLIC: &str = "public";

/// Projects whose badges are served. They need no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadgePolicy {
    /// None.
    #[default]
    Off,
    /// Those with the tag `public`.
    Public,
    /// All.
    All,
}

impl BadgePolicy {
    /// Parses a policy.
    ///
    /// # Errors
    /// Returns what is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        match text.trim() {
            "off" => Ok(Self::Off),
            "public" => Ok(Self::Public),
            "all" => Ok(Self::All),
            _ => Err("expected off, public or all"),
        }
    }

    fn allows(self, project: &Project) -> bool {
        match self {
            Self::Off => false,
            Self::Public => project.tags.iter().any(|tag| tag == PUBLIC),
            Self::All => true,
        }
    }
}

/// The badges of the service.
pub(crate) struct Badges {
    policy: BadgePolicy,
    pub(crate) slots: Slots,
}

impl Badges {
    pub(crate) fn new(policy: BadgePolicy) -> Self {
        Self { policy, slots: Slots::new(FRESH_FOR, CACHED) }
    }

    pub(crate) fn are_off(&self) -> bool {
        self.policy == BadgePolicy::Off
    }

    /// Returns `true` if everybody may see the badges of a project.
    pub(crate) fn shows(&self, project: &Project) -> bool {
        self.policy.allows(project)
    }
}
