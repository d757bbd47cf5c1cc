//! What files that the service reads and the command line writes have in common.

pub(crate) mod replace;
mod stamp;
mod watch;

use self::stamp::Stamp;
pub(crate) use self::watch::Watch;
