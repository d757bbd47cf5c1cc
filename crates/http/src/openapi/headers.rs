//! Completes the headers of all responses.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Schema, Type};

const REQUEST_ID: &str = "X-Request-Id";

/// Adds `X-Request-Id` to each response, and marks headers as required. A header declared as
/// `Option` is not required.
pub(super) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.headers.insert(REQUEST_ID.to_owned(), request_id().into());
    let reference = RefOr::Ref(Ref::new(format!("#/components/headers/{REQUEST_ID}")));
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                mark_required(&mut response.headers);
                response.headers.insert(REQUEST_ID.to_owned(), reference.clone());
            }
        }
    }
}

/// Returns the operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn request_id() -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let header = HeaderBuilder::new()
        .schema(Some(text.max_length(Some(64)).pattern(Some("^[A-Za-z0-9._-]+$"))))
        .description(Some(
            "Identifies the request in the log of the service. Copied from the request if it has \
             a valid one, otherwise generated.",
        ))
        .example(Some(json!("0f8fad5bd9cb469fa16570867728950e")));
    let mut header = header.build();
    require(&mut header);
    header
}

/// Marks all headers as required, except those whose schema allows null because they are declared
/// as `Option`.
fn mark_required(headers: &mut BTreeMap<String, RefOr<Header>>) {
    for header in headers.values_mut() {
        if let RefOr::T(header) = header
            && !take_null(header)
        {
            require(header);
        }
    }
}

/// Removes null from the schema, since a header cannot be null. Returns whether the schema allowed
/// it.
fn take_null(header: &mut Header) -> bool {
    let Some(RefOr::T(Schema::Object(object))) = &mut header.schema else { return false };
    let SchemaType::Array(types) = &object.schema_type else { return false };
    let Some(one) = types.iter().find(|one| **one != Type::Null) else { return false };
    object.schema_type = SchemaType::Type(one.clone());
    true
}

/// Sets `required`, for which utoipa has no field.
fn require(header: &mut Header) {
    let extensions = header.extensions.get_or_insert_default();
    extensions.merge(Extensions::from_iter([("required", true)]));
}
