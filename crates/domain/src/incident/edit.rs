//! Changes of incidents by people.

use time::OffsetDateTime;

use super::{
    IncidentChange, IncidentKind, IncidentNotice, IncidentStatus, LiveIncident, TimelineEvent,
};
use crate::InvalidValue;
use crate::log::Actor;
use crate::project::ProjectStatus;

/// Maximum length of a comment in characters.
pub const MAX_COMMENT_CHARS: usize = 2_000;

/// A change of an incident by a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IncidentEdit {
    /// Somebody works on the incident, with an optional comment.
    Acknowledge(Option<String>),
    /// A comment.
    Comment(String),
    /// The incident is over, with an optional comment. Members that are down stay silenced until they
    /// are online and down again, and a metric rule until its condition holds no more.
    Resolve(Option<String>),
}

/// Reason why a change by a person was not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncidentEditError {
    /// The incident is resolved.
    #[error("the incident is already resolved")]
    Resolved,
    /// The comment is empty or too long.
    #[error(transparent)]
    Invalid(#[from] InvalidValue),
}

impl IncidentEdit {
    /// Decides what the edit changes. Returns `None` if the incident already is as requested.
    ///
    /// # Errors
    /// Returns [`IncidentEditError`].
    pub fn decide(
        &self,
        stored: &LiveIncident,
        actor: &Actor,
        now: OffsetDateTime,
    ) -> Result<Option<IncidentChange>, IncidentEditError> {
        let comment = self.comment()?;
        let mut incident = stored.incident.clone();
        let is_open = incident.is_open();
        let (mut events, mut notice) = (Vec::new(), None);
        match self {
            Self::Comment(_) => {}
            Self::Acknowledge(_) if !is_open => return Err(IncidentEditError::Resolved),
            Self::Acknowledge(_) => {
                if incident.status == IncidentStatus::Open {
                    incident.status = IncidentStatus::Acknowledged;
                    incident.acknowledged = Some((actor.clone(), now));
                    events.push(TimelineEvent::Acknowledged);
                }
            }
            Self::Resolve(_) => {
                if is_open {
                    incident.status = IncidentStatus::Resolved;
                    incident.resolved_at = Some(now);
                    incident.resolved_by = Some(actor.clone());
                    let is_down = stored.current().any(|one| one.status != ProjectStatus::Online);
                    incident.silences = is_down || incident.kind == IncidentKind::Metric;
                    events.push(TimelineEvent::Resolved);
                    notice = Some(IncidentNotice::Resolved);
                }
            }
        }
        events.extend(comment.map(|text| TimelineEvent::Commented(text.to_owned())));
        if events.is_empty() {
            return Ok(None);
        }
        incident.updated_at = now;
        Ok(Some(IncidentChange { incident, members: Vec::new(), events, notice }))
    }

    fn comment(&self) -> Result<Option<&str>, InvalidValue> {
        let comment = match self {
            Self::Comment(text) => Some(text.as_str()),
            Self::Acknowledge(text) | Self::Resolve(text) => text.as_deref(),
        };
        let Some(text) = comment.map(str::trim) else { return Ok(None) };
        let is_valid = !text.is_empty()
            && text.chars().count() <= MAX_COMMENT_CHARS
            && text.chars().all(|one| !one.is_control() || one == '\n');
        if is_valid {
            return Ok(Some(text));
        }
        let allowed = "1 to 2000 characters without control characters";
        Err(InvalidValue::new("comment", text, allowed))
    }
}
