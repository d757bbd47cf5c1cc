//! The JSON bodies of responses. Request bodies are in `body`, query parameters in `params`.

pub(crate) mod change;
pub(crate) mod csv;
pub(crate) mod entry;
pub(crate) mod explanation;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod kpis;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod series;
pub(crate) mod timestamp;
