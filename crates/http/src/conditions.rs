//! Conditional requests (RFC 9110, section 13): the entity tag of a project, and the headers that
//! name one.

mod list;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{ETag, EntityTag, HeaderName, IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use federation_domain::{InvalidValue, Precondition, Project, RegistrationTag};
use xxhash_rust::xxh3::xxh3_64;

use self::list::{Listed, Tags};
use crate::error::ApiError;

/// The entity tag of a project: `"{registration}-{representation}"`, a strong one.
///
/// Who reads compares all of it. Who writes compares the first part alone: it tells what a
/// registration sets, and a write cannot undo what a heartbeat changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProjectTag {
    registration: RegistrationTag,
    representation: u64,
}

impl ProjectTag {
    /// The tag of a project in this representation.
    pub(crate) fn of(project: &Project, json: &[u8]) -> Self {
        Self { registration: RegistrationTag::of(project), representation: xxh3_64(json) }
    }

    /// As a header.
    pub(crate) fn header(self) -> ETag {
        let Self { registration, representation } = self;
        ETag(EntityTag::new_strong(format!("{registration}-{representation:016x}")))
    }

    /// Whether the caller of a `GET` says that he has this version.
    pub(crate) fn is_held_by(self, request: &HttpRequest) -> bool {
        let ETag(tag) = self.header();
        held_by(request, [tag]).is_some()
    }
}

/// The first of these tags of an answer by which the caller of a `GET` says that he has it. Whether a
/// tag is weak does not matter to a reader. A header that is malformed says nothing: he gets the
/// answer, which is never wrong.
pub(crate) fn held_by(
    request: &HttpRequest,
    answer: impl IntoIterator<Item = EntityTag>,
) -> Option<EntityTag> {
    let held = tags(request, &IF_NONE_MATCH).ok()??;
    answer.into_iter().find(|tag| match &held {
        Tags::Any => true,
        Tags::These(listed) => listed.iter().any(|one| one.opaque == tag.tag()),
    })
}

/// What `If-Match` and `If-None-Match: *` ask of a write.
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
    let (must, must_not) = (tags(request, &IF_MATCH)?, tags(request, &IF_NONE_MATCH)?);
    match (must, must_not) {
        (None, None) => Ok(Precondition::Always),
        (Some(Tags::Any), None) => Ok(Precondition::Present),
        (Some(Tags::These(listed)), None) => {
            Ok(Precondition::Unchanged(listed.iter().filter_map(registration_of).collect()))
        }
        (None, Some(Tags::Any)) => Ok(Precondition::Absent),
        (None, Some(Tags::These(_))) => {
            let allowed = "* in a write (If-Match takes entity tags)";
            Err(InvalidValue::new("If-None-Match", &given(request, &IF_NONE_MATCH), allowed))
        }
        (Some(_), Some(_)) => {
            let allowed = "one of If-Match and If-None-Match in a write";
            Err(InvalidValue::new("If-None-Match", &given(request, &IF_NONE_MATCH), allowed))
        }
    }
}

/// The first part of a tag of ours. A weak tag is none: it does not tell two versions apart.
fn registration_of(listed: &Listed) -> Option<RegistrationTag> {
    let (registration, _) = listed.opaque.split_once('-').filter(|_| !listed.is_weak)?;
    RegistrationTag::parse(registration)
}

/// The tags of a header, which may be spread over several lines; none where it is absent.
fn tags(request: &HttpRequest, name: &HeaderName) -> Result<Option<Tags>, InvalidValue> {
    if !request.headers().contains_key(name) {
        return Ok(None);
    }
    let given = given(request, name);
    list::parse(&given).map(Some).ok_or_else(|| {
        let field = if name == IF_MATCH { "If-Match" } else { "If-None-Match" };
        let allowed = "* or entity tags in double quotes, as the header ETag gives them";
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
    fn a_write_without_a_header_has_no_condition() {
        assert_eq!(condition(&[]), Ok(Precondition::Always));
    }

    #[test]
    fn a_star_says_whether_there_must_be_a_project() {
        assert_eq!(condition(&[("if-match", " * ")]), Ok(Precondition::Present));
        assert_eq!(condition(&[("if-none-match", "*")]), Ok(Precondition::Absent));
    }

    #[test]
    fn of_a_tag_the_part_of_the_registration_counts() {
        let both = Ok(Precondition::Unchanged(vec![tag(A), tag(B)]));
        let (a, b) = (format!("\"{A}-1\""), format!("\"{B}-2,\\\""));
        assert_eq!(condition(&[("if-match", &format!("{a},,\t{b} ,"))]), both);
        assert_eq!(condition(&[("if-match", &a), ("if-match", &b)]), both);
    }

    #[test]
    fn tags_that_are_weak_or_not_ours_match_nothing() {
        for foreign in [format!("W/\"{A}-1\""), format!("\"{A}\""), "\"\", \"x-y\"".to_owned()] {
            let none = Ok(Precondition::Unchanged(Vec::new()));
            assert_eq!(condition(&[("if-match", &foreign)]), none, "{foreign}");
        }
    }

    #[test]
    fn a_header_that_says_nothing_clear_is_refused_by_name() {
        for bad in
            ["", ",", "x", "\"", "\"a", "a\"", "\"a\" \"b\"", "*, \"a\"", "w/\"a\"", "\"a b\""]
        {
            let fault = condition(&[("if-match", bad)]).unwrap_err();
            assert!(fault.starts_with("If-Match: expected * or entity tags"), "{bad}: {fault}");
        }
        let fault = condition(&[("if-none-match", "\"a\"")]).unwrap_err();
        assert!(fault.contains("expected * in a write"), "{fault}");
        let fault = condition(&[("if-none-match", "*"), ("if-match", "*")]).unwrap_err();
        assert!(fault.contains("expected one of"), "{fault}");
    }
}
