//! The body of a patch: a JSON merge patch (RFC 7396) of a project.

use std::collections::BTreeSet;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{FanoutAllowlist, InvalidValue, PatchDraft, RegistrationPatch, Tags};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::values::{
    ActionSchema, HubUrlSchema, MeshNamespaceSchema, NameSchema, SlugSchema, TagSchema,
};
use super::{USUAL, read_value};
use crate::error::ApiError;
use crate::params::slug_text;

/// What is to change; what is absent stays. A list is replaced whole. Unknown keys are ignored;
/// keys of a project that the service sets, `id` and `status` among them, are refused.
#[derive(Debug, ToSchema)]
#[schema(
    as = RegistrationPatch,
    example = json!({"name": "Command Center", "heartbeat_interval_seconds": null})
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct PatchSchema {
    /// If it is given, the slug of the path: a project keeps its slug.
    slug: Option<SlugSchema>,
    #[schema(required = false)]
    name: NameSchema,
    #[schema(required = false)]
    hub_url: HubUrlSchema,
    #[schema(required = false)]
    mesh_namespace: MeshNamespaceSchema,
    /// Its tags, no doubles; null takes all of them away.
    #[schema(max_items = 50)]
    tags: Option<BTreeSet<TagSchema>>,
    /// How often it promises a heartbeat; null: as often as the service expects by default.
    #[schema(minimum = 0.1, maximum = 86400)]
    heartbeat_interval_seconds: Option<f64>,
    /// The actions that may be fanned out to it, no doubles; null takes all of them away.
    #[schema(max_items = 50)]
    allow_fanout: Option<BTreeSet<ActionSchema>>,
}

/// The keys of a project that a patch cannot change.
const READ_ONLY: [&str; 7] = [
    "id",
    "status",
    "last_heartbeat_at",
    "created_at",
    "updated_at",
    "degraded_reasons",
    "status_known",
];

/// A patch from the body of a request.
#[derive(Debug)]
pub(crate) struct PatchBody(pub(crate) RegistrationPatch);

impl FromRequest for PatchBody {
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

/// Names every part that makes no sense, in the order of the fields.
fn parse(body: &Value, slug: &str) -> Result<RegistrationPatch, Vec<InvalidValue>> {
    let mut fields = Fields::of(body)?;
    for field in READ_ONLY {
        fields.refuse(field, "no value in a patch, because the service sets it");
    }
    if fields.optional_string("slug").is_some_and(|named| named != slug) {
        fields.refuse("slug", "the slug of the path, because a project keeps its slug");
    }
    let tags = |tag: &str| Tags::parse(&[tag]).err();
    let actions = |name: &str| FanoutAllowlist::parse(&[name]).err();
    let draft = PatchDraft {
        name: fields.given_string("name"),
        hub_url: fields.given_string("hub_url"),
        mesh_namespace: fields.given_string("mesh_namespace"),
        tags: fields.given_strings("tags", Tags::MAX_ITEMS, tags),
        heartbeat_interval_seconds: fields.given_number("heartbeat_interval_seconds"),
        allow_fanout: fields.given_strings("allow_fanout", FanoutAllowlist::MAX_ITEMS, actions),
    };
    fields.finish(draft.parse())
}
