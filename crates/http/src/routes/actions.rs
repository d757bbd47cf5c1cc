//! Runs of actions.

pub(crate) mod cancel;
pub(crate) mod create;
pub(crate) mod find;
pub(crate) mod list;
#[cfg(test)]
mod tests;
