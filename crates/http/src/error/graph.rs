//! Conversion of the errors of the graph.

use federation_application::{CatalogError, EdgeWriteError, GraphError};

use super::ApiError;

impl From<EdgeWriteError> for ApiError {
    fn from(error: EdgeWriteError) -> Self {
        CatalogError::from(error).into()
    }
}

impl From<GraphError> for ApiError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::NotFound(slug) => Self::no_project(slug.as_str()),
            GraphError::NotLoaded => Self::NotLoaded,
            GraphError::TooLarge { max_nodes } => Self::GraphTooLarge { max_nodes },
        }
    }
}
