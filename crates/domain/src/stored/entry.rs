//! Stored entries of the log.

use time::OffsetDateTime;

use super::{Columns, Decoded};
use crate::change::{Change, ChangeKind, ChangePayload, Revision};
use crate::error::StoreError;
use crate::log::{Actor, LogEntry, OpaqueEntry, PROJECT, StatusStep, StoredEntry};
use crate::values::Slug;

/// The columns of a stored entry of the log.
#[derive(Debug)]
pub struct EntryRecord {
    /// See [`Revision`].
    pub revision: i64,
    /// Time of the change.
    pub at: Decoded<OffsetDateTime>,
    /// Entity that changed.
    pub entity: String,
    /// Key of the thing that changed.
    pub key: String,
    /// Kind of the change.
    pub kind: String,
    /// JSON.
    pub payload: String,
    /// See [`Actor`].
    pub actor: String,
}

/// Decoders of payloads, which depend on the store's decoder of JSON.
#[derive(Debug, Clone, Copy)]
pub struct PayloadDecoders {
    /// Decodes the payload of a change.
    pub change: fn(&str) -> Option<ChangePayload<'static>>,
    /// Decodes only the statuses in a payload.
    pub step: fn(&str) -> Option<StatusStep>,
}

impl EntryRecord {
    /// Parses the columns.
    ///
    /// An entry of a project whose kind or payload is not known is [`LogEntry::Opaque`]. An entry is
    /// [`StoredEntry::Unreadable`] if its time is out of range, or if its entity or kind has
    /// characters that such a name does not have.
    #[must_use]
    pub fn into_entry(self, decoders: PayloadDecoders) -> StoredEntry {
        let revision = Revision(self.revision);
        let slug = (self.entity == PROJECT).then(|| Slug::parse(&self.key).ok()).flatten();
        match self.read(slug.as_ref(), decoders) {
            Ok(entry) => StoredEntry::Readable(entry),
            Err(fault) => StoredEntry::Unreadable { revision, slug, fault },
        }
    }

    fn read(self, slug: Option<&Slug>, decoders: PayloadDecoders) -> Result<LogEntry, StoreError> {
        let mut columns = Columns::new("changes", self.revision);
        let revision = Revision(self.revision);
        let at = columns.required("at", self.at, None)?;
        let entity = columns.required("entity", name(self.entity), None)?;
        let kind = columns.required("kind", name(self.kind), None)?;
        let actor = Actor::parse(&self.actor);
        if let (Some(slug), Some(known)) = (slug, ChangeKind::from_name(&kind))
            && let Some(ChangePayload { from, to, cause }) = (decoders.change)(&self.payload)
        {
            let (slug, cause) = (slug.clone(), cause.into_owned());
            return Ok(Change { revision, slug, kind: known, from, to, at, cause, actor }.into());
        }
        let step = slug.and_then(|_| (decoders.step)(&self.payload));
        let step = step.filter(|step| step.from.is_some() || step.to.is_some());
        let Self { key, payload, .. } = self;
        let payload = one_line(payload);
        Ok(OpaqueEntry { revision, at, entity, key, kind, payload, actor, step }.into())
    }
}

/// Checks an entity or a kind, which becomes part of the name of an event.
fn name(text: String) -> Result<String, &'static str> {
    let is_valid = (1..=50).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.'));
    if is_valid { Ok(text) } else { Err("expected 1 to 50 of a-z, 0-9, _, - and .") }
}

/// Removes line breaks, which JSON has only between its tokens. They would end the data of an event.
fn one_line(payload: String) -> String {
    if payload.contains(['\n', '\r']) { payload.replace(['\n', '\r'], " ") } else { payload }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::change::Cause;
    use crate::project::ProjectStatus::{Offline, Online};

    /// Takes the payload `known` for a change and the payload `step` for statuses.
    const DECODERS: PayloadDecoders = PayloadDecoders {
        change: |payload| {
            let cause = Cow::Owned(Cause::Operator);
            (payload == "known").then_some(ChangePayload { from: None, to: Some(Online), cause })
        },
        step: |payload| {
            (payload == "step").then_some(StatusStep { from: Some(Online), to: Some(Offline) })
        },
    };

    fn record(entity: &str, kind: &str, payload: &str) -> EntryRecord {
        EntryRecord {
            revision: 3,
            at: Ok(OffsetDateTime::UNIX_EPOCH),
            entity: entity.to_owned(),
            key: "a".to_owned(),
            kind: kind.to_owned(),
            payload: payload.to_owned(),
            actor: "env-1".to_owned(),
        }
    }

    fn read(record: EntryRecord) -> LogEntry {
        record.into_entry(DECODERS).into_entry().unwrap()
    }

    #[test]
    fn an_entry_of_a_known_kind_is_a_change() {
        let entry = read(record("project", "removed", "known"));
        let change = entry.change().unwrap();
        assert_eq!((change.kind, change.to), (ChangeKind::Removed, Some(Online)));
        assert_eq!((entry.key(), entry.actor().as_str()), ("a", "env-1"));
    }

    #[test]
    fn an_entry_of_an_unknown_kind_or_payload_keeps_what_it_says() {
        for (kind, payload) in [("renamed", "known"), ("renamed", "step"), ("removed", "step")] {
            let entry = read(record("project", kind, payload));
            assert_eq!((entry.kind(), entry.slug()), (kind, Slug::parse("a").ok()));
            assert!(entry.change().is_none());
            assert_eq!(entry.step().is_some(), payload == "step");
        }
    }

    #[test]
    fn an_entry_of_another_entity_is_not_about_a_project() {
        let entry = read(record("edge", "removed", "known\nagain"));
        let LogEntry::Opaque(opaque) = &entry else { panic!("{entry:?}") };
        assert_eq!((opaque.entity.as_str(), opaque.payload.as_str()), ("edge", "known again"));
        assert_eq!((entry.slug(), entry.is_of_a_project(), entry.step()), (None, false, None));
        assert!(!entry.is_of(&Slug::parse("a").unwrap()));
    }

    #[test]
    fn an_entry_that_does_not_parse_keeps_its_place_and_its_slug() {
        let late = EntryRecord { at: Err("infinity".into()), ..record("project", "x", "known") };
        for bad in [late, record("project", "no\nkind", ""), record("project", "", "")] {
            let entry = bad.into_entry(DECODERS);
            assert_eq!((entry.revision(), entry.slug()), (Revision(3), Slug::parse("a").ok()));
            assert!(entry.entry().is_none());
        }
    }
}
