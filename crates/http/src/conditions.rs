//! Conditional requests (RFC 9110, section 13): entity tags of projects, and the headers that
//! contain them.

mod tag_list;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETag, EntityTag, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{
    EdgeClaim, EdgePrecondition, EdgeTag, InvalidValue, Precondition, Project, RegistrationTag,
};
use xxhash_rust::xxh3::xxh3_64;

use self::tag_list::{Tag, TagList};
use crate::error::ApiError;

/// The strong entity tag of a project: `"{registration}-{representation}"`.
///
/// Reads compare the whole tag. Writes compare only the first part, which identifies the
/// registration, because a write cannot undo what a heartbeat changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProjectTag {
    registration: RegistrationTag,
    representation: u64,
}

impl ProjectTag {
    /// Computes the tag of a project in this representation.
    pub(crate) fn of(project: &Project, json: &[u8]) -> Self {
        Self { registration: RegistrationTag::of(project), representation: xxh3_64(json) }
    }

    /// Returns the header `ETag`.
    pub(crate) fn header(self) -> ETag {
        let Self { registration, representation } = self;
        ETag(EntityTag::new_strong(format!("{registration}-{representation:016x}")))
    }

    /// Returns whether the client of a `GET` already holds this version.
    pub(crate) fn is_held_by(self, request: &HttpRequest) -> bool {
        let ETag(tag) = self.header();
        held_by(request, [tag]).is_some()
    }
}

/// Returns the first of these tags that the `If-None-Match` of a `GET` contains.
///
/// Weak tags match too. A malformed header is ignored, because a full response is always correct.
pub(crate) fn held_by(
    request: &HttpRequest,
    tags: impl IntoIterator<Item = EntityTag>,
) -> Option<EntityTag> {
    let held = tag_list(request, &IF_NONE_MATCH).ok()??;
    tags.into_iter().find(|tag| match &held {
        TagList::Any => true,
        TagList::Tags(listed) => listed.iter().any(|one| one.0 == tag.tag()),
    })
}

/// The precondition of a write, from `If-Match` and `If-None-Match: *`.
#[derive(Debug)]
pub(crate) struct WriteCondition(pub(crate) Precondition);

impl FromRequest for WriteCondition {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(write_condition(request).map(Self).map_err(ApiError::MalformedHeader))
    }
}

fn write_condition(request: &HttpRequest) -> Result<Precondition, InvalidValue> {
    Ok(match wanted(request)? {
        Wanted::Anything => Precondition::Always,
        Wanted::Absence => Precondition::Absent,
        Wanted::Presence => Precondition::Present,
        Wanted::Tags(listed) => {
            Precondition::Unchanged(listed.iter().filter_map(registration_of).collect())
        }
    })
}

/// The precondition of a write to an edge, from `If-Match` and `If-None-Match: *`.
#[derive(Debug)]
pub(crate) struct EdgeCondition(pub(crate) EdgePrecondition);

impl FromRequest for EdgeCondition {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let condition = wanted(request).map(|wanted| match wanted {
            Wanted::Anything => EdgePrecondition::Always,
            Wanted::Absence => EdgePrecondition::Absent,
            Wanted::Presence => EdgePrecondition::Present,
            Wanted::Tags(listed) => {
                EdgePrecondition::Unchanged(listed.iter().filter_map(edge_tag_of).collect())
            }
        });
        ready(condition.map(Self).map_err(ApiError::MalformedHeader))
    }
}

/// Returns the header `ETag` of a claim about an edge.
pub(crate) fn edge_tag(claim: &EdgeClaim) -> ETag {
    ETag(EntityTag::new_strong(EdgeTag::of(claim).to_string()))
}

/// Parses the tag of a claim. A proxy that compresses a response may have added a suffix.
fn edge_tag_of(listed: &Tag) -> Option<EdgeTag> {
    EdgeTag::parse(listed.0.split('-').next()?)
}

/// State that a write requires.
enum Wanted {
    Anything,
    Absence,
    Presence,
    Tags(Vec<Tag>),
}

