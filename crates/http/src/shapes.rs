//! Parameters and responses that several endpoints share, as the OpenAPI document describes them.

pub(crate) mod actions;
pub(crate) mod errors;
pub(crate) mod parameters;
pub(crate) mod projects;
