//! The OpenAPI schema of a project that may be reduced to selected keys.

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::ProjectBody;
use crate::wire::kpis::{KpiTimeBody, KpisSchema, RiskBody};
use crate::wire::verified::VerifiedBody;

/// A project, or the keys of it that `fields` selects.
pub(crate) struct ProjectFields;

impl PartialSchema for ProjectFields {
    fn schema() -> RefOr<Schema> {
        let mut part = <ProjectBody<'_>>::schema();
        if let RefOr::T(Schema::Object(object)) = &mut part {
            object.required.clear();
            for (key, schema) in figures() {
                object.properties.insert(key.to_owned(), schema);
            }
            object.description = Some("The selected keys of a project.".to_owned());
            object.example = Some(serde_json::json!({"slug": "commandcenter", "status": "online"}));
        }
        let whole = Ref::from_schema_name(<ProjectBody<'_>>::name());
        let description = "A project, or the selected keys of it.";
        AnyOfBuilder::new().item(whole).item(part).description(Some(description)).into()
    }
}

/// Returns the keys that follow those of a project, with their schemas.
fn figures() -> [(&'static str, RefOr<Schema>); 7] {
    let texts = |description: &str| {
        let text = ObjectBuilder::new().schema_type(Type::String);
        ArrayBuilder::new().items(text).description(Some(description))
    };
    let nullable = SchemaType::from_iter([Type::String, Type::Null]);
    let version = ObjectBuilder::new()
        .schema_type(nullable)
        .description(Some("Version of the program that runs there, as its heartbeats say."));
    let times = ObjectBuilder::new()
        .additional_properties(Some(Ref::from_schema_name(KpiTimeBody::name())))
        .description(Some("When each of the key figures that are not null was observed."));
    let nullable_object = |name: Cow<'static, str>| {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        OneOfBuilder::new().item(null).item(Ref::from_schema_name(name))
    };
    let verified = nullable_object(VerifiedBody::name()).description(Some(
        "Newest check of the project by the replica that responds. Absent unless VERIFY_ENDPOINTS is \
         set, and in lists. Null until this replica has asked the project at its current hub URL.",
    ));
    [
        ("version", version.into()),
        ("tools", texts("Tools that the project uses, as its heartbeats say.").into()),
        ("capabilities", texts("Capabilities of the project, as its heartbeats say.").into()),
        ("kpis", Ref::from_schema_name(KpisSchema::name()).into()),
        ("kpi_times", times.into()),
        ("risk", nullable_object(RiskBody::name()).into()),
        ("verified", verified.into()),
    ]
}

impl ToSchema for ProjectFields {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((<ProjectBody<'_>>::name().into_owned(), <ProjectBody<'_>>::schema()));
        <ProjectBody<'_>>::schemas(schemas);
        schemas.push((KpisSchema::name().into_owned(), KpisSchema::schema()));
        schemas.push((KpiTimeBody::name().into_owned(), KpiTimeBody::schema()));
        schemas.push((RiskBody::name().into_owned(), RiskBody::schema()));
        RiskBody::schemas(schemas);
        schemas.push((VerifiedBody::name().into_owned(), VerifiedBody::schema()));
    }
}
