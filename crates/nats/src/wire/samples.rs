//! Samples of metrics: `{"metrics": {type: value}, "observed_at": time}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use federation_domain::{InvalidValue, MAX_SAMPLES, Sample, SampleValue, Slug, parse_observed_at};
use serde::Serialize;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use time::OffsetDateTime;

use super::decode::{DecodeError, object_text};
use super::timestamp;
use crate::replica::ReplicaId;
use crate::subjects;

/// Decoded samples of a project, which borrow from the message.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedSamples<'a> {
    /// Project that the sender is allowed to report for.
    pub slug: &'a str,
    /// The valid samples.
    pub samples: Vec<Sample<'a>>,
    /// Number of invalid samples, which are dropped.
    pub invalid: u64,
    /// Time at which the samples were observed, if the payload has one.
    pub observed_at: Option<OffsetDateTime>,
}

/// Decodes a message on `hub.metrics.{slug}`.
///
/// # Errors
/// Returns why the message has no samples.
pub fn decode_samples<'a>(
    subject: &'a str,
    payload: &'a [u8],
) -> Result<DecodedSamples<'a>, DecodeError> {
    let slug = subjects::parse_metrics(subject).map_err(|_| DecodeError::BadSubject)?;
    decode_for(slug, payload).map(|(_, samples)| samples)
}

/// Decodes samples of a project, and the replica that the payload names.
fn decode_for<'a>(
    slug: &'a str,
    payload: &'a [u8],
) -> Result<(Option<Cow<'a, str>>, DecodedSamples<'a>), DecodeError> {
    let text = object_text(payload)?;
    let message: Message<'a> = serde_json::from_str(text).map_err(|_| DecodeError::Malformed)?;
    if message.slug.as_ref().is_some_and(|named| named != slug) {
        return Err(DecodeError::Spoofed);
    }
    let Entries { samples, invalid, is_too_long } =
        message.metrics.ok_or(DecodeError::Malformed)?;
    if is_too_long {
        return Err(DecodeError::Oversized);
    }
    let observed_at = message.observed_at.map(|text| parse_observed_at("observed_at", &text));
    let observed_at = observed_at.transpose().map_err(|_| DecodeError::Malformed)?;
    Ok((message.replica, DecodedSamples { slug, samples, invalid, observed_at }))
}

/// Decodes samples that another replica received over HTTP, on `hub.federation.metrics.{slug}`.
///
/// # Errors
/// Returns why the message has no samples.
pub(crate) fn decode_relayed_samples<'a>(
    subject: &'a str,
    payload: &'a [u8],
) -> Result<(ReplicaId, DecodedSamples<'a>), DecodeError> {
    let slug = subjects::parse_relayed_metrics(subject).map_err(|_| DecodeError::BadSubject)?;
    let (replica, samples) = decode_for(slug, payload)?;
    let replica = replica.as_deref().and_then(ReplicaId::parse).ok_or(DecodeError::Malformed)?;
    Ok((replica, samples))
}

/// The known keys of a message. Others are ignored.
#[derive(Default)]
struct Message<'a> {
    slug: Option<Cow<'a, str>>,
    replica: Option<Cow<'a, str>>,
    metrics: Option<Entries<'a>>,
    observed_at: Option<Cow<'a, str>>,
}

/// Entries of the object `metrics`.
#[derive(Default)]
struct Entries<'a> {
    samples: Vec<Sample<'a>>,
    invalid: u64,
    is_too_long: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Message<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;

        impl<'de> Visitor<'de> for MessageVisitor {
            type Value = Message<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut message = Message::default();
                while let Some(key) = map.next_key::<BorrowedText<'de>>()? {
                    match key.0.as_ref() {
                        "metrics" => once(&mut message.metrics, map.next_value_seed(EntriesSeed)?)?,
                        "project_slug" | "projectSlug" => {
                            once(&mut message.slug, map.next_value::<BorrowedText<'de>>()?.0)?;
                        }
                        "replica" => {
                            once(&mut message.replica, map.next_value::<BorrowedText<'de>>()?.0)?;
                        }
                        "observed_at" | "observedAt" => {
                            if let Some(text) = map.next_value::<Option<BorrowedText<'de>>>()? {
                                once(&mut message.observed_at, text.0)?;
                            }
                        }
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(message)
            }
        }

        deserializer.deserialize_map(MessageVisitor)
    }
}

