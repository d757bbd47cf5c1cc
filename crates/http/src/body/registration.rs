//! The body of a registration.

use std::collections::BTreeSet;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{FanoutAllowlist, InvalidValue, Registration, RegistrationDraft, Tags};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::reader::{SINGLE, read};
use super::values::{
    ActionSchema, HubUrlSchema, MeshNamespaceSchema, NameSchema, SlugSchema, TagSchema,
};
use crate::error::ApiError;

/// Registration of a project. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(
    as = Registration,
    example = json!({
        "slug": "commandcenter",
        "name": "CommandCenter",
        "hub_url": "http://localhost:8000",
        "mesh_namespace": "hub.commandcenter",
        "tags": ["python", "fastapi", "rag"]
    })
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct RegistrationSchema {
    slug: SlugSchema,
    name: NameSchema,
    hub_url: HubUrlSchema,
    mesh_namespace: MeshNamespaceSchema,
    /// Tags of the project, without duplicates.
    #[schema(required = false, max_items = 50, default = json!([]))]
    tags: BTreeSet<TagSchema>,
    /// Interval between heartbeats. If absent or null, the stored value is kept. A project without
    /// an interval uses the default of the service.
    #[schema(minimum = 0.1, maximum = 86400)]
    heartbeat_interval_seconds: Option<f64>,
    /// Actions that may be fanned out to the project, without duplicates. If absent or null, the
    /// stored value is kept.
    #[schema(max_items = 50)]
    allow_fanout: Option<BTreeSet<ActionSchema>>,
}

/// A registration from a request body.
#[derive(Debug)]
pub(crate) struct RegistrationBody(pub(crate) Registration);

impl FromRequest for RegistrationBody {
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

/// Reports every field that is missing, of the wrong type, or invalid, in the order of the fields.
pub(super) fn parse(body: &Value) -> Result<Registration, Vec<InvalidValue>> {
    let mut fields = Fields::of(body)?;
    let slug = fields.required_string("slug");
    let draft = draft(&mut fields, slug);
    fields.finish(draft.parse())
}

/// Reads all fields except the slug.
pub(super) fn draft(fields: &mut Fields<'_>, slug: String) -> RegistrationDraft {
    RegistrationDraft {
        slug,
        name: fields.required_string("name"),
        hub_url: fields.required_string("hub_url"),
        mesh_namespace: fields.required_string("mesh_namespace"),
        tags: fields.strings("tags", Tags::MAX_ITEMS, |tag| Tags::parse(&[tag]).err()),
        heartbeat_interval_seconds: fields.optional_number("heartbeat_interval_seconds"),
        allow_fanout: fields.optional_strings("allow_fanout", FanoutAllowlist::MAX_ITEMS, |name| {
            FanoutAllowlist::parse(&[name]).err()
        }),
    }
}
