//! The body of a patch: a JSON merge patch (RFC 7396) of a registration.

use std::collections::BTreeSet;

use actix_web::FromRequest;
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use federation_domain::{FanoutAllowlist, InvalidValue, PatchDraft, RegistrationPatch, Tags};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::fields::Fields;
use super::reader::{Limits, MediaTypes, SINGLE, read};
use super::values::{
    ActionSchema, HubUrlSchema, MeshNamespaceSchema, NameSchema, SlugSchema, TagSchema,
};
use crate::error::ApiError;
use crate::params::slug::slug_text;

/// The keys to change. Absent keys keep their values, and lists are replaced as a whole. Unknown
/// keys are rejected, and so are keys that the service sets, such as `id` and `status`.
#[derive(Debug, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(
    as = RegistrationPatch,
    example = json!({"name": "Command Center", "heartbeat_interval_seconds": null})
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct PatchSchema {
    /// Must match the slug in the path, if given. A slug cannot be changed.
    slug: Option<SlugSchema>,
    #[schema(required = false)]
    name: NameSchema,
    #[schema(required = false)]
    hub_url: HubUrlSchema,
    #[schema(required = false)]
    mesh_namespace: MeshNamespaceSchema,
    /// Tags of the project, without duplicates. Null removes all of them.
    #[schema(max_items = 50)]
    tags: Option<BTreeSet<TagSchema>>,
    /// Interval between heartbeats. Null restores the default of the service.
    #[schema(minimum = 0.1, maximum = 86400)]
    heartbeat_interval_seconds: Option<f64>,
    /// Actions that may be fanned out to the project, without duplicates. Null removes all of them.
    #[schema(max_items = 50)]
    allow_fanout: Option<BTreeSet<ActionSchema>>,
}

/// Keys of a project that a patch cannot change.
const READ_ONLY: [&str; 7] = [
    "id",
    "status",
    "last_heartbeat_at",
    "created_at",
    "updated_at",
    "degraded_reasons",
    "status_known",
];

/// Description of the keys that a patch may contain.
const CHANGEABLE: &str = "one of name, hub_url, mesh_namespace, tags, heartbeat_interval_seconds \
                          and allow_fanout";

/// A patch from a request body.
#[derive(Debug)]
pub(crate) struct PatchBody(pub(crate) RegistrationPatch);

impl FromRequest for PatchBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let slug = slug_text(&request)?;
            let limits = Limits { media_types: MediaTypes::MergePatch, ..SINGLE };
            let body = read(request, payload, limits).await?;
            parse(&body, &slug).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Reports every invalid field, in the order of the fields.
fn parse(body: &Value, slug: &str) -> Result<RegistrationPatch, Vec<InvalidValue>> {
    let mut fields = Fields::of(body)?;
    for field in READ_ONLY {
        fields.refuse(field, "no value, because the service sets it");
    }
    if fields.optional_string("slug").is_some_and(|named| named != slug) {
        fields.refuse("slug", "the slug in the path, because a slug cannot be changed");
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
    fields.refuse_others(CHANGEABLE);
    fields.finish(draft.parse())
}
