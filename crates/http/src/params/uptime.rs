//! Query parameters of the uptime of several projects.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{InvalidValue, Slug};
use utoipa::IntoParams;

use super::pairs::Pairs;
use crate::body::values::SlugSchema;
use crate::error::ApiError;

/// Maximum number of slugs in a request.
const MAX_SLUGS: usize = 500;

/// Parameters in the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "the shape of a request in the document")]
pub(crate) struct UptimeParams {
    /// Slugs of projects, at most 500. Repeated, comma-separated, or both. Without them the answer has
    /// all projects. Projects that do not exist are left out.
    #[param(required = false, explode = false, min_items = 1, max_items = 500, example = json!(["commandcenter", "docs"]))]
    slug: Vec<SlugSchema>,
}

/// Request for the uptime of several projects.
#[derive(Debug)]
pub(crate) struct UptimeQuery {
    /// `None` selects all projects.
    pub(crate) slugs: Option<Vec<Slug>>,
}

impl FromRequest for UptimeQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = parse(&Pairs::of(request.query_string()));
        ready(query.map_err(|fault| ApiError::Invalid(vec![fault])))
    }
}

fn parse(pairs: &Pairs<'_>) -> Result<UptimeQuery, InvalidValue> {
    let given = pairs.all("slug")?;
    if given.is_empty() {
        return Ok(UptimeQuery { slugs: None });
    }
    let texts: Vec<&str> = given.iter().flat_map(|value| value.split(',')).collect();
    if texts.len() > MAX_SLUGS {
        let count = format!("{} of them", texts.len());
        return Err(InvalidValue::new("slug", &count, format!("at most {MAX_SLUGS}")));
    }
    let slugs = texts.into_iter().map(Slug::parse).collect::<Result<_, _>>()?;
    Ok(UptimeQuery { slugs: Some(slugs) })
}
