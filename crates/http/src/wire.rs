//! The JSON bodies of responses. Request bodies are in `body`, query parameters in `params`.

pub(crate) mod action;
pub(crate) mod alert;
pub(crate) mod badge;
pub(crate) mod change;
pub(crate) mod csv;
pub(crate) mod entry;
pub(crate) mod explanation;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod instance;
pub(crate) mod kpis;
pub(crate) mod maintenance;
pub(crate) mod notification;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod series;
pub(crate) mod timestamp;
pub(crate) mod uptime;
pub(crate) mod verified;

/// Adds the keys of an object, which has at least one, to a JSON object that has at least one.
fn extend_object(json: &mut Vec<u8>, more: &impl serde::Serialize) {
    json.pop();
    json.push(b',');
    let start = json.len();
    // Writing to a Vec cannot fail.
    let _ = serde_json::to_writer(&mut *json, more);
    // The opening brace of the appended object.
    json.remove(start);
}
