//! Maintenance windows. Each endpoint has a file.

pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod replace;
#[cfg(test)]
mod tests;
