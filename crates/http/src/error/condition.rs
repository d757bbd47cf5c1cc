//! What to do about a condition that did not hold.

use federation_domain::{Precondition, Refusal};

/// Says why, and what to do.
pub(super) fn why(refusal: &Refusal) -> String {
    let Refusal { slug, only_if, stored } = refusal;
    match (only_if, stored) {
        (Precondition::Absent, _) => format!(
            "Project '{slug}' exists already, and If-None-Match: * allows only to create it: to \
             change it, read it and give its ETag in If-Match"
        ),
        (_, None) => format!(
            "Project '{slug}' does not exist, and If-Match allows only to change it: to create it, \
             leave If-Match out"
        ),
        (Precondition::Unchanged(tags), Some(_)) if tags.is_empty() => format!(
            "If-Match names no version of project '{slug}': read it and give its ETag as it is, \
             with its quotes and without W/"
        ),
        (_, Some(_)) => format!(
            "Project '{slug}' was changed since the version that If-Match names: read it again, \
             and repeat your change on what it says now"
        ),
    }
}
