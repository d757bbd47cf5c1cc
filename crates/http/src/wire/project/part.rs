//! The OpenAPI schema of a project that may be reduced to selected keys.

use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::body::ProjectBody;

/// A project, or the keys of it that `fields` selects.
pub(crate) struct ProjectFields;

impl PartialSchema for ProjectFields {
    fn schema() -> RefOr<Schema> {
        let mut part = <ProjectBody<'_>>::schema();
        if let RefOr::T(Schema::Object(object)) = &mut part {
            object.required.clear();
            object.description = Some("The selected keys of a project.".to_owned());
            object.example = Some(serde_json::json!({"slug": "commandcenter", "status": "online"}));
        }
        let whole = Ref::from_schema_name(<ProjectBody<'_>>::name());
        let description = "A project, or the selected keys of it.";
        AnyOfBuilder::new().item(whole).item(part).description(Some(description)).into()
    }
}

impl ToSchema for ProjectFields {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((<ProjectBody<'_>>::name().into_owned(), <ProjectBody<'_>>::schema()));
        <ProjectBody<'_>>::schemas(schemas);
    }
}
