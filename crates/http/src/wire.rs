//! The JSON bodies of responses. Request bodies are in `body`, query parameters in `params`.

pub(crate) mod change;
pub(crate) mod entry;
pub(crate) mod explanation;
pub(crate) mod history;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod timestamp;
