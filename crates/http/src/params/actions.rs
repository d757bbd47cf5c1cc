//! Parameters of runs of actions.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest, web};
use federation_domain::{
    ActionName, Actor, IdempotencyKey, InvalidValue, MAX_TARGETS, RunFilter, RunId, RunStatus, Slug,
};
use utoipa::IntoParams;

use super::filters::OrCollect as _;
use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;

/// Default and maximum number of runs on a page.
const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 200;

/// The run in a path. A text that is not an id is answered as an unknown run.
#[derive(Debug)]
pub(crate) struct RunPath(pub(crate) RunId);

impl FromRequest for RunPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let text = web::Path::<String>::extract(request).into_inner();
        let text = text.map(web::Path::into_inner).map_err(|_| ApiError::PathNotFound);
        let id = |text: String| RunId::parse(&text).map_err(|_| ApiError::no_run(&text));
        ready(text.and_then(id).map(Self))
    }
}

/// Parameters and headers of a request that creates a run.
#[derive(Debug)]
pub(crate) struct CreateParams {
    pub(crate) dry_run: bool,
    pub(crate) key: Option<IdempotencyKey>,
}

impl FromRequest for CreateParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut faults = Vec::new();
        let dry_run = dry_run(request.query_string()).or_collect(&mut faults);
        let key = key(request.headers()).or_collect(&mut faults);
        ready(match faults.is_empty() {
            true => Ok(Self { dry_run, key }),
            false => Err(ApiError::Invalid(faults)),
        })
    }
}

fn dry_run(query: &str) -> Result<bool, InvalidValue> {
    match Pairs::of(query).once("dry_run")?.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(InvalidValue::new("dry_run", other, "true or false")),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, InvalidValue> {
    const NAME: &str = "Idempotency-Key";
    let mut given = headers.get_all(NAME);
    let Some(first) = given.next() else { return Ok(None) };
    let text = String::from_utf8_lossy(first.as_bytes());
    if given.next().is_some() {
        return Err(InvalidValue::new(NAME, &text, "a single value"));
    }
    IdempotencyKey::parse(&text).map(Some)
}

/// Selects runs and a page of them.
#[derive(Debug)]
pub(crate) struct RunListParams {
    pub(crate) filter: RunFilter,
    pub(crate) limit: usize,
}

impl FromRequest for RunListParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(list(request.query_string()).map_err(ApiError::Invalid))
    }
}

fn list(query: &str) -> Result<RunListParams, Vec<InvalidValue>> {
    let pairs = Pairs::of(query);
    let mut faults = Vec::new();
    let once = |name: &str| pairs.once(name);
    let action =
        once("action").and_then(|given| given.map(|text| ActionName::parse(&text)).transpose());
    let before = once("before").and_then(|given| {
        let renamed = |fault| InvalidValue { field: "before".to_owned(), ..fault };
        given.map(|text| RunId::parse(&text).map_err(renamed)).transpose()
    });
    let statuses = pairs.all("status").and_then(|given| {
        given.iter().flat_map(|text| text.split(',')).map(RunStatus::parse).collect()
    });
    let limit = number(&pairs, "limit", 1..=MAX_LIMIT, "a whole number from 1 to 200");
    let filter = RunFilter {
        action: action.or_collect(&mut faults),
        statuses: Result::<Vec<_>, _>::or_collect(statuses, &mut faults),
        actor: once("actor").or_collect(&mut faults).map(|text| Actor::parse(&text)),
        before: before.or_collect(&mut faults),
    };
    let limit = limit.or_collect(&mut faults).unwrap_or(DEFAULT_LIMIT);
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(RunListParams { filter, limit: usize::try_from(limit).unwrap_or(usize::MAX) })
}

/// Selects targets of a run.
#[derive(Debug)]
pub(crate) struct TargetParams {
    pub(crate) after: Option<Slug>,
    pub(crate) limit: usize,
}

impl FromRequest for TargetParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Pairs::of(request.query_string());
        let mut faults = Vec::new();
        let most = i64::try_from(MAX_TARGETS).unwrap_or(i64::MAX);
        let limit = number(&pairs, "limit", 1..=most, "a whole number from 1 to 10000");
        let limit = limit.or_collect(&mut faults).unwrap_or(most);
        let after = pairs.once("after").and_then(|given| {
            let renamed = |fault| InvalidValue { field: "after".to_owned(), ..fault };
            given.map(|text| Slug::parse(&text).map_err(renamed)).transpose()
        });
        let after = after.or_collect(&mut faults);
        let limit = usize::try_from(limit).unwrap_or(MAX_TARGETS);
        ready(match faults.is_empty() {
            true => Ok(Self { after, limit }),
            false => Err(ApiError::Invalid(faults)),
        })
    }
}

/// Selects a run.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct RunParam {
    /// Id of the run.
    #[param(pattern = "^[0-9a-f]{32}$", example = "019ad3c5a8407b1f3a9c01b2d48f3a9c")]
    id: String,
}

/// Parameters of the list of runs.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct RunListQueryParams {
    /// Return runs of this action. Must not be repeated.
    #[param(
        required = false,
        pattern = "^[a-z0-9_-]+(\\.[a-z0-9_-]+)*$",
        max_length = 100,
        example = "audit.security"
    )]
    action: String,
    /// Return runs with one of these statuses: repeated, comma-separated, or both.
    #[param(
        required = false,
        pattern = "^(running|cancelling|ended|cancelled)(,(running|cancelling|ended|cancelled))*$",
        example = "running,cancelling"
    )]
    status: String,
    /// Return runs that this API key created. Must not be repeated.
    #[param(required = false, example = "1a2b3c4d")]
    actor: String,
    /// Return runs that are older than this one. Must not be repeated.
    #[param(
        required = false,
        pattern = "^[0-9a-f]{32}$",
        example = "019ad3c5a8407b1f3a9c01b2d48f3a9c"
    )]
    before: String,
    /// Maximum number of runs on a page. Defaults to 50. Must not be repeated.
    #[param(required = false, minimum = 1, maximum = 200, example = 50)]
    limit: u32,
}

/// Parameters of a run.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct TargetQueryParams {
    /// Return targets after this project. Must not be repeated.
    #[param(
        required = false,
        pattern = "^[a-z0-9-]+$",
        min_length = 1,
        max_length = 50,
        example = "commandcenter"
    )]
    after: String,
    /// Maximum number of targets. Defaults to all. Must not be repeated.
    #[param(required = false, minimum = 1, maximum = 10000, example = 100)]
    limit: u32,
}

/// Parameters and headers of a request that creates a run.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct DryRunParam {
    /// With `true`, ask no project, and return who would be asked. Must not be repeated.
    #[param(required = false, example = true)]
    dry_run: bool,
}

/// The header by which a repeated request is recognized.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct IdempotencyKeyParam {
    /// A text of its own for each request, such as a UUID. For 24 hours, a repetition of the request
    /// with the same key returns the run that the first one created.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        pattern = "^[!-~]{1,255}$",
        example = "7c1e5d8a-2b1f-4c3e-9a6d-1f0e2d3c4b5a"
    )]
    idempotency_key: String,
}
