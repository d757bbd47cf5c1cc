//! What stands in the path and in the query of a request.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use federation_domain::{InvalidValue, ProjectStatus, Slug};

use crate::error::ApiError;

/// The slug of a path. A text that is no slug names no project, so it is not found.
#[derive(Debug)]
pub(crate) struct SlugPath(pub(crate) Slug);

impl FromRequest for SlugPath {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // Extracted as text, so that escapes such as %00 are resolved before they are judged.
        let text = web::Path::<String>::extract(request).into_inner();
        ready(match text {
            Ok(text) => Slug::parse(&text).map(Self).map_err(|_| ApiError::no_project(&text)),
            Err(_) => Err(ApiError::PathNotFound),
        })
    }
}

/// The status that `?status=` asks for, if it does.
#[derive(Debug)]
pub(crate) struct StatusFilter(pub(crate) Option<ProjectStatus>);

impl FromRequest for StatusFilter {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(status_of(request.query_string()).map(Self).map_err(|f| ApiError::Invalid(vec![f])))
    }
}

/// Other parameters are ignored; the same one twice is not, because neither is right.
fn status_of(query: &str) -> Result<Option<ProjectStatus>, InvalidValue> {
    let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|_| InvalidValue::new("query", query, "name=value pairs are allowed"))?;
    let given: Vec<&str> =
        pairs.iter().filter(|(name, _)| name == "status").map(|(_, value)| &**value).collect();
    match given[..] {
        [] => Ok(None),
        [value] => ProjectStatus::parse(value).map(Some),
        _ => Err(InvalidValue::new("status", &given.join(", "), "it may be given only once")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_statuses_are_accepted_as_they_are_spelled() {
        for status in ProjectStatus::ALL {
            assert_eq!(status_of(&format!("status={status}")).unwrap(), Some(status));
        }
        assert_eq!(status_of("").unwrap(), None);
        assert_eq!(status_of("Status=x&limit=5&%ff=%ff&&=").unwrap(), None);
        assert_eq!(status_of("a=b&status=%6fnline").unwrap(), Some(ProjectStatus::Online));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "status=",
            "status",
            "status=ONLINE",
            "status=online%20",
            "status=online,offline",
            "status=online&status=online",
            "status=%00",
        ] {
            assert_eq!(status_of(bad).unwrap_err().field, "status", "{bad}");
        }
    }
}
