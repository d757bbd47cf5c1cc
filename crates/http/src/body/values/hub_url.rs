//! The OpenAPI schema of hub URLs.

use std::borrow::Cow;

use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

const DESCRIPTION: &str = "URL of a project: an absolute http or https URL without credentials. Its host is \
    an IP address, or a name whose labels consist of letters and digits, with hyphens and underscores \
    only inside. Its port, if any, is 1 to 65535.";

/// URL of a project.
#[derive(Debug)]
pub(in crate::body) struct HubUrlSchema;

impl PartialSchema for HubUrlSchema {
    fn schema() -> RefOr<Schema> {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(pattern()))
            .max_length(Some(500))
            .description(Some(DESCRIPTION))
            .examples([json!("http://localhost:8000")]);
        schema.into()
    }
}

impl ToSchema for HubUrlSchema {
    fn name() -> Cow<'static, str> {
        "HubUrl".into()
    }
}

fn pattern() -> String {
    // URL parsers treat a host whose last label is a number as an IPv4 address.
    let label = "[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?";
    let last = "[A-Za-z]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?";
    let byte = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
    // Maximum length of a name in DNS (RFC 1035).
    let length = "(?![^/?#:]{254})";
    let host = format!(r"({length}({label}\.)*{last}\.?|{byte}(\.{byte}){{3}}|\[{}\])", ipv6());
    let port =
        "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
    let rest = r"[/?#][^\s\x00-\x1f\x7f-\x9f\\]*";
    format!("^[Hh][Tt][Tt][Pp][Ss]?://{host}(:{port})?({rest})?$")
}

/// Matches eight groups, or up to seven with `::` in place of the omitted ones.
fn ipv6() -> String {
    let group = "[0-9A-Fa-f]{1,4}";
    let mut forms = vec![format!("({group}:){{7}}{group}")];
    for before in 0..=7 {
        let first = if before == 0 { ":".to_owned() } else { format!("({group}:){{{before}}}") };
        forms.push(match 7 - before {
            0 => format!("{first}:"),
            after => format!("{first}:({group}(:{group}){{0,{}}})?", after - 1),
        });
    }
    format!("({})", forms.join("|"))
}
