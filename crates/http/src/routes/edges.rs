//! Endpoints under `/api/fed/edges`. They read the claims of all sources and write those of the API.

pub(crate) mod declare;
pub(crate) mod declare_all;
pub(crate) mod list;
pub(crate) mod remove;

use federation_domain::{EdgeKey, EdgeRejection, MAX_EDGES_PER_PROJECT, Slug};

use crate::error::ApiError;
use crate::state::ApiState;

/// Rejects edges that start at a project that is not registered.
fn require_registered(state: &ApiState, from: &Slug) -> Result<(), ApiError> {
    state.catalog.find(from)?;
    Ok(())
}

fn rejected(edge: &EdgeKey, rejection: EdgeRejection) -> ApiError {
    match rejection {
        EdgeRejection::TooMany => ApiError::TooManyEdges {
            project: edge.from().to_string(),
            max_edges: MAX_EDGES_PER_PROJECT,
        },
        EdgeRejection::PreconditionFailed(stored) => {
            ApiError::EdgePreconditionFailed { edge: edge.to_string(), exists: stored.is_some() }
        }
    }
}
