//! Facts about the instance of a project.

use federation_domain::InstanceFacts;
use serde::Serialize;

#[derive(Serialize)]
struct InstanceBody<'a> {
    version: Option<&'a str>,
    tools: &'a [String],
    capabilities: &'a [String],
}

/// Adds facts to the JSON object of a project.
pub(crate) fn append(json: &mut Vec<u8>, facts: Option<&InstanceFacts>) {
    let body = InstanceBody {
        version: facts.and_then(InstanceFacts::version),
        tools: facts.map_or(&[], InstanceFacts::tools),
        capabilities: facts.map_or(&[], InstanceFacts::capabilities),
    };
    super::extend_object(json, &body);
}
