//! The parameters of lists, as the document tells of them. Made by hand: a list with commas is more
//! than the macro can say.

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Required, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, ToSchema as _};

use federation_application::{SearchText, SortKey, WantedTags};

use super::list::FieldsParam;
use crate::body::TagSchema;
use crate::project::{Fields, StatusSchema};

/// The parameters of a list of projects.
pub(crate) struct ListParams;

impl IntoParams for ListParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            statuses(),
            tags(
                "tag",
                "Only projects that have all of these tags, letter for letter. One each: `tag=a&tag=b`.",
            ),
            tags(
                "any_tag",
                "Only projects that have any of these tags, letter for letter. One each: \
                 `any_tag=a&any_tag=b`.",
            ),
            text(),
            moment(),
            sort(),
            fields(),
            limit(),
            cursor(),
        ]
    }
}

impl IntoParams for FieldsParam {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![fields()]
    }
}

fn statuses() -> Parameter {
    let items = Ref::from_schema_name(StatusSchema::name());
    let schema = ArrayBuilder::new().items(items).min_items(Some(1));
    let description = "Only projects of these statuses. Given with commas between them, or several \
                       times.";
    let parameter = parameter("status", description, schema.into(), json!(["online", "degraded"]));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn tags(name: &str, description: &str) -> Parameter {
    let tag = Ref::from_schema_name(TagSchema::name());
    let most = Some(WantedTags::MAX_ITEMS);
    let tags = ArrayBuilder::new().items(tag).max_items(most).unique_items(true);
    let parameter = parameter(name, description, tags.into(), json!(["python", "rag"]));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(true)).build()
}

fn text() -> Parameter {
    let schema = string()
        .min_length(Some(1))
        .max_length(Some(SearchText::MAX_CHARS))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]+$"));
    let description =
        "Only projects whose slug or name holds this text, upper and lower case alike.";
    parameter("q", description, schema.into(), json!("center")).build()
}

fn moment() -> Parameter {
    let schema = string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let description = "Only projects whose registration or status changed then or later: a time of \
                       RFC 3339 with its zone.";
    parameter("updated_since", description, schema.into(), json!("2026-11-23T14:41:13.511326Z"))
        .build()
}

fn sort() -> Parameter {
    let names = SortKey::ALL.map(SortKey::as_str);
    let names: Vec<String> =
        names.iter().flat_map(|n| [(*n).to_owned(), format!("-{n}")]).collect();
    let schema = string().enum_values(Some(names)).default(Some(json!("id")));
    let description = "The order, `-` in front for descending. What is equal is by id; who was never \
                       heard comes last. Texts are compared by character, statuses from best to worst.";
    parameter("sort", description, schema.into(), json!("-updated_at")).build()
}

fn fields() -> Parameter {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Fields::KEYS));
    let names = ArrayBuilder::new().items(names).min_items(Some(1)).unique_items(true);
    let description = "Only these keys of a project, with commas between them; in the body they keep \
                       their usual order.";
    let parameter = parameter("fields", description, names.into(), json!(["slug", "status"]));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn limit() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(1))
        .maximum(Some(1000));
    let description = "The most projects of a page; without it all that are left are sent. The header \
                       `Link` leads to the next page.";
    parameter("limit", description, schema.into(), json!(100)).build()
}

fn cursor() -> Parameter {
    let description = "Where a page begins, out of the `Link` of the one before. It belongs to its \
                       filters and its order; `limit` and `fields` may change.";
    let schema = string().pattern(Some("^[A-Za-z0-9_-]+$"));
    // Of the whole catalog by id, after the project 1.
    parameter("cursor", description, schema.into(), json!("AS0GgAU405TCAAAAAAAAAAFp")).build()
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

fn parameter(
    name: &str,
    description: &str,
    schema: RefOr<Schema>,
    example: Value,
) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example))
}
