//! Completes the parameters of all operations.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder};
use utoipa::openapi::{OpenApi, RefOr, Required, Schema};

use super::headers::operations;

/// Moves the example of each optional parameter into its schema. The page at `/docs` prefills the
/// example of a parameter, and optional parameters should be empty by default.
pub(super) fn complete(document: &mut OpenApi) {
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        optional(operation).for_each(move_example);
    }
}

fn optional(operation: &mut Operation) -> impl Iterator<Item = &mut Parameter> {
    let parameters =
        operation.parameters.iter_mut().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
    parameters.filter(|parameter| parameter.required == Required::False)
}

fn move_example(parameter: &mut Parameter) {
    // Utoipa exposes the example only in serialized form.
    let written = serde_json::to_value(&*parameter).unwrap_or_default();
    let Some(example) = written.get("example") else { return };
    let examples = match &mut parameter.schema {
        Some(RefOr::T(Schema::Object(schema))) => &mut schema.examples,
        Some(RefOr::T(Schema::Array(schema))) => &mut schema.examples,
        _ => return,
    };
    examples.push(example.clone());
    *parameter = ParameterBuilder::from(parameter.clone()).example(None).build();
}
