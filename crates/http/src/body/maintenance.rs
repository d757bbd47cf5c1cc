//! The body of a maintenance window.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{
    InvalidValue, MaintenanceDraft, WeeklyDraft, parse_observed_at, parse_period,
};
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::fields::unexpected;
use super::reader::{SINGLE, read};
use super::values::{SlugSchema, TagSchema};
use crate::error::ApiError;

/// A maintenance window. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(
    as = NewMaintenanceWindow,
    example = json!({"tags": ["db"], "duration": "2h", "reason": "new disks"})
)]
#[expect(dead_code, reason = "the schema of the document; values are read one by one")]
pub(crate) struct MaintenanceSchema {
    /// Apply to all projects. Otherwise at least one project or tag is required.
    all: Option<bool>,
    /// Slugs of projects.
    #[schema(max_items = 1000)]
    projects: Option<Vec<SlugSchema>>,
    /// Tags of projects.
    #[schema(max_items = 50)]
    tags: Option<Vec<TagSchema>>,
    /// Start (RFC 3339). Now if absent.
    from: Option<String>,
    /// End (RFC 3339).
    until: Option<String>,
    /// Duration, such as `90m` or `2h`, instead of an end.
    #[schema(pattern = "^[0-9]+(s|m|h|d)$")]
    duration: Option<String>,
    /// Recurrence within each week. A window that recurs needs no end.
    weekly: Option<WeeklySchema>,
    /// Reason.
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: String,
}

/// A part of each week.
#[derive(Debug, ToSchema)]
#[schema(
    as = Weekly,
    example = json!({"days": ["sun"], "at": "02:30", "duration": "2h", "zone": "Europe/Berlin"})
)]
#[expect(dead_code, reason = "the schema of the document; values are read one by one")]
pub(crate) struct WeeklySchema {
    /// Days: `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`.
    #[schema(min_items = 1, max_items = 7)]
    days: Vec<String>,
    /// Local time at which the window opens.
    #[schema(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    at: String,
    /// Duration of at most 24 hours.
    duration: String,
    /// IANA name of the time zone.
    zone: String,
}

/// A window from a request body.
#[derive(Debug)]
pub(crate) struct MaintenanceBody(pub(crate) MaintenanceDraft);

impl FromRequest for MaintenanceBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read(request, payload, SINGLE).await?;
            parse(&body).map(Self).map_err(ApiError::Invalid)
        })
    }
}

fn parse(body: &Value) -> Result<MaintenanceDraft, Vec<InvalidValue>> {
    let Value::Object(object) = body else {
        return Err(vec![unexpected("body", body, "an object")]);
    };
    let mut keys = Keys { object, prefix: "", faults: Vec::new() };
    let all = keys.read("all", "a boolean", |value| value.as_bool().map(Ok));
    let mut draft = MaintenanceDraft {
        all: all.unwrap_or_default(),
        projects: keys.strings("projects"),
        tags: keys.strings("tags"),
        from: keys.time("from"),
        until: keys.time("until"),
        duration: keys.duration("duration"),
        weekly: None,
        reason: keys.text("reason").unwrap_or_default(),
    };
    let mut faults = keys.faults;
    match object.get("weekly") {
        None | Some(Value::Null) => {}
        Some(Value::Object(weekly)) => {
            let mut keys = Keys { object: weekly, prefix: "weekly.", faults: Vec::new() };
            draft.weekly = Some(WeeklyDraft {
                days: keys.strings("days"),
                at: keys.text("at").unwrap_or_default(),
                duration: keys.duration("duration"),
                zone: keys.text("zone").unwrap_or_default(),
            });
            faults.append(&mut keys.faults);
        }
        Some(other) => faults.push(unexpected("weekly", other, "an object or null")),
    }
    if faults.is_empty() { Ok(draft) } else { Err(faults) }
}

/// The keys of an object, with the errors found so far.
struct Keys<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
    faults: Vec<InvalidValue>,
}

impl Keys<'_> {
    /// Reads an optional value. Null counts as absent. `parse` returns `None` for a wrong type.
    fn read<T>(
        &mut self,
        key: &str,
        allowed: &str,
        parse: impl FnOnce(&Value) -> Option<Result<T, InvalidValue>>,
    ) -> Option<T> {
        let value = self.object.get(key).filter(|value| !value.is_null())?;
        let field = format!("{}{key}", self.prefix);
        match parse(value) {
            Some(Ok(parsed)) => Some(parsed),
            Some(Err(fault)) => {
                self.faults.push(InvalidValue { field, ..fault });
                None
            }
            None => {
                self.faults.push(unexpected(&field, value, allowed));
                None
            }
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, "a string", |value| value.as_str().map(|text| Ok(text.to_owned())))
    }

    fn time(&mut self, key: &str) -> Option<OffsetDateTime> {
        self.read(key, "a time", |value| Some(parse_observed_at(key, value.as_str()?)))
    }

    fn duration(&mut self, key: &str) -> Option<Duration> {
        let allowed = "a duration such as 90m or 2h";
        self.read(key, allowed, |value| {
            let text = value.as_str()?;
            Some(parse_period(text).ok_or_else(|| InvalidValue::new(key, text, allowed)))
        })
    }

    fn strings(&mut self, key: &str) -> Vec<String> {
        let strings = |value: &Value| {
            let items = value.as_array()?;
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        };
        self.read(key, "an array of strings", |value| strings(value).map(Ok)).unwrap_or_default()
    }
}
