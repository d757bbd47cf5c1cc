//! The graph.

pub(crate) mod path;
mod response;
pub(crate) mod summary;
#[cfg(test)]
mod tests;
pub(crate) mod view;

pub(crate) use response::respond;
