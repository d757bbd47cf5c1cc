//! The body of a heartbeat over HTTP.

use std::borrow::Cow;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{Condition, InstanceReport, InvalidValue, ReportedStatus};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::fields::Fields;
use super::reader::{SINGLE, read_optional};
use super::values::SlugSchema;
use crate::error::ApiError;

/// Maximum number of reasons that a body may contain. Fewer are stored.
const MAX_REASONS: usize = 1000;

/// Health reported by a project. The body and all keys are optional; without them the project is
/// healthy. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(
    as = Heartbeat,
    example = json!({"status": "degraded", "degradedReasons": ["queue backlog"]})
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct HeartbeatSchema {
    /// Must match the slug in the path, if given.
    project_slug: Option<SlugSchema>,
    status: Option<ConditionSchema>,
    /// Why the project is degraded. The first 10 reasons are kept, with 200 characters each. Without
    /// a `status` they mean that the project is degraded. Ignored if `status` says that it is healthy.
    /// The spelling `degraded_reasons` is accepted too.
    #[serde(rename = "degradedReasons")]
    #[schema(max_items = 1000)]
    degraded_reasons: Option<Vec<String>>,
    /// Version of the program. The first 100 characters are kept. A change is logged.
    version: Option<String>,
    /// Tools that the project uses. The first 50 are kept, with 100 characters each.
    #[schema(max_items = 1000)]
    tools: Option<Vec<String>>,
    /// Capabilities that the project offers. The first 50 are kept, with 100 characters each.
    #[schema(max_items = 1000)]
    capabilities: Option<Vec<String>>,
}

/// Health that a project can report.
#[derive(Debug)]
pub(crate) struct ConditionSchema;

impl ToSchema for ConditionSchema {
    fn name() -> Cow<'static, str> {
        "Condition".into()
    }
}

impl PartialSchema for ConditionSchema {
    /// The words in lower case, for generated clients, or in any other case.
    fn schema() -> RefOr<Schema> {
        let any_case = |word: &str| -> String {
            word.chars().map(|c| format!("[{c}{}]", c.to_ascii_uppercase())).collect()
        };
        let pattern: Vec<String> = ReportedStatus::words().map(any_case).collect();
        let text = || ObjectBuilder::new().schema_type(Type::String);
        AnyOfBuilder::new()
            .item(text().enum_values(Some(ReportedStatus::words())))
            .item(text().pattern(Some(format!("^({})$", pattern.join("|")))))
            .description(Some(
                "The health of the project, in any case. `online`, `ok`, `up`, `healthy`, `pass` and \
                 `passing` mean that it is healthy. The other words mean that it is degraded; those \
                 other than `degraded` are added to the reasons. A project that sends heartbeats is \
                 not offline, so `offline` means degraded too.",
            ))
            .into()
    }
}

/// The content of a heartbeat body.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct HeartbeatBody {
    pub(crate) condition: Option<Condition>,
    pub(crate) instance: InstanceReport<'static>,
}

impl FromRequest for HeartbeatBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            match read_optional(request.clone(), payload, SINGLE).await? {
                None | Some(Value::Null) => Ok(Self::default()),
                Some(body) => parse(&body, request.match_info().get("slug").unwrap_or_default()),
            }
        })
    }
}

/// Parses a heartbeat for the project with this slug. As on the bus, a heartbeat that names another
/// project is rejected.
fn parse(body: &Value, slug: &str) -> Result<HeartbeatBody, ApiError> {
    let mut fields = Fields::of(body).map_err(ApiError::Invalid)?;
    let named = fields.optional_string("project_slug");
    let status = fields.optional_string("status");
    let mut reasons = |field| fields.optional_strings(field, MAX_REASONS, |_any| None);
    let (camel_case, snake_case) = (reasons("degradedReasons"), reasons("degraded_reasons"));
    let reasons = camel_case.or(snake_case).unwrap_or_default();
    let version = fields.optional_string("version").map(Cow::Borrowed);
    let mut texts = |field| fields.optional_strings(field, MAX_REASONS, |_any| None);
    let (tools, capabilities) = (texts("tools"), texts("capabilities"));
    let instance = InstanceReport { version, tools, capabilities }.bounded();
    if let Some(other) = named.filter(|&named| named != slug) {
        return Err(ApiError::Spoofed(InvalidValue::new(
            "project_slug",
            other,
            "the slug in the path",
        )));
    }
    let condition = match status.map(ReportedStatus::parse).transpose() {
        Ok(status) => Ok(ReportedStatus::condition(status, reasons)),
        Err(invalid) => Err(vec![invalid]),
    };
    let condition = fields.finish(condition).map_err(ApiError::Invalid)?;
    Ok(HeartbeatBody { condition, instance })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_heartbeat_may_report_the_condition_of_its_project() {
        let degraded = |reasons: &[&str]| {
            let reasons = reasons.iter().map(ToString::to_string).collect();
            Some(Condition::Degraded { reasons })
        };
        let parse = |body: &Value| super::parse(body, "a").unwrap().condition;
        let full = json!({"status": "degraded", "degradedReasons": ["a", "b"], "latencyMs": 812});
        assert_eq!(parse(&full), degraded(&["a", "b"]));
        assert_eq!(parse(&json!({"status": "degraded"})), degraded(&[]));
        assert_eq!(parse(&json!({"status": "online"})), Some(Condition::Online));
        assert_eq!(parse(&json!({"status": null, "degradedReasons": null})), None);
        assert_eq!(parse(&json!({"status": "DOWN"})), degraded(&["down"]));
        assert_eq!(parse(&json!({"status": "Healthy"})), Some(Condition::Online));
        assert_eq!(parse(&json!({"degradedReasons": ["a"]})), degraded(&["a"]));
        assert_eq!(parse(&json!({"degraded_reasons": ["a"]})), degraded(&["a"]));
        assert_eq!(parse(&json!({"degradedReasons": []})), None);
        assert_eq!(parse(&json!({"project_slug": "a"})), None);
        assert_eq!(parse(&json!({})), None);
    }

    #[test]
    fn the_document_allows_every_word_in_any_case() {
        let schema = serde_json::to_value(ConditionSchema::schema()).unwrap();
        let words: Vec<&str> = ReportedStatus::words().collect();
        assert_eq!(schema["anyOf"][0]["enum"], json!(words));
        let pattern = schema["anyOf"][1]["pattern"].as_str().unwrap();
        assert!(pattern.starts_with("^([oO][nN][lL][iI][nN][eE]|[oO][kK]|"), "{pattern}");
        assert_eq!(pattern.matches('|').count(), words.len() - 1);
    }

    #[test]
    fn every_invalid_key_is_reported() {
        let body = json!({"status": "asleep", "degradedReasons": ["a", 1]});
        let Err(ApiError::Invalid(faults)) = parse(&body, "a") else { panic!("expected an error") };
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.field).collect();
        assert_eq!(faults, ["status", "degradedReasons[1]"]);
        assert!(parse(&json!([]), "a").is_err());
    }

    #[test]
    fn a_heartbeat_for_another_project_is_rejected() {
        let error = parse(&json!({"project_slug": "b"}), "a").unwrap_err();
        assert!(matches!(error, ApiError::Spoofed(_)), "{error}");
        assert!(error.to_string().contains("project_slug"), "{error}");
    }
}
