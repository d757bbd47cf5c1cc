//! OpenAPI parameters of lists. Written by hand, because utoipa's macro cannot describe
//! comma-separated lists.

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn, ParameterStyle};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{KnownFormat, Ref, RefOr, Required, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, ToSchema as _};

use federation_application::{FigureKey, SearchText, SortKey, WantedTags};

use super::list::{FieldsParam, Include};
use crate::body::values::TagSchema;
use crate::wire::project::body::StatusSchema;
use crate::wire::project::fields::Fields;

/// Parameters of a list of projects.
pub(crate) struct ListParams;

impl IntoParams for ListParams {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![
            statuses(),
            tags(
                "tag",
                "Return projects with all of these tags. Case-sensitive. Repeat the parameter for several \
                 tags: `tag=a&tag=b`.",
            ),
            tags(
                "any_tag",
                "Return projects with any of these tags. Case-sensitive. Repeat the parameter for several \
                 tags: `any_tag=a&any_tag=b`.",
            ),
            text(),
            moment(),
            min_risk(),
            sort(),
            fields(),
            include(),
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
    let description = "Return projects with one of these statuses. Comma-separated or repeated.";
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
    let description = "Return projects whose slug or name contains this text. Case-insensitive.";
    parameter("q", description, schema.into(), json!("center")).build()
}

fn moment() -> Parameter {
    let schema = string().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    let description = "Return projects whose registration or status changed at this time or later. An \
                       RFC 3339 time with a zone.";
    parameter("updated_since", description, schema.into(), json!("2026-11-23T14:41:13.511326Z"))
        .build()
}

fn sort() -> Parameter {
    let names = SortKey::ALL.map(SortKey::as_str);
    let names = names.into_iter().map(str::to_owned).chain(FigureKey::names());
    let names: Vec<String> = names.flat_map(|name| [name.clone(), format!("-{name}")]).collect();
    let schema = string().enum_values(Some(names)).default(Some(json!("id")));
    let description = "Sort key, prefixed with `-` for descending order. Ties are ordered by id, and \
                       projects without a heartbeat, a risk or the key figure come last. Texts are compared by character, and \
                       statuses are ordered from best to worst.";
    parameter("sort", description, schema.into(), json!("-updated_at")).build()
}

fn min_risk() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(0))
        .maximum(Some(100));
    let description = "Return projects with at least this risk. Only with the default order, or sorted by \
                       the risk or a key figure.";
    parameter("min_risk", description, schema.into(), json!(0)).build()
}

fn fields() -> Parameter {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Fields::KEYS));
    let names = ArrayBuilder::new().items(names).min_items(Some(1)).unique_items(true);
    let description = "Return only these keys of a project. Comma-separated. Their order in the response \
                       does not change.";
    let parameter = parameter("fields", description, names.into(), json!(["slug", "status"]));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn include() -> Parameter {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Include::NAMES));
    let names = ArrayBuilder::new().items(names).min_items(Some(1)).unique_items(true);
    let description = "Add keys to each project, comma-separated. `instance`: `version`, `tools` and \
                       `capabilities`, as its heartbeats say. `kpis`: `kpis`, `kpi_times` and `risk`, from \
                       the metrics that it reports.";
    let parameter = parameter("include", description, names.into(), json!(["kpis"]));
    parameter.style(Some(ParameterStyle::Form)).explode(Some(false)).build()
}

fn limit() -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .minimum(Some(1))
        .maximum(Some(1000));
    let description = "Maximum number of projects on a page. The header `Link` contains the next page. \
                       Without a limit, all remaining projects are returned.";
    parameter("limit", description, schema.into(), json!(100)).build()
}

fn cursor() -> Parameter {
    let description = "Start of a page, taken from the `Link` of the previous page. Valid only with the \
                       same filters and sort key; `limit` and `fields` may change.";
    let schema = string().pattern(Some("^[A-Za-z0-9_-]+$"));
    // The whole catalog by id, after project 1.
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
