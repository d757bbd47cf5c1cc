//! The body of a replacement: all that a registration sets.

use std::collections::BTreeSet;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{InvalidValue, Registration};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::registration::draft;
use super::values::{
    ActionSchema, HubUrlSchema, MeshNamespaceSchema, NameSchema, SlugSchema, TagSchema,
};
use super::{USUAL, read_value};
use crate::error::ApiError;
use crate::params::slug_text;

/// All that a project gives of itself: what is absent gets its default. Unknown keys are ignored,
/// and so is what the service sets: a project may be sent back as it was read.
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
    /// If it is given, the slug of the path.
    slug: Option<SlugSchema>,
    name: NameSchema,
    hub_url: HubUrlSchema,
    mesh_namespace: MeshNamespaceSchema,
    /// Its tags, no doubles.
    #[schema(required = false, max_items = 50, default = json!([]))]
    tags: BTreeSet<TagSchema>,
    /// How often it promises a heartbeat. Absent or null: as often as the service expects by
    /// default.
    #[schema(minimum = 0.1, maximum = 86400)]
    heartbeat_interval_seconds: Option<f64>,
    /// The actions that may be fanned out to it, no doubles. Absent or null: none.
    #[schema(max_items = 50)]
    allow_fanout: Option<BTreeSet<ActionSchema>>,
}

/// A registration from the body of a request, of the project that the path names.
#[derive(Debug)]
pub(crate) struct ReplacementBody(pub(crate) Registration);

impl FromRequest for ReplacementBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let slug = slug_text(&request)?;
            let body = read_value(request, payload, USUAL).await?;
            parse(&body, &slug).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Names every field that is missing, of a wrong type, or invalid, in the order of the fields.
fn parse(body: &Value, slug: &str) -> Result<Registration, Vec<InvalidValue>> {
    let mut fields = Fields::of(body)?;
    if fields.optional_string("slug").is_some_and(|named| named != slug) {
        fields.refuse("slug", "the slug of the path");
    }
    let draft = draft(&mut fields, slug.to_owned());
    fields.finish(draft.parse())
}
