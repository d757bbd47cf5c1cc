//! Request bodies.
//!
//! `reader` checks size, media type, encoding and syntax. Each other module parses one kind of body
//! and describes it for the OpenAPI document.

pub(crate) mod action;
pub(crate) mod bulk;
pub(crate) mod comment;
pub(crate) mod edge;
mod fields;
pub(crate) mod heartbeat;
mod json;
pub(crate) mod maintenance;
pub(crate) mod patch;
mod reader;
pub(crate) mod registration;
pub(crate) mod replacement;
pub(crate) mod samples;
pub(crate) mod values;
