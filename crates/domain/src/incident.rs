//! Incidents: what is wrong, and which project is the cause.
//!
//! [`decide_incidents`] is a pure function. It takes the [`LiveIncidents`] as they are stored and the
//! [`IncidentFacts`], and returns what has to change ([`IncidentChange`]). One replica at a time calls
//! it, but the result does not depend on which one.
//!
//! An incident has one **root**. Other projects are **affected**: they are down, and the projects that
//! they depend on lead to the root. An incident of a [`MetricRule`] is about one project, and is never
//! the cause of another one.

mod attribution;
mod components;
mod decision;
mod edit;
mod event;
mod facts;
mod listened;
mod live;
mod membership;
mod metric;
mod record;
mod rule;
mod stored;
mod words;

pub use decision::decide_incidents;
pub use edit::{IncidentEdit, IncidentEditError, MAX_COMMENT_CHARS};
pub use event::{INCIDENT, IncidentNotice, TimelineEvent};
pub use facts::{IncidentFacts, ProjectFacts, StatusSpell, deaf_since, is_a_cause};
pub use listened::{HEARD_WITHIN, ListenedTime};
pub use live::{IncidentChange, LiveIncident, LiveIncidents};
pub use metric::{
    Comparison, HeardValue, MAX_ABSENCE, MAX_HOLD, MAX_OPEN_OF_A_RULE, MAX_OPENED_AT_ONCE,
    MAX_RULE_TARGETS, MAX_WITHIN, MetricCondition, MetricEvidence, MetricRule, MetricRuleDraft,
    MetricVerdict, RuleName, RuleScope, Streak, Verdict,
};
pub use record::{Incident, IncidentId, IncidentKind, IncidentMember, IncidentStatus, MAX_PATH};
pub use rule::IncidentRule;
pub use stored::{IncidentMemberRecord, IncidentRecord};