fn wanted(request: &HttpRequest) -> Result<Wanted, InvalidValue> {
    let match_any = tag_list(request, &IF_MATCH)?;
    let match_none = tag_list(request, &IF_NONE_MATCH)?;
    match (match_any, match_none) {
        (None, None) => Ok(Wanted::Anything),
        (Some(TagList::Any), None) => Ok(Wanted::Presence),
        (Some(TagList::Tags(listed)), None) => Ok(Wanted::Tags(listed)),
        (None, Some(TagList::Any)) => Ok(Wanted::Absence),
        (None, Some(TagList::Tags(_))) => {
            let allowed = "* in a write (send entity tags in If-Match)";
            Err(InvalidValue::new("If-None-Match", &given(request, &IF_NONE_MATCH), allowed))
        }
        (Some(_), Some(_)) => {
            let allowed = "only one of If-Match and If-None-Match in a write";
            Err(InvalidValue::new("If-None-Match", &given(request, &IF_NONE_MATCH), allowed))
        }
    }
}

/// Returns the first part of a project tag.
///
/// A weak tag counts as well, although RFC 9110 excludes it: a proxy that compresses a response
/// adds `W/` to its tag, and the tag still identifies the registration.
fn registration_of(listed: &Tag) -> Option<RegistrationTag> {
    let (registration, _) = listed.0.split_once('-')?;
    RegistrationTag::parse(registration)
}

/// Parses a header, which may consist of several lines. Returns `None` if it is absent.
fn tag_list(request: &HttpRequest, name: &HeaderName) -> Result<Option<TagList>, InvalidValue> {
    if !request.headers().contains_key(name) {
        return Ok(None);
    }
    let given = given(request, name);
    tag_list::parse(&given).map(Some).ok_or_else(|| {
        let field = if name == IF_MATCH { "If-Match" } else { "If-None-Match" };
        let allowed = "* or entity tags in double quotes, as in the header ETag";
        InvalidValue::new(field, &given, allowed)
    })
}

fn given(request: &HttpRequest, name: &HeaderName) -> String {
    let lines = request.headers().get_all(name);
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned());
    lines.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn condition(headers: &[(&str, &str)]) -> Result<Precondition, String> {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.append_header(*header);
        }
        write_condition(&request.to_http_request()).map_err(|fault| fault.to_string())
    }

    fn tag(text: &str) -> RegistrationTag {
        RegistrationTag::parse(text).unwrap()
    }

    const A: &str = "00000000000000aa";
    const B: &str = "00000000000000bb";

    #[test]
    fn a_write_without_headers_has_no_precondition() {
        assert_eq!(condition(&[]), Ok(Precondition::Always));
    }

    #[test]
    fn a_star_requires_that_the_project_exists_or_does_not_exist() {
        assert_eq!(condition(&[("if-match", " * ")]), Ok(Precondition::Present));
        assert_eq!(condition(&[("if-none-match", "*")]), Ok(Precondition::Absent));
    }

    #[test]
    fn only_the_registration_part_of_a_tag_counts() {
        let both = Ok(Precondition::Unchanged(vec![tag(A), tag(B)]));
        let (a, b) = (format!("\"{A}-1\""), format!("\"{B}-2,\\\""));
        assert_eq!(condition(&[("if-match", &format!("{a},,\t{b} ,"))]), both);
        assert_eq!(condition(&[("if-match", &a), ("if-match", &b)]), both);
    }

    #[test]
    fn a_weak_tag_of_a_compressing_proxy_counts_as_the_tag() {
        let both = Ok(Precondition::Unchanged(vec![tag(A), tag(B)]));
        // nginx adds `W/`, and Apache a suffix.
        let weak = format!("W/\"{A}-1\", \"{B}-2-gzip\"");
        assert_eq!(condition(&[("if-match", &weak)]), both);
    }

    #[test]
    fn foreign_tags_match_nothing() {
        for foreign in [format!("W/\"{A}\""), format!("\"{A}\""), "\"\", \"x-y\"".to_owned()] {
            let none = Ok(Precondition::Unchanged(Vec::new()));
            assert_eq!(condition(&[("if-match", &foreign)]), none, "{foreign}");
        }
    }

    #[test]
    fn a_malformed_header_is_rejected_by_name() {
        for bad in
            ["", ",", "x", "\"", "\"a", "a\"", "\"a\" \"b\"", "*, \"a\"", "w/\"a\"", "\"a b\""]
        {
            let fault = condition(&[("if-match", bad)]).unwrap_err();
            assert!(fault.starts_with("If-Match: expected * or entity tags"), "{bad}: {fault}");
        }
        let fault = condition(&[("if-none-match", "\"a\"")]).unwrap_err();
        assert!(fault.contains("expected * in a write"), "{fault}");
        let fault = condition(&[("if-none-match", "*"), ("if-match", "*")]).unwrap_err();
        assert!(fault.contains("expected only one of"), "{fault}");
    }
}
