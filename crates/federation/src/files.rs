//! What files that the service reads and the command line writes have in common.

pub(crate) mod replace;
mod stamp;

pub(crate) use self::stamp::Stamp;
