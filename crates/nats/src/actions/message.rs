//! Payload of requests.

use federation_domain::ActionRequest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A request, as a project receives it:
///
/// ```json
/// {"id":"…","action":"audit.security","project":"docs","params":{},"timeout_ms":30000}
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ActionMessage {
    /// Id of the run.
    pub(crate) id: String,
    /// Name of the action.
    pub(crate) action: String,
    /// Slug of the project.
    pub(crate) project: String,
    /// Parameters, an object.
    pub(crate) params: Value,
    /// Time that the project may take.
    pub(crate) timeout_ms: u64,
}

#[derive(Serialize)]
struct Payload<'a> {
    id: &'a str,
    action: &'a str,
    project: &'a str,
    params: &'a RawValue,
    timeout_ms: u64,
}

impl ActionMessage {
    /// Decodes a payload. Returns `None` if it is not of the expected form.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok().filter(|message: &Self| message.params.is_object())
    }
}

/// Encodes the payload of a request with the id of its run.
pub(super) fn encode(request: &ActionRequest, id: &str) -> serde_json::Result<Vec<u8>> {
    let params: &RawValue = serde_json::from_str(request.order.params.as_json())?;
    serde_json::to_vec(&Payload {
        id,
        action: request.order.action.as_str(),
        project: request.project.as_str(),
        params,
        timeout_ms: u64::try_from(request.timeout().as_millis()).unwrap_or(u64::MAX),
    })
}
