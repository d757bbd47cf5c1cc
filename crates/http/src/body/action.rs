//! The bodies of requests for runs of actions.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{
    ActionOrder, ActionOrderDraft, InvalidValue, MAX_TARGETS, TargetSelection, TargetSelectionDraft,
};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::{Fields, unexpected};
use super::reader::{Limits, MediaTypes, read};
use super::values::{SlugSchema, TagSchema};
use crate::auth::key::KeyDigest;
use crate::error::ApiError;
use crate::wire::project::body::StatusSchema;

/// Enough for the slugs of all targets.
const LIMITS: Limits =
    Limits { bytes: 1024 * 1024, time: Duration::from_secs(30), media_types: MediaTypes::Json };

/// Maximum number of tags and of statuses.
const MAX_TAGS: usize = 50;

/// Maximum number of errors in a response.
const MAX_FAULTS: usize = 100;

/// A run of an action. Unknown keys are refused, because a misspelled one could select more projects
/// than intended.
#[derive(Debug, ToSchema)]
#[schema(
    as = ActionOrder,
    example = json!({
        "action": "audit.security",
        "targets": {"tags": ["finance"], "status": ["online"]},
        "params": {"depth": 2},
        "timeout": "30s"
    })
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct ActionOrderSchema {
    /// Name of the action, which `allow_fanout` of a project must contain.
    #[schema(pattern = "^[a-z0-9_-]+(\\.[a-z0-9_-]+)*$", max_length = 100)]
    action: String,
    /// Projects that are asked.
    targets: TargetsSchema,
    /// Parameters that each project receives: an object of at most 16 KiB.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    params: Option<Value>,
    /// Time that a project may take, from `1s` to `1h`. Defaults to `30s`.
    #[schema(pattern = "^[0-9]+(ms|s|m|h)?$", example = "30s")]
    timeout: Option<String>,
    /// Maximum number of projects that are asked at the same time. Defaults to 50.
    #[schema(minimum = 1, maximum = 1000)]
    max_concurrency: Option<u16>,
    /// The action may be requested twice, as happens if a replica of the service stops meanwhile.
    /// Defaults to false.
    idempotent: Option<bool>,
    /// Ask projects that are known to be offline too. Defaults to false.
    include_offline: Option<bool>,
}

/// Selects projects: those that meet every criterion given, or all.
#[derive(Debug, ToSchema)]
#[schema(as = ActionTargets)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct TargetsSchema {
    /// The project is one of these.
    #[schema(max_items = 10000)]
    slugs: Option<Vec<SlugSchema>>,
    /// The project has one of these tags.
    #[schema(max_items = 50)]
    tags: Option<Vec<TagSchema>>,
    /// The project has one of these statuses.
    #[schema(max_items = 50)]
    status: Option<Vec<StatusSchema>>,
    /// Every project. Excludes the other criteria.
    all: Option<bool>,
}

/// A request for a run.
#[derive(Debug)]
pub(crate) struct ActionBody {
    pub(crate) order: ActionOrder,
    pub(crate) targets: TargetSelection,
    /// Digest of the request, by which a repetition is recognized.
    pub(crate) digest: String,
}

impl FromRequest for ActionBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read(request, payload, LIMITS).await?;
            parse(&body).map_err(|mut faults| {
                faults.truncate(MAX_FAULTS);
                ApiError::Invalid(faults)
            })
        })
    }
}

