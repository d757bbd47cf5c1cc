//! Validated values, created only by parsing.
//!
//! Lengths count characters, not bytes. All values reject control characters, so that none can
//! break a log line, a terminal or a database that forbids NUL.

mod hub_url;
mod interval;
mod labels;
mod mesh_namespace;
mod name;
mod reported_status;
mod slug;

pub use hub_url::HubUrl;
pub use interval::HeartbeatInterval;
pub use labels::{FanoutAllowlist, Tags};
pub use mesh_namespace::MeshNamespace;
pub use name::ProjectName;
pub use reported_status::ReportedStatus;
pub use slug::Slug;

/// Implements the common methods and traits of values made from a single text.
macro_rules! text_value {
    ($name:ident) => {
        impl $name {
            /// Returns the text as given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::InvalidValue;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_value;
