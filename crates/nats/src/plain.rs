//! Subjects on which only the payload names the project.

use crate::connection::Connection;

/// Acceptance of messages on subjects that no project owns, such as `integration.edge`. Only their
/// payload names the project, so any client of the bus could speak for any project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlainSubjects {
    /// Accept them while the server requires no authentication, because any subject can be forged
    /// there anyway.
    #[default]
    Auto,
    /// Accept them always.
    On,
    /// Refuse them.
    Off,
}

impl PlainSubjects {
    /// Returns `true` if messages on these subjects are accepted on this connection now.
    pub(crate) fn are_accepted(self, connection: &Connection) -> bool {
        match self {
            Self::On => true,
            Self::Off => false,
            Self::Auto => {
                let info = connection.client.try_server_info();
                info.is_some_and(|info| !info.auth_required)
            }
        }
    }
}