fn parse(body: &Value) -> Result<ActionBody, Vec<InvalidValue>> {
    const KEYS: &str = "action, targets, params, timeout, max_concurrency, idempotent or \
                        include_offline";
    let mut fields = Fields::of(body)?;
    let draft = ActionOrderDraft {
        action: fields.required_string("action"),
        params: fields.optional_object("params"),
        timeout: fields.optional_string("timeout").map(str::to_owned),
        max_concurrency: fields.optional_number("max_concurrency"),
        idempotent: fields.flag("idempotent"),
        include_offline: fields.flag("include_offline"),
    };
    fields.required_object("targets", "an object");
    fields.refuse_others(KEYS);
    let targets = body.get("targets").filter(|targets| targets.is_object()).map(targets);
    let (order, targets) = match (draft.parse(), targets.transpose()) {
        (Ok(order), Ok(targets)) => (Ok(order), targets),
        (Ok(_), Err(faults)) => (Err(faults), None),
        (Err(mut faults), targets) => {
            faults.extend(targets.err().into_iter().flatten());
            (Err(faults), None)
        }
    };
    let order = fields.finish(order)?;
    let Some(targets) = targets else {
        return Err(vec![unexpected("targets", &Value::Null, "an object")]);
    };
    Ok(ActionBody { order, targets, digest: KeyDigest::of(&body.to_string()).to_hex() })
}

fn targets(value: &Value) -> Result<TargetSelection, Vec<InvalidValue>> {
    let within =
        |fault: InvalidValue| InvalidValue { field: format!("targets.{}", fault.field), ..fault };
    let read = || {
        let mut fields = Fields::of(value)?;
        let draft = TargetSelectionDraft {
            all: fields.flag("all"),
            slugs: fields.optional_strings("slugs", MAX_TARGETS, |_| None).unwrap_or_default(),
            tags: fields.optional_strings("tags", MAX_TAGS, |_| None).unwrap_or_default(),
            statuses: fields.optional_strings("status", MAX_TAGS, |_| None).unwrap_or_default(),
        };
        fields.refuse_others("slugs, tags, status or all");
        fields.finish(Ok(draft))
    };
    let draft = read().map_err(|faults| faults.into_iter().map(within).collect::<Vec<_>>())?;
    draft.parse()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(body: &Value) -> Vec<String> {
        parse(body).unwrap_err().into_iter().map(|fault| fault.to_string()).collect()
    }

    #[test]
    fn a_short_body_has_defaults() {
        let body = parse(&json!({"action": "a.b", "targets": {"all": true}})).unwrap();
        assert_eq!(body.targets, TargetSelection::All);
        assert_eq!(body.order.timeout.to_string(), "30s");
        assert_eq!(body.order.max_concurrency.get(), 50);
        assert_eq!(body.order.params.as_json(), "{}");
        assert!(!body.order.idempotent && !body.order.include_offline);
    }

    #[test]
    fn every_invalid_value_and_every_unknown_key_is_reported() {
        let body = json!({
            "action": "A", "targets": {"tag": ["x"], "slugs": [1], "all": "yes"},
            "timeout": "2h", "idempotant": true, "params": [],
        });
        insta::assert_snapshot!(faults(&body).join("\n"), @r#"
        action: expected at most 100 characters: words of a-z, 0-9, _ and -, joined by dots, such as audit.security, got "A"
        params: expected an object or null, got an array
        timeout: expected 1s to 1h, such as 30s, got "2h"
        targets.all: expected true or false, got "yes"
        targets.slugs[0]: expected a string, got 1
        targets.tag: expected slugs, tags, status or all, got an unknown key
        idempotant: expected action, targets, params, timeout, max_concurrency, idempotent or include_offline, got an unknown key
        "#);
        assert_eq!(faults(&json!({})).len(), 2);
        assert_eq!(faults(&json!({"action": "a.b", "targets": []})).len(), 1);
        assert_eq!(faults(&json!({"action": "a.b", "targets": {}})).len(), 1);
    }

    #[test]
    fn params_of_more_than_16_kibibytes_are_refused() {
        let of = |bytes: usize| {
            json!({"action": "a.b", "targets": {"all": true},
                                       "params": {"a": "x".repeat(bytes - 8)}})
        };
        assert!(parse(&of(16 * 1024)).is_ok());
        assert!(faults(&of(16 * 1024 + 1))[0].starts_with("params: expected an object of at most"));
    }
}
