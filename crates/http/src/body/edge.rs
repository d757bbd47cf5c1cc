//! The bodies of declarations of edges.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use federation_domain::{DeclaredEdge, EdgeDraft, InvalidValue};
use futures_util::future::LocalBoxFuture;
use serde_json::Value;
use utoipa::ToSchema;

use super::bulk::{MAX_FAULTS, within};
use super::fields::{Fields, unexpected};
use super::reader::{Limits, MediaTypes, SINGLE, read, read_optional};
use super::values::SlugSchema;
use crate::error::ApiError;
use crate::params::graph_schema::KindSchema;

/// Maximum number of edges in one request.
const MAX_EDGES: usize = 1_000;

const BULK: Limits =
    Limits { bytes: 1024 * 1024, time: Duration::from_secs(30), media_types: MediaTypes::Json };

/// Strength and details of an edge. The body and all keys are optional. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(as = EdgeDeclaration, example = json!({"strength": 0.9, "details": {"path": "/v1"}}))]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct EdgeSchema {
    /// Strength of the edge. Defaults to 0.5.
    #[schema(minimum = 0, maximum = 1)]
    strength: Option<f64>,
    /// Further facts: an object of at most 2,000 bytes.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    details: Option<Value>,
}

/// An edge of a bulk request.
#[derive(Debug, ToSchema)]
#[schema(as = BulkEdge)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct BulkEdgeSchema {
    /// Slug of the project that uses the other one.
    from: SlugSchema,
    /// Slug of the project that is used, which need not be registered.
    to: SlugSchema,
    /// Kind of use. Defaults to `api`.
    kind: Option<KindSchema>,
    /// Strength of the edge. Defaults to 0.5.
    #[schema(minimum = 0, maximum = 1)]
    strength: Option<f64>,
    /// Further facts: an object of at most 2,000 bytes.
    #[schema(value_type = Option<std::collections::HashMap<String, serde_json::Value>>)]
    details: Option<Value>,
}

/// Edges to declare, all or none.
#[derive(Debug, ToSchema)]
#[schema(
    as = BulkEdges,
    max_items = 1000,
    example = json!([
        {"from": "docs", "to": "veria", "kind": "api", "strength": 0.9},
        {"from": "docs", "to": "bus", "kind": "queue"}
    ])
)]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct BulkEdgesSchema(Vec<BulkEdgeSchema>);

/// A declaration of the edge in the path.
#[derive(Debug)]
pub(crate) struct EdgeBody(pub(crate) DeclaredEdge);

impl FromRequest for EdgeBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let (from, to, kind) = edge_texts(&request)?;
            let body = read_optional(request, payload, SINGLE).await?;
            let named = EdgeDraft { from, to, kind: Some(kind), ..EdgeDraft::default() };
            let Some(body) = body else {
                return named.parse().map(Self).map_err(ApiError::Invalid);
            };
            let mut fields = Fields::of(&body).map_err(ApiError::Invalid)?;
            let draft = content(&mut fields, named);
            fields.finish(draft.parse()).map(Self).map_err(ApiError::Invalid)
        })
    }
}

/// Returns the three texts in the path of an edge. They are extracted as strings, so that escapes are
/// decoded before the texts are validated.
pub(crate) fn edge_texts(request: &HttpRequest) -> Result<(String, String, String), ApiError> {
    let texts = web::Path::<(String, String, String)>::extract(request).into_inner();
    texts.map(web::Path::into_inner).map_err(|_| ApiError::PathNotFound)
}

/// Reads strength and details.
fn content(fields: &mut Fields<'_>, draft: EdgeDraft) -> EdgeDraft {
    let strength = fields.optional_number("strength");
    let details = fields.optional_object("details");
    EdgeDraft { strength, details, ..draft }
}

/// Edges from a request body.
#[derive(Debug)]
pub(crate) struct BulkEdgesBody(pub(crate) Vec<DeclaredEdge>);

impl FromRequest for BulkEdgesBody {
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

/// Reports every invalid field, with the index of its edge: `[3].strength`.
fn parse_all(body: &Value) -> Result<Vec<DeclaredEdge>, Vec<InvalidValue>> {
    let Value::Array(items) = body else {
        return Err(vec![unexpected("body", body, "an array of edges")]);
    };
    if items.len() > MAX_EDGES {
        return Err(vec![InvalidValue {
            field: "body".to_owned(),
            given: items.len().to_string(),
            allowed: format!("at most {MAX_EDGES} edges"),
        }]);
    }
    let (mut edges, mut faults) = (Vec::with_capacity(items.len()), Vec::new());
    for (place, item) in items.iter().enumerate() {
        match parse(item) {
            Ok(edge) => edges.push(edge),
            Err(of_one) => faults.extend(of_one.into_iter().map(|fault| within(place, fault))),
        }
        if faults.len() >= MAX_FAULTS {
            break;
        }
    }
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(edges) } else { Err(faults) }
}

fn parse(item: &Value) -> Result<DeclaredEdge, Vec<InvalidValue>> {
    let mut fields = Fields::of(item)?;
    let (from, to) = (fields.required_string("from"), fields.required_string("to"));
    let kind = fields.optional_string("kind").map(str::to_owned);
    let draft = content(&mut fields, EdgeDraft { from, to, kind, ..EdgeDraft::default() });
    fields.finish(draft.parse())
}