fn once<T, E: Error>(place: &mut Option<T>, value: T) -> Result<(), E> {
    if place.replace(value).is_some() { Err(E::custom("duplicate key")) } else { Ok(()) }
}

struct EntriesSeed;

impl<'de> DeserializeSeed<'de> for EntriesSeed {
    type Value = Entries<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntriesSeed {
    type Value = Entries<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of metrics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Entries::default();
        while let Some(BorrowedText(metric)) = map.next_key()? {
            if entries.samples.iter().any(|known| known.metric() == metric) {
                return Err(A::Error::custom("duplicate key"));
            }
            let value = map.next_value::<EntryValue<'de>>()?;
            if entries.samples.len() + entries.invalid as usize >= MAX_SAMPLES {
                entries.is_too_long = true;
                continue;
            }
            match value.check(&metric).and_then(|value| Sample::new(metric, value)) {
                Ok(sample) => entries.samples.push(sample),
                Err(_) => entries.invalid += 1,
            }
        }
        Ok(entries)
    }
}

/// Value of an entry, not checked yet.
pub(super) enum EntryValue<'a> {
    Number(f64),
    Boolean(bool),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> EntryValue<'a> {
    /// Returns the value of the sample.
    pub(super) fn check(self, field: &str) -> Result<SampleValue<'a>, InvalidValue> {
        match self {
            Self::Number(number) => SampleValue::number(field, number),
            Self::Boolean(is_true) => Ok(SampleValue::boolean(is_true)),
            Self::Text(text) => SampleValue::text(field, text),
            Self::Other => {
                Err(InvalidValue::new(field, "another value", "a number, a boolean or a text"))
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for EntryValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = EntryValue<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, is_true: bool) -> Result<Self::Value, E> {
        Ok(EntryValue::Boolean(is_true))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(EntryValue::Number(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "values are kept as doubles")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(EntryValue::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "values are kept as doubles")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(EntryValue::Number(number as f64))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(EntryValue::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(EntryValue::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(EntryValue::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(EntryValue::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(EntryValue::Other)
    }
}

/// A string, borrowed unless it contains escapes.
pub(super) struct BorrowedText<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for BorrowedText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = BorrowedText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(BorrowedText(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(BorrowedText(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

/// Encodes values as a message for `hub.metrics.{slug}`, or, with the replica that received them, for the
/// other replicas.
///
/// # Errors
/// Fails only if the year has more than four digits.
pub(crate) fn encode_samples<'a>(
    slug: &Slug,
    replica: Option<ReplicaId>,
    values: impl Iterator<Item = (&'a str, PlainValue<'a>)>,
    at: OffsetDateTime,
) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Samples<'a> {
        project_slug: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        replica: Option<String>,
        metrics: BTreeMap<&'a str, PlainValue<'a>>,
        observed_at: String,
    }

    serde_json::to_vec(&Samples {
        project_slug: slug.as_str(),
        replica: replica.map(|replica| replica.to_string()),
        metrics: values.collect(),
        observed_at: timestamp::write(at)?,
    })
}

/// A value in a message.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum PlainValue<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl<'a> PlainValue<'a> {
    /// Creates a value from a number or, without one, a text.
    pub(crate) fn of(number: Option<f64>, text: Option<&'a str>) -> Self {
        match number {
            Some(number) => Self::Number(number),
            None => Self::Text(text.unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(payload: &str) -> Result<DecodedSamples<'_>, DecodeError> {
        decode_samples("hub.metrics.docs", payload.as_bytes())
    }

    fn shown(decoded: &DecodedSamples<'_>) -> Vec<String> {
        let value = |sample: &Sample<'_>| match sample.value().as_number() {
            Some(number) => number.to_string(),
            None => format!("{:?}", sample.value().as_text().unwrap()),
        };
        decoded.samples.iter().map(|one| format!("{}={}", one.metric(), value(one))).collect()
    }

    #[test]
    fn numbers_booleans_and_texts_are_samples() {
        let decoded = decode(
            r#"{"metrics": {"coverage.percent": 84.2, "a": -1, "b": true, "v": "1\u00322", "n": "12"},
                "observed_at": "2026-11-28T12:00:00Z", "more": {"a": [1]}}"#,
        )
        .unwrap();
        let expected = ["coverage.percent=84.2", "a=-1", "b=1", "v=\"122\"", "n=\"12\""];
        assert_eq!((decoded.slug, shown(&decoded)), ("docs", expected.map(str::to_owned).to_vec()));
        assert_eq!(decoded.observed_at, Some(time::macros::datetime!(2026-11-28 12:00 UTC)));
        assert_eq!(decoded.invalid, 0);
    }

    #[test]
    fn an_invalid_sample_hides_no_other() {
        let text = "x".repeat(501);
        let decoded = format!(
            r#"{{"metrics": {{"A": 1, "a": null, "b": [1], "c": {{}}, "d": "{text}", "e": "", "f": 1}}}}"#
        );
        let decoded = decode(&decoded).unwrap();
        assert_eq!((shown(&decoded), decoded.invalid), (vec!["f=1".to_owned()], 6));
    }

    #[test]
    fn a_message_that_is_not_of_the_form_is_rejected() {
        for malformed in [
            "",
            "[]",
            "{}",
            "1",
            r#"{"metrics": [1]}"#,
            r#"{"metrics": {"a": NaN}}"#,
            r#"{"metrics": {"a": 1e999}}"#,
            r#"{"metrics": {"a": 1, "a": 2}}"#,
            r#"{"metrics": {}, "metrics": {}}"#,
            r#"{"metrics": {}, "observed_at": "noon"}"#,
            r#"{"metrics": {}, "observed_at": 7}"#,
            r#"{"metrics": {"a": "\ud800"}}"#,
        ] {
            assert_eq!(decode(malformed), Err(DecodeError::Malformed), "{malformed}");
        }
        let spoofed = r#"{"metrics": {"a": 1}, "projectSlug": "other"}"#;
        assert_eq!(decode(spoofed), Err(DecodeError::Spoofed));
        assert!(decode(r#"{"metrics": {"a": 1}, "project_slug": "docs"}"#).is_ok());
    }

    #[test]
    fn a_message_is_bounded() {
        let entries = |count: usize| {
            let entries: Vec<_> = (0..count).map(|n| format!("\"m{n}\": {n}")).collect();
            format!("{{\"metrics\": {{{}}}}}", entries.join(","))
        };
        assert_eq!(decode(&entries(100)).unwrap().samples.len(), 100);
        assert_eq!(decode(&entries(101)), Err(DecodeError::Oversized));
        assert_eq!(decode(&" ".repeat(1_000_000)), Err(DecodeError::Oversized));
    }

    #[test]
    fn relayed_samples_name_the_replica_that_received_them() {
        let (slug, replica) = (Slug::parse("docs").unwrap(), ReplicaId::random());
        let at = time::macros::datetime!(2026-11-28 12:00 UTC);
        let values = [("a.b", PlainValue::Number(1.5)), ("v", PlainValue::Text("1.4"))];
        let payload = encode_samples(&slug, Some(replica), values.into_iter(), at).unwrap();
        let (from, decoded) =
            decode_relayed_samples("hub.federation.metrics.docs", &payload).unwrap();
        assert_eq!((from, decoded.slug, decoded.observed_at), (replica, "docs", Some(at)));
        assert_eq!(shown(&decoded), ["a.b=1.5", "v=\"1.4\""]);
        let anonymous = decode_relayed_samples("hub.federation.metrics.docs", br#"{"metrics":{}}"#);
        assert_eq!(anonymous, Err(DecodeError::Malformed));
    }

    #[test]
    fn the_subject_names_the_project() {
        for subject in ["hub.metrics.", "hub.metrics.A", "hub.metrics.a.b", "hub.presence.a"] {
            assert_eq!(decode_samples(subject, b"{}"), Err(DecodeError::BadSubject), "{subject}");
        }
    }
}
