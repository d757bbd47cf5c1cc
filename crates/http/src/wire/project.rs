//! A project, complete or reduced to selected fields.

pub(crate) mod body;
pub(crate) mod fields;
pub(crate) mod part;
pub(crate) mod write;
