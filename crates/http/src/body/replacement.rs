//! The body of a replacement, which sets all of a registration.

use std::collections::BTreeSet;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{InvalidValue, Registration};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::reader::{SINGLE, read};
use super::registration::draft;
use super::values::{
    ActionSchema, HubUrlSchema, MeshNamespaceSchema, NameSchema, SlugSchema, TagSchema,
};
use crate::error::ApiError;
use crate::params::slug::slug_text;

/// A complete registration. Absent keys are reset to their defaults. Unknown keys and keys that the
/// service sets are ignored, so a project can be sent back as it was read.
#[derive(Debug, ToSchema)]
#[schema(
    as = Replacement,
    example = json!({
        "name": "CommandCenter",
        "hub_url": "http://localhost:8000",
        "mesh_namespace": "hub.commandcenter",
        "tags": ["python", "fastapi", "rag"],
        "heartbeat_interval_seconds": 30,
        "allow_fanout": []
    })
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct ReplacementSchema {
    /// Must match the slug in the path, if given.
    slug: Option<SlugSchema>,
    name: NameSchema,
    hub_url: HubUrlSchema,
    mesh_namespace: MeshNamespaceSchema,
    /// Tags of the project, without duplicates.
    #[schema(required = false, max_items = 50, default = json!([]))]
    tags: BTreeSet<TagSchema>,
    /// Interval between heartbeats. If absent or null, the default of the service applies.
    #[schema(minimum = 0.1, maximum = 86400)]
    heartbeat_interval_seconds: Option<f64>,
    /// Actions that may be fanned out to the project, without duplicates. If absent or null, none.
    #[schema(max_items = 50)]
    allow_fanout: Option<BTreeSet<ActionSchema>>,
}

/// A registration from a request body, for the project in the path.
#[derive(Debug)]
pub(crate) struct ReplacementBody(pub(crate) Registration);

impl FromRequest for ReplacementBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let slug = slug_text(&request)?;
            let body = read(request, payload, SINGLE).await?;
            parse(&body, &slug).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Reports every field that is missing, of the wrong type, or invalid, in the order of the fields.
fn parse(body: &Value, slug: &str) -> Result<Registration, Vec<InvalidValue>> {
    let mut fields = Fields::of(body)?;
    if fields.optional_string("slug").is_some_and(|named| named != slug) {
        fields.refuse("slug", "the slug in the path");
    }
    let draft = draft(&mut fields, slug.to_owned());
    fields.finish(draft.parse())
}
