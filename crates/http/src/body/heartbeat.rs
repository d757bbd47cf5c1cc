//! The body of a heartbeat over HTTP.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{Condition, InvalidValue};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::values::SlugSchema;
use crate::error::ApiError;

/// The most reasons that are read; fewer are kept.
const MAX_REASONS: usize = 1000;

/// What a project says of itself. All of it is optional, the body too: without it the project is
/// well. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(
    as = Heartbeat,
    example = json!({"status": "degraded", "degradedReasons": ["queue backlog"]})
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct HeartbeatSchema {
    /// If it is given, the slug of the path: nobody speaks for another.
    project_slug: Option<SlugSchema>,
    /// How it is.
    status: Option<ConditionSchema>,
    /// Why it is degraded, in its own words; the first 10 are kept, 200 characters of each.
    /// Ignored unless it says that it is degraded.
    #[serde(rename = "degradedReasons")]
    #[schema(max_items = 1000)]
    degraded_reasons: Option<Vec<String>>,
}

/// How a project can say that it is; that it is offline is for others to find.
#[derive(Debug, ToSchema)]
#[schema(as = Condition)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) enum ConditionSchema {
    /// All is well.
    Online,
    /// It works, but not well.
    Degraded,
}

/// What a heartbeat says of its project, if it says anything.
#[derive(Debug, PartialEq)]
pub(crate) struct HeartbeatBody(pub(crate) Option<Condition>);

impl FromRequest for HeartbeatBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            match super::read(request.clone(), payload, super::USUAL).await? {
                None | Some(Value::Null) => Ok(Self(None)),
                Some(body) => parse(&body, request.match_info().get("slug").unwrap_or_default()),
            }
        })
    }
}

/// Reads what a project said on the path of this slug. As on the bus, nobody speaks for another.
fn parse(body: &Value, slug: &str) -> Result<HeartbeatBody, ApiError> {
    let mut fields = Fields::of(body).map_err(ApiError::Invalid)?;
    let named = fields.optional_string("project_slug");
    let status = fields.optional_string("status");
    let reasons = fields.optional_strings("degradedReasons", MAX_REASONS, |_any| None);
    if let Some(other) = named.filter(|&named| named != slug) {
        return Err(ApiError::Spoofed(InvalidValue::new(
            "project_slug",
            other,
            "the slug of the path",
        )));
    }
    let condition = match status {
        None => Ok(None),
        Some("online") => Ok(Some(Condition::Online)),
        Some("degraded") => Ok(Some(Condition::Degraded { reasons: reasons.unwrap_or_default() })),
        Some(other) => Err(vec![InvalidValue::new("status", other, "online or degraded")]),
    };
    fields.finish(condition).map(HeartbeatBody).map_err(ApiError::Invalid)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_heartbeat_may_say_how_its_project_is() {
        let degraded = |reasons: &[&str]| {
            let reasons = reasons.iter().map(ToString::to_string).collect();
            Some(Condition::Degraded { reasons })
        };
        let parse = |body: &Value| super::parse(body, "a").unwrap().0;
        let full = json!({"status": "degraded", "degradedReasons": ["a", "b"], "latencyMs": 812});
        assert_eq!(parse(&full), degraded(&["a", "b"]));
        assert_eq!(parse(&json!({"status": "degraded"})), degraded(&[]));
        assert_eq!(parse(&json!({"status": "online"})), Some(Condition::Online));
        assert_eq!(parse(&json!({"status": null, "degradedReasons": null})), None);
        assert_eq!(parse(&json!({"project_slug": "a"})), None);
        assert_eq!(parse(&json!({})), None);
    }

    #[test]
    fn what_makes_no_sense_is_named_whole() {
        let body = json!({"status": "offline", "degradedReasons": ["a", 1]});
        let Err(ApiError::Invalid(faults)) = parse(&body, "a") else { panic!("it was accepted") };
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.field).collect();
        assert_eq!(faults, ["status", "degradedReasons[1]"]);
        assert!(parse(&json!([]), "a").is_err());
    }

    #[test]
    fn nobody_speaks_for_another() {
        let error = parse(&json!({"project_slug": "b"}), "a").unwrap_err();
        assert!(matches!(error, ApiError::Spoofed(_)), "{error}");
        assert!(error.to_string().contains("project_slug"), "{error}");
    }
}
