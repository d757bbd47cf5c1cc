use federation_domain::{Condition, Slug};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::decode::read_object;
use super::field;
use super::said::ReportFields;

/// Answer of a project to a ping:
///
/// ```json
/// {"project_slug":"docs","status":"degraded","degradedReasons":["queue backlog"]}
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PingAnswer<'a> {
    /// Slug of the project.
    pub slug: &'a Slug,
    /// Reported condition.
    pub condition: &'a Condition,
}

#[derive(Serialize)]
struct Payload<'a> {
    project_slug: &'a Slug,
    #[serde(flatten)]
    said: ReportFields<'a>,
}

impl PingAnswer<'_> {
    /// Encodes the payload.
    ///
    /// # Errors
    /// Fails if the serializer fails, which it should not.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Payload { project_slug: self.slug, said: Some(self.condition).into() })
    }
}

/// Returns whether a reply to a ping can come from this project. It can unless it names another one:
/// projects may answer with any payload, including an empty one.
#[must_use]
pub fn is_answer_of(slug: &Slug, payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Reply<'a> {
        #[serde(borrow, default)]
        project_slug: Option<&'a RawValue>,
    }
    let reply: Option<Reply<'_>> = read_object(payload).ok();
    let named = reply.and_then(|reply| reply.project_slug).and_then(field::text);
    named.is_none_or(|named| named == slug.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs() -> Slug {
        Slug::parse("docs").unwrap()
    }

    #[test]
    fn an_answer_has_the_slug_and_the_condition() {
        let encode = |condition: &Condition| {
            let answer = PingAnswer { slug: &docs(), condition };
            String::from_utf8(answer.encode().unwrap()).unwrap()
        };
        assert_eq!(encode(&Condition::Online), r#"{"project_slug":"docs","status":"online"}"#);
        let degraded = Condition::Degraded { reasons: vec!["slow".into()] };
        assert_eq!(
            encode(&degraded),
            r#"{"project_slug":"docs","status":"degraded","degradedReasons":["slow"]}"#
        );
    }

    #[test]
    fn a_reply_counts_unless_it_names_another_project() {
        for reply in ["", "pong", "{}", "[]", r#"{"project_slug":7}"#, r#"{"project_slug":"docs"}"#]
        {
            assert!(is_answer_of(&docs(), reply.as_bytes()), "{reply}");
        }
        assert!(is_answer_of(&docs(), &[0xff]));
        for reply in [r#"{"project_slug":"blog"}"#, r#" {"a":1,"project_slug":"\u0062"}"#] {
            assert!(!is_answer_of(&docs(), reply.as_bytes()), "{reply}");
        }
    }
}
