//! Endpoints under `/api/fed/projects`.

pub(crate) mod dependencies;
pub(crate) mod explain;
pub(crate) mod find;
pub(crate) mod heartbeat;
pub(crate) mod history;
pub(crate) mod impact;
pub(crate) mod list;
pub(crate) mod patch;
pub(crate) mod register;
pub(crate) mod register_all;
pub(crate) mod remove;
pub(crate) mod replace;
mod response;
mod unconditional;
