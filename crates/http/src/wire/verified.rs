//! The newest check of the endpoints of a project.

use std::collections::BTreeMap;

use federation_application::EndpointCheck;
use federation_domain::EndpointAnswer;
use serde::Serialize;
use utoipa::ToSchema;

use super::timestamp::Timestamp;

/// Newest check of a project at its current hub URL, as seen by the replica that responds. It never
/// changes the status of the project.
#[derive(Serialize, ToSchema)]
#[schema(as = VerifiedEndpoint)]
pub(crate) struct VerifiedBody<'a> {
    /// Time at which the project had answered or was given up.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:00:00.000000Z")]
    last_verified_at: Timestamp,
    /// True if `/health` or `/api/capabilities` responded with success.
    reachable: bool,
    /// Reason why the project is not reachable.
    #[schema(required, example = "no answer within 5 s")]
    failure: Option<&'a str>,
    /// Milliseconds from the first request to the first success. Null if the project is not
    /// reachable.
    #[schema(required)]
    latency_ms: Option<f64>,
    /// Version that the project stated. Null if it stated none or is not reachable.
    #[schema(required)]
    version: Option<&'a str>,
    /// Tools that the project stated. Empty if it is not reachable.
    tools: &'a [String],
    /// Paths of its endpoints by name. Empty if it is not reachable.
    endpoints: BTreeMap<&'a str, &'a str>,
}

impl<'a> From<&'a EndpointCheck> for VerifiedBody<'a> {
    fn from(verified: &'a EndpointCheck) -> Self {
        let answer = verified.answer.as_ref().ok();
        let endpoints = answer.into_iter().flat_map(|answer| &answer.endpoints);
        Self {
            last_verified_at: Timestamp(verified.at),
            reachable: answer.is_some(),
            failure: verified.answer.as_ref().err().map(|error| error.reason.as_str()),
            latency_ms: answer.map(EndpointAnswer::latency_ms),
            version: answer.and_then(|answer| answer.facts.version()),
            tools: answer.map_or(&[], |answer| answer.facts.tools()),
            endpoints: endpoints.map(|(name, path)| (name.as_str(), path.as_str())).collect(),
        }
    }
}

/// Adds the newest check to the JSON object of a project.
pub(crate) fn append(json: &mut Vec<u8>, verified: Option<&EndpointCheck>) {
    #[derive(Serialize)]
    struct Verification<'a> {
        verified: Option<VerifiedBody<'a>>,
    }

    super::extend_object(json, &Verification { verified: verified.map(VerifiedBody::from) });
}
