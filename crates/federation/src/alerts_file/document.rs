//! The shape of the file: its keys and the type of each value.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// The file before its values are parsed.
#[derive(Default, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "a mapping with the keys `channels`, `routes` and `rules`"
)]
pub(super) struct Document {
    #[serde(default)]
    pub(super) channels: Option<Vec<RawChannel>>,
    #[serde(default)]
    pub(super) routes: Option<Vec<RawRoute>>,
    #[serde(default)]
    pub(super) rules: Option<Vec<RawRule>>,
}

/// A channel before its values are parsed. Keys that its type does not use are rejected later.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with the fields of a channel")]
pub(super) struct RawChannel {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) url_file: Option<String>,
    #[serde(default)]
    pub(super) secret: Option<String>,
    #[serde(default)]
    pub(super) secret_file: Option<String>,
    #[serde(default)]
    pub(super) host: Option<String>,
    #[serde(default)]
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) security: Option<String>,
    #[serde(default)]
    pub(super) user: Option<String>,
    #[serde(default)]
    pub(super) password: Option<String>,
    #[serde(default)]
    pub(super) password_file: Option<String>,
    #[serde(default)]
    pub(super) from: Option<String>,
    #[serde(default)]
    pub(super) to: Option<Vec<String>>,
}

impl RawChannel {
    /// Returns the keys that are present, apart from `name` and `type`.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        let present = [
            ("url", self.url.is_some()),
            ("url_file", self.url_file.is_some()),
            ("secret", self.secret.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("security", self.security.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("password_file", self.password_file.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        present.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key).collect()
    }
}

/// A route before its values are parsed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with the fields of a route")]
pub(super) struct RawRoute {
    pub(super) channel: String,
    #[serde(default)]
    pub(super) severity: Vec<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) projects: Vec<String>,
    #[serde(default)]
    pub(super) kinds: Vec<String>,
    #[serde(default)]
    pub(super) events: Option<Vec<String>>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) group_wait: Option<String>,
}

/// A metric rule before its values are parsed.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with the fields of a rule")]
pub(super) struct RawRule {
    pub(super) name: String,
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    #[serde(default)]
    pub(super) when: Option<String>,
    #[serde(default, rename = "for", deserialize_with = "duration")]
    pub(super) hold: Option<String>,
    #[serde(default)]
    pub(super) increase: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    pub(super) absent_for: Option<String>,
    #[serde(default)]
    pub(super) severity: Option<String>,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) projects: Vec<String>,
}

/// Reads a duration, which may be a number of seconds.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = Option<String>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as 30s")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }
        fn visit_u64<E: Error>(self, seconds: u64) -> Result<Self::Value, E> {
            Ok(Some(seconds.to_string()))
        }
    }
    deserializer.deserialize_any(Text)
}
