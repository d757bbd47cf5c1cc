//! Decoding of the fields of a payload, checked one by one.

use std::borrow::Cow;
use std::fmt;

use federation_domain::{
    Channel, Condition, Heartbeat, InstanceReport, InvalidValue, ReportedStatus, Reports, Source,
};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::decode::{DecodeError, DecodedHeartbeat};
use super::field::Field;
use super::fields::{self, Lenient};

/// Strategy for decoding values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeStrategy {
    /// In one pass. Values other than plain ones are errors.
    InPassing,
    /// Separately, so that an invalid one does not affect the others.
    OneByOne,
}

/// Known keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    ProjectSlug,
    HubUrl,
    MeshNamespace,
    Timestamp,
    Version,
    Tools,
    Capabilities,
    DependsOn,
    Status,
    #[serde(rename = "degradedReasons")]
    DegradedReasons,
    #[serde(rename = "degraded_reasons")]
    DegradedReasonsInSnakeCase,
    #[serde(rename = "latencyMs")]
    LatencyMs,
    #[serde(rename = "sampleAt")]
    SampleAt,
    #[serde(other)]
    Unknown,
}

/// Relation of the project in a payload to the project of the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    NotAtAll,
    AsTheSubject,
    Otherwise,
    ByNoText,
}

/// Fields decoded so far.
pub(super) struct Reading<'a> {
    slug: &'a str,
    /// Bit set of the keys seen.
    seen: u16,
    named: Named,
    hub_url: Option<Cow<'a, str>>,
    mesh_namespace: Option<Cow<'a, str>>,
    instance: InstanceReport<'a>,
    depends_on: Option<Vec<String>>,
    status: Option<Result<ReportedStatus, InvalidValue>>,
    /// Reasons by spelling: `degradedReasons`, then `degraded_reasons`.
    reasons: [Option<Vec<String>>; 2],
    has_invalid_reasons: bool,
    lenient: Lenient,
}

impl<'a> Reading<'a> {
    /// Decodes an object.
    ///
    /// # Errors
    /// Fails if the text does not parse or has a duplicate of a known key.
    pub(super) fn of(
        text: &'a str,
        slug: &'a str,
        pace: DecodeStrategy,
    ) -> serde_json::Result<Self> {
        let mut reading = Self {
            slug,
            seen: 0,
            named: Named::NotAtAll,
            hub_url: None,
            mesh_namespace: None,
            instance: InstanceReport::default(),
            depends_on: None,
            status: None,
            reasons: [None, None],
            has_invalid_reasons: false,
            lenient: Lenient::default(),
        };
        let mut json = serde_json::Deserializer::from_str(text);
        Object { reading: &mut reading, pace }.deserialize(&mut json)?;
        json.end()?;
        Ok(reading)
    }

    fn is_first(&mut self, key: Key) -> bool {
        let bit = 1 << key as u16;
        let is_first = self.seen & bit == 0;
        self.seen |= bit;
        is_first
    }

    fn take(&mut self, key: Key, field: Field<'a>) {
        let lenient = &mut self.lenient;
        match key {
            Key::ProjectSlug => {
                self.named = match field.text() {
                    Some(named) if named == self.slug => Named::AsTheSubject,
                    Some(_) => Named::Otherwise,
                    None => Named::ByNoText,
                }
            }
            Key::HubUrl => self.hub_url = lenient.take(field, fields::hub_url),
            Key::MeshNamespace => {
                let read = |field| fields::mesh_namespace(field, self.slug);
                self.mesh_namespace = lenient.take(field, read);
            }
            Key::Timestamp | Key::SampleAt => lenient.check(field, fields::is_timestamp),
            Key::Version => self.instance.version = lenient.take(field, Field::text),
            Key::Tools => self.instance.tools = lenient.take(field, Field::texts),
            Key::Capabilities => self.instance.capabilities = lenient.take(field, Field::texts),
            Key::DependsOn => self.depends_on = lenient.take(field, Field::texts),
            Key::LatencyMs => lenient.check(field, fields::is_duration),
            Key::Status => {
                let status = fields::status(field);
                lenient.ignored += u32::from(status.is_err());
                self.status = Some(status);
            }
            Key::DegradedReasons | Key::DegradedReasonsInSnakeCase => {
                let mut reasons = lenient.take(field, Field::texts);
                reasons.iter_mut().for_each(|reasons| reasons.truncate(Reports::MAX_REASONS));
                self.has_invalid_reasons |= reasons.is_none();
                self.reasons[usize::from(key == Key::DegradedReasonsInSnakeCase)] = reasons;
            }
            Key::Unknown => {}
        }
    }

    /// Returns the heartbeat.
    ///
    /// # Errors
    /// Fails if the payload names another project, or lacks a required name.
    pub(super) fn finish(mut self, channel: Channel) -> Result<DecodedHeartbeat<'a>, DecodeError> {
        match self.named {
            Named::AsTheSubject => {}
            // A heartbeat must name its project. For a health sample the subject is enough.
            Named::NotAtAll if channel == Channel::Health => {}
            Named::Otherwise => return Err(DecodeError::Spoofed),
            Named::NotAtAll | Named::ByNoText => return Err(DecodeError::Malformed),
        }
        let (condition, invalid_report) = match self.condition() {
            Ok(condition) => (condition, None),
            Err(invalid) => (Some(Condition::Unclear), Some(invalid)),
        };
        Ok(DecodedHeartbeat {
            heartbeat: Heartbeat {
                slug: self.slug,
                source: Source::Nats,
                channel,
                condition,
                key: None,
                instance: self.instance,
            },
            hub_url: self.hub_url,
            mesh_namespace: self.mesh_namespace,
            depends_on: self.depends_on,
            ignored_fields: self.lenient.ignored,
            invalid_report,
        })
    }

    /// Reasons next to a status that reports a healthy project are ignored and counted. Invalid
    /// reasons without a status do not report a healthy project.
    fn condition(&mut self) -> Result<Option<Condition>, InvalidValue> {
        let [in_camel_case, in_snake_case] = &mut self.reasons;
        let reasons = in_camel_case.take().or(in_snake_case.take()).unwrap_or_default();
        let status = self.status.take().transpose()?;
        if status.is_none() && reasons.is_empty() && self.has_invalid_reasons {
            return Err(fields::invalid_reasons());
        }
        let is_well = status == Some(ReportedStatus::Well);
        self.lenient.ignored += u32::from(is_well && !reasons.is_empty());
        Ok(ReportedStatus::condition(status, reasons))
    }
}

/// Decodes an object into a reading.
struct Object<'r, 'a> {
    reading: &'r mut Reading<'a>,
    pace: DecodeStrategy,
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for Object<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Object<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Key>()? {
            if key == Key::Unknown {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if !self.reading.is_first(key) {
                return Err(A::Error::custom("duplicate key"));
            }
            let field = match self.pace {
                DecodeStrategy::InPassing => map.next_value::<Option<Field<'a>>>()?,
                DecodeStrategy::OneByOne => {
                    map.next_value::<Option<&'a RawValue>>()?.map(Field::read)
                }
            };
            if let Some(field) = field {
                self.reading.take(key, field);
            }
        }
        Ok(())
    }
}
