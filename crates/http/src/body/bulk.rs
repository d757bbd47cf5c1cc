//! The body of a bulk registration.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{InvalidValue, Registration, Slug};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::unexpected;
use super::reader::{Limits, MediaTypes, read};
use super::registration::{RegistrationSchema, parse};
use crate::error::ApiError;

/// Maximum number of registrations in one request. The store can write this many within the time of
/// a typical request.
const MAX_REGISTRATIONS: usize = 1_000;

/// 1 MiB is ample for 1,000 registrations, and takes 8 s at 1 Mbit/s.
const BULK: Limits =
    Limits { bytes: 1024 * 1024, time: Duration::from_secs(30), media_types: MediaTypes::Json };

/// Number of errors after which parsing stops, so that the response has a bounded size.
pub(crate) const MAX_FAULTS: usize = 100;

/// Registrations of different projects. They are applied in this order.
#[derive(Debug, ToSchema)]
#[schema(
    as = Registrations,
    max_items = 1000,
    example = json!([
        {
            "slug": "commandcenter",
            "name": "CommandCenter",
            "hub_url": "http://localhost:8000",
            "mesh_namespace": "hub.commandcenter"
        },
        {
            "slug": "docs",
            "name": "Docs",
            "hub_url": "http://localhost:8100",
            "mesh_namespace": "hub.docs",
            "tags": ["static"]
        }
    ])
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct BulkSchema(Vec<RegistrationSchema>);

/// Registrations from a request body.
#[derive(Debug)]
pub(crate) struct BulkBody(pub(crate) Vec<Registration>);

impl FromRequest for BulkBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read(request, payload, BULK).await?;
            parse_all(&body).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Reports every invalid field, with the index of its registration: `[3].tags[1]`.
fn parse_all(body: &Value) -> Result<Vec<Registration>, Vec<InvalidValue>> {
    let Value::Array(items) = body else {
        return Err(vec![unexpected("body", body, "an array of registrations")]);
    };
    if items.len() > MAX_REGISTRATIONS {
        return Err(vec![InvalidValue {
            field: "body".to_owned(),
            given: items.len().to_string(),
            allowed: format!("at most {MAX_REGISTRATIONS} registrations"),
        }]);
    }
    let (mut registrations, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
    let mut places: HashMap<Slug, usize> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        match parse(item) {
            Ok(registration) => {
                if let Some(first) = places.insert(registration.slug.clone(), place) {
                    let allowed = format!("a slug that no other registration has (see [{first}])");
                    let field = format!("[{place}].slug");
                    faults.push(InvalidValue::new(field, registration.slug.as_str(), allowed));
                }
                registrations.push(registration);
            }
            Err(of_one) => faults.extend(of_one.into_iter().map(|fault| within(place, fault))),
        }
        if faults.len() >= MAX_FAULTS {
            break;
        }
    }
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(registrations) } else { Err(faults) }
}

/// Prefixes the field of an error with the index of its item in the body.
pub(crate) fn within(place: usize, fault: InvalidValue) -> InvalidValue {
    let field = match &*fault.field {
        "body" => format!("[{place}]"),
        field => format!("[{place}].{field}"),
    };
    InvalidValue { field, ..fault }
}
