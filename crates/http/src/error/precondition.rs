//! Explains a failed precondition and how to proceed.

use federation_domain::{FailedPrecondition, Precondition};

pub(super) fn detail(failed: &FailedPrecondition) -> String {
    let FailedPrecondition { slug, only_if, stored } = failed;
    match (only_if, stored) {
        (Precondition::Absent, _) => format!(
            "Project '{slug}' already exists, and If-None-Match: * permits only creating it. To \
             change it, read it and send its ETag in If-Match"
        ),
        (_, None) => format!(
            "Project '{slug}' does not exist, and If-Match permits only changing it. To create it, \
             omit If-Match"
        ),
        (Precondition::Unchanged(tags), Some(_)) if tags.is_empty() => format!(
            "If-Match contains no version of project '{slug}'. Read the project and send its ETag \
             unchanged, including the quotes"
        ),
        (_, Some(_)) => format!(
            "Project '{slug}' has changed since the version in If-Match. Read it again and reapply \
             your change"
        ),
    }
}

/// Explains why the precondition of a write to an edge failed.
pub(super) fn edge_detail(edge: &str, exists: bool) -> String {
    if exists {
        format!(
            "Edge '{edge}' is already declared, or has changed since the version in If-Match. Read it \
             again and reapply your change"
        )
    } else {
        format!(
            "Edge '{edge}' is not declared over the API, and If-Match permits only changing it. To \
             declare it, omit If-Match"
        )
    }
}
