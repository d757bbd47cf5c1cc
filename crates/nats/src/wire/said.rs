use federation_domain::Condition;
use serde::Serialize;

/// Reported condition in the form that all messages share. Empty if nothing is reported.
#[derive(Serialize)]
pub(super) struct ReportFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(rename = "degradedReasons", skip_serializing_if = "Option::is_none")]
    degraded_reasons: Option<&'a [String]>,
}

impl<'a> From<Option<&'a Condition>> for ReportFields<'a> {
    fn from(condition: Option<&'a Condition>) -> Self {
        let (status, degraded_reasons) = match condition {
            None | Some(Condition::Unclear) => (None, None),
            Some(Condition::Online) => (Some("online"), None),
            Some(Condition::Degraded { reasons }) => (Some("degraded"), Some(reasons.as_slice())),
        };
        Self { status, degraded_reasons }
    }
}
