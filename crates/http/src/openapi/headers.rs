//! What holds of the headers of all answers, said in one place.

use std::collections::BTreeMap;

use serde_json::json;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Schema, Type};

const REQUEST_ID: &str = "X-Request-Id";

/// Gives each answer its `X-Request-Id`, and says of each header whether it is always there. One that
/// is not is written as an `Option` beside its answer.
pub(super) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    components.headers.insert(REQUEST_ID.to_owned(), request_id().into());
    let reference = RefOr::Ref(Ref::new(format!("#/components/headers/{REQUEST_ID}")));
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        for answer in operation.responses.responses.values_mut() {
            if let RefOr::T(answer) = answer {
                settle(&mut answer.headers);
                answer.headers.insert(REQUEST_ID.to_owned(), reference.clone());
            }
        }
    }
}

/// The operations of a path.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn request_id() -> Header {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let header = HeaderBuilder::new()
        .schema(Some(text.max_length(Some(64)).pattern(Some("^[A-Za-z0-9._-]+$"))))
        .description(Some(
            "The name of this request in the log of the service: the caller's, if it sent one of \
             such characters, else a new one.",
        ))
        .example(Some(json!("0f8fad5bd9cb469fa16570867728950e")));
    let mut header = header.build();
    require(&mut header);
    header
}

/// An `Option` has a schema that allows null, which no header can be.
fn settle(headers: &mut BTreeMap<String, RefOr<Header>>) {
    for header in headers.values_mut() {
        if let RefOr::T(header) = header
            && !take_null(header)
        {
            require(header);
        }
    }
}

/// Whether the schema allowed null; it does not any more.
fn take_null(header: &mut Header) -> bool {
    let Some(RefOr::T(Schema::Object(object))) = &mut header.schema else { return false };
    let SchemaType::Array(types) = &object.schema_type else { return false };
    let Some(one) = types.iter().find(|one| **one != Type::Null) else { return false };
    object.schema_type = SchemaType::Type(one.clone());
    true
}

/// Utoipa has no field for it.
fn require(header: &mut Header) {
    let extensions = header.extensions.get_or_insert_default();
    extensions.merge(Extensions::from_iter([("required", true)]));
}
