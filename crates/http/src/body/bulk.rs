//! The body of many registrations.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{InvalidValue, Registration, Slug};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::registration::{RegistrationSchema, parse};
use super::{Limits, read_value};
use crate::error::ApiError;

/// The most registrations of one call: what the store takes within the time of a usual call.
pub(crate) const MAX_REGISTRATIONS: usize = 1_000;

/// 1 MiB are 1,000 registrations with room, and need 8 s at 1 Mbit/s.
pub(crate) const BULK: Limits = Limits { bytes: 1024 * 1024, time: Duration::from_secs(30) };

/// After how many faults the rest is not looked at: enough to mend, and a bounded answer.
const ENOUGH_FAULTS: usize = 100;

/// Registrations of different projects, in the order in which they are to be done.
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

/// Registrations from the body of a request.
#[derive(Debug)]
pub(crate) struct BulkBody(pub(crate) Vec<Registration>);

impl FromRequest for BulkBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_value(request, payload, BULK).await?;
            parse_all(&body).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Names every field that is wrong, by the place of its registration: `[3].tags[1]`.
fn parse_all(body: &Value) -> Result<Vec<Registration>, Vec<InvalidValue>> {
    let Value::Array(items) = body else {
        let fault = super::fields::fault("body", body, "an array of registrations");
        return Err(vec![fault]);
    };
    if items.len() > MAX_REGISTRATIONS {
        return Err(vec![InvalidValue {
            field: "body".to_owned(),
            given: format!("{} of them", items.len()),
            allowed: format!("at most {MAX_REGISTRATIONS} registrations in one call"),
        }]);
    }
    let (mut registrations, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
    let mut places: HashMap<Slug, usize> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        match parse(item) {
            Ok(registration) => {
                if let Some(first) = places.insert(registration.slug.clone(), place) {
                    let allowed = format!("a slug of its own, because [{first}] has it");
                    let field = format!("[{place}].slug");
                    faults.push(InvalidValue::new(field, registration.slug.as_str(), allowed));
                }
                registrations.push(registration);
            }
            Err(of_one) => faults.extend(of_one.into_iter().map(|fault| within(place, fault))),
        }
        if faults.len() >= ENOUGH_FAULTS {
            break;
        }
    }
    faults.truncate(ENOUGH_FAULTS);
    if faults.is_empty() { Ok(registrations) } else { Err(faults) }
}

/// The fault of the registration at this place.
fn within(place: usize, fault: InvalidValue) -> InvalidValue {
    let field = match &*fault.field {
        "body" => format!("[{place}]"),
        field => format!("[{place}].{field}"),
    };
    InvalidValue { field, ..fault }
}
