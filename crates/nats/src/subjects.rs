//! NATS subjects.
//!
//! | subject | publisher | subscriber |
//! |---|---|---|
//! | `hub.presence.{slug}`, `hub.health.{slug}` | project | all replicas |
//! | `hub.metrics.{slug}` | project | all replicas |
//! | `graph.summary.nodes`, `audit.summary.status`, `security.summary.status`, `deploy.summary.status`, also after `{mesh_namespace}.` | project | all replicas |
//! | `hub.edges.{slug}`, `{mesh_namespace}.integration.edge`, `integration.edge` | project | all replicas |
//! | `{mesh_namespace}.ping` | replica, as a request | project, which replies |
//! | `hub.federation.changes.{slug}` | replica that made the change | other replicas and any other client |
//! | `hub.federation.changes._{entity}` | replica that wrote another entry of the log | the same |
//! | `hub.federation.incidents.{severity}` | replica that wrote an entry about an incident | any client |
//! | `hub.federation.heartbeats.{slug}` | replica that received the heartbeat over HTTP | other replicas |
//! | `hub.federation.metrics.{slug}` | replica that received the samples over HTTP | other replicas |
//! | `hub.federation.projects.list`, `hub.federation.projects.get`, `hub.federation.graph.get` | client, as a request | one replica, which replies |
//!
//! A client that may publish on `hub.federation.heartbeats.*` or `hub.federation.metrics.*` can send
//! heartbeats or metrics for any project. Permit that only to replicas.

use federation_domain::{Channel, INCIDENT, LogEntry, MeshNamespace, Severity, Slug};
use serde_json::Value;

/// Matches the heartbeats of all projects.
pub const ALL_PRESENCE: &str = "hub.presence.*";
/// Matches the health samples of all projects.
pub const ALL_HEALTH: &str = "hub.health.*";

/// Matches the relayed metrics of all projects.
pub const ALL_RELAYED_METRICS: &str = "hub.federation.metrics.*";
/// Matches the metrics of all projects.
pub const ALL_METRICS: &str = "hub.metrics.*";

/// Maximum number of tokens of a mesh namespace whose summaries are received. A wildcard of NATS
/// matches a single token.
pub const SUMMARY_DEPTH: usize = 8;

/// Kind of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SummaryKind {
    /// `graph.summary.nodes`.
    Graph,
    /// `audit.summary.status`.
    Audit,
    /// `security.summary.status`.
    Security,
    /// `deploy.summary.status`.
    Deploy,
}

impl SummaryKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Graph, Self::Audit, Self::Security, Self::Deploy];

    /// Returns the plain subject, which a mesh namespace may precede.
    #[must_use]
    pub fn subject(self) -> &'static str {
        match self {
            Self::Graph => "graph.summary.nodes",
            Self::Audit => "audit.summary.status",
            Self::Security => "security.summary.status",
            Self::Deploy => "deploy.summary.status",
        }
    }
}

/// Returns the subjects that match all summaries, plain ones only if `plain`.
pub(crate) fn all_summaries(plain: bool) -> impl Iterator<Item = String> {
    let depths = usize::from(!plain)..=SUMMARY_DEPTH;
    depths.flat_map(|depth| {
        SummaryKind::ALL
            .into_iter()
            .map(move |kind| format!("{}{}", "*.".repeat(depth), kind.subject()))
    })
}

/// Returns the kind of a summary, and the namespace in its subject, if any.
///
/// # Errors
/// Fails for any other subject.
pub fn parse_summary(subject: &str) -> Result<(SummaryKind, Option<&str>), BadSubject> {
    let parse = |kind: SummaryKind| {
        let before = subject.strip_suffix(kind.subject())?;
        match before.strip_suffix('.') {
            None => before.is_empty().then_some((kind, None)),
            Some(namespace) => Some((kind, Some(namespace))),
        }
    };
    SummaryKind::ALL.into_iter().find_map(parse).ok_or(BadSubject)
}
/// Matches the edges that start at each project.
pub const ALL_EDGES: &str = "hub.edges.*";

/// Matches the announcements of all changes.
pub const ALL_CHANGES: &str = "hub.federation.changes.*";
/// Matches the relayed heartbeats of all projects.
pub const ALL_RELAYS: &str = "hub.federation.heartbeats.*";

/// Subject of queries for a page of projects.
pub const LIST_PROJECTS: &str = "hub.federation.projects.list";
/// Subject of queries for the graph.
pub const GET_GRAPH: &str = "hub.federation.graph.get";
/// Subject of queries for a single project.
pub const GET_PROJECT: &str = "hub.federation.projects.get";

const PRESENCE_PREFIX: &str = "hub.presence.";
pub(crate) const HEALTH_PREFIX: &str = "hub.health.";
pub(crate) const RELAYED_METRICS_PREFIX: &str = "hub.federation.metrics.";
pub(crate) const METRICS_PREFIX: &str = "hub.metrics.";
pub(crate) const EDGES_PREFIX: &str = "hub.edges.";
/// Subject of edges that no project owns.
pub(crate) const PLAIN_EDGE: &str = "integration.edge";
const EDGE_ENDING: &str = ".integration.edge";
/// Maximum number of tokens of a mesh namespace in which edges are received. A wildcard stands for one
/// token.
const NAMESPACE_TOKENS: usize = 8;
/// Prefix of all messages between replicas.
pub(crate) const FEDERATION_PREFIX: &str = "hub.federation.";
const CHANGES_PREFIX: &str = "hub.federation.changes.";
pub(crate) const RELAYS_PREFIX: &str = "hub.federation.heartbeats.";
pub(crate) const PROJECTS_PREFIX: &str = "hub.federation.projects.";
/// Prefix of the discovery of NATS micro services.
pub(crate) const DISCOVERY_PREFIX: &str = "$SRV.";
pub(crate) const PING_ENDING: &str = ".ping";
/// Prefix of sentinels. It is an inbox, because ordinary clients may publish and subscribe there.
pub(crate) const SENTINEL_PREFIX: &str = "_INBOX.federation.";

/// A subject with another prefix, or whose last token is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subject names no project")]
pub struct BadSubject;

/// Returns `hub.presence.{slug}`, the subject of the heartbeats of a project.
#[must_use]
pub fn presence(slug: &Slug) -> String {
    format!("{PRESENCE_PREFIX}{slug}")
}

/// Returns `hub.health.{slug}`, the subject of the health samples of a project.
#[must_use]
pub fn health(slug: &Slug) -> String {
    format!("{HEALTH_PREFIX}{slug}")
}

/// Returns `hub.federation.changes.{slug}`, the subject of the changes of a project.
#[must_use]
pub fn change(slug: &Slug) -> String {
    format!("{CHANGES_PREFIX}{slug}")
}

/// Returns the subject of an entry of the log: that of the changes of its project, or
/// `hub.federation.changes._{entity}`, because no slug has an underscore.
#[must_use]
pub fn entry(entry: &LogEntry) -> String {
    match entry.slug() {
        Some(slug) => change(&slug),
        // A dot would separate tokens.
        None => format!("{CHANGES_PREFIX}_{}", entry.entity().replace('.', "_")),
    }
}

/// Returns `hub.federation.incidents.{severity}` for an entry about an incident, on which it is published
/// too.
#[must_use]
pub fn incident(entry: &LogEntry) -> Option<String> {
    let LogEntry::Opaque(entry) = entry else { return None };
    if entry.entity != INCIDENT {
        return None;
    }
    let payload: Value = serde_json::from_str(&entry.payload).ok()?;
    let severity = Severity::parse(payload["severity"].as_str()?).ok()?;
    Some(format!("{FEDERATION_PREFIX}incidents.{severity}"))
}

/// Returns `hub.federation.heartbeats.{slug}`, the subject of the relayed heartbeats of a project.
///
/// # Errors
/// Fails if the text is not a slug.
pub fn relay(slug: &str) -> Result<String, BadSubject> {
    if is_slug(slug) { Ok(format!("{RELAYS_PREFIX}{slug}")) } else { Err(BadSubject) }
}

/// Returns `hub.metrics.{slug}`, the subject of the metrics of a project.
#[must_use]
pub fn metrics(slug: &Slug) -> String {
    format!("{METRICS_PREFIX}{slug}")
}

/// Returns `hub.federation.metrics.{slug}`, the subject of the relayed metrics of a project.
#[must_use]
pub fn relayed_metrics(slug: &Slug) -> String {
    format!("{RELAYED_METRICS_PREFIX}{slug}")
}

/// Returns the slug of a subject of [`ALL_RELAYED_METRICS`].
///
/// # Errors
/// Fails for any other subject.
pub fn parse_relayed_metrics(subject: &str) -> Result<&str, BadSubject> {
    subject.strip_prefix(RELAYED_METRICS_PREFIX).filter(|slug| is_slug(slug)).ok_or(BadSubject)
}

/// Returns the slug of a subject of [`ALL_METRICS`].
///
/// # Errors
/// Fails for any other subject.
pub fn parse_metrics(subject: &str) -> Result<&str, BadSubject> {
    subject.strip_prefix(METRICS_PREFIX).filter(|slug| is_slug(slug)).ok_or(BadSubject)
}

/// Returns `hub.edges.{slug}`, the subject of the edges that start at a project.
#[must_use]
pub fn edges(slug: &Slug) -> String {
    format!("{EDGES_PREFIX}{slug}")
}

/// Returns `{mesh_namespace}.integration.edge`, the subject of the edges of the projects of a
/// namespace.
#[must_use]
pub fn edges_in(namespace: &MeshNamespace) -> String {
    format!("{namespace}{EDGE_ENDING}")
}

/// Returns the subjects that match all edges, in mesh namespaces of at most 8 tokens.
pub(crate) fn all_edges() -> impl Iterator<Item = String> {
    let in_namespaces = (1..=NAMESPACE_TOKENS)
        .map(|tokens| format!("{}{EDGE_ENDING}", vec!["*"; tokens].join(".")));
    [ALL_EDGES, PLAIN_EDGE].map(str::to_owned).into_iter().chain(in_namespaces)
}

/// Project or mesh namespace for which a message with edges speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeSubject<'a> {
    /// The project with this slug.
    OfProject(&'a str),
    /// The projects of this mesh namespace.
    InNamespace(&'a str),
    /// The project that the payload names.
    Plain,
}

/// Parses the subject of edges.
///
/// # Errors
/// Fails for any other subject.
pub fn parse_edges(subject: &str) -> Result<EdgeSubject<'_>, BadSubject> {
    if let Some(slug) = subject.strip_prefix(EDGES_PREFIX).filter(|slug| is_slug(slug)) {
        return Ok(EdgeSubject::OfProject(slug));
    }
    if subject == PLAIN_EDGE {
        return Ok(EdgeSubject::Plain);
    }
    let namespace = subject.strip_suffix(EDGE_ENDING).filter(|namespace| !namespace.is_empty());
    namespace.map(EdgeSubject::InNamespace).ok_or(BadSubject)
}

/// Returns `{mesh_namespace}.ping`, the subject of the pings of a project.
#[must_use]
pub fn ping(namespace: &MeshNamespace) -> String {
    format!("{namespace}{PING_ENDING}")
}

/// Returns the slug of a subject of [`ALL_RELAYS`].
///
/// # Errors
/// Fails for any other subject.
pub fn parse_relay(subject: &str) -> Result<&str, BadSubject> {
    subject.strip_prefix(RELAYS_PREFIX).filter(|slug| is_slug(slug)).ok_or(BadSubject)
}

/// Returns whether a subject has the prefix of relayed heartbeats.
pub(crate) fn is_relay(subject: &str) -> bool {
    subject.starts_with(RELAYS_PREFIX)
}

/// Returns the channel and the slug of the subject of a heartbeat or health sample, without
/// allocating.
///
/// # Errors
/// Fails for any other subject.
pub fn parse(subject: &str) -> Result<(Channel, &str), BadSubject> {
    let (channel, slug) = if let Some(slug) = subject.strip_prefix(PRESENCE_PREFIX) {
        (Channel::Presence, slug)
    } else if let Some(slug) = subject.strip_prefix(HEALTH_PREFIX) {
        (Channel::Health, slug)
    } else {
        return Err(BadSubject);
    };
    if is_slug(slug) { Ok((channel, slug)) } else { Err(BadSubject) }
}

/// Returns a subject for the sentinels of one subscriber.
pub(crate) fn sentinel() -> String {
    format!("{SENTINEL_PREFIX}{:032x}", fastrand::u128(..))
}

/// Returns whether [`Slug::parse`] accepts the text, without allocating. A property test compares the
/// two.
fn is_slug(text: &str) -> bool {
    (1..=Slug::MAX_CHARS).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_subjects_are_rejected() {
        for subject in
            ["", "hub", "hub.presence", "hub.presence.", "hub.presence.a.b", "hub.mesh.a", "a"]
        {
            assert_eq!(parse(subject), Err(BadSubject), "{subject:?}");
        }
    }

    #[test]
    fn the_namespace_of_a_summary_precedes_its_subject() {
        for (subject, expected) in [
            ("audit.summary.status", Ok((SummaryKind::Audit, None))),
            ("veria.mesh.audit.summary.status", Ok((SummaryKind::Audit, Some("veria.mesh")))),
            ("hub.a.graph.summary.nodes", Ok((SummaryKind::Graph, Some("hub.a")))),
            ("xaudit.summary.status", Err(BadSubject)),
            ("audit.summary", Err(BadSubject)),
            ("", Err(BadSubject)),
        ] {
            assert_eq!(parse_summary(subject), expected, "{subject}");
        }
        assert_eq!(all_summaries(true).count(), 36);
        assert_eq!(all_summaries(false).next().unwrap(), "*.graph.summary.nodes");
    }

    #[test]
    fn edges_speak_for_a_project_or_a_namespace() {
        let slug = Slug::parse("docs").unwrap();
        assert_eq!(parse_edges(&edges(&slug)), Ok(EdgeSubject::OfProject("docs")));
        let namespace = MeshNamespace::parse("hub.docs").unwrap();
        assert_eq!(parse_edges(&edges_in(&namespace)), Ok(EdgeSubject::InNamespace("hub.docs")));
        for bad in ["hub.edges.", "hub.edges.A", ".integration.edge", "a"] {
            assert_eq!(parse_edges(bad), Err(BadSubject), "{bad}");
        }
        assert_eq!(parse_edges("integration.edge"), Ok(EdgeSubject::Plain));
        assert_eq!(all_edges().nth(3).unwrap(), "*.*.integration.edge");
    }

    #[test]
    fn two_sentinel_subjects_differ() {
        assert_ne!(sentinel(), sentinel());
    }

    proptest! {
        #[test]
        fn parse_then_format_is_the_identity(text in "[a-z0-9-]{1,50}") {
            let slug = Slug::parse(&text).unwrap();
            let (presence, health) = (presence(&slug), health(&slug));
            let relay = relay(&text).unwrap();
            prop_assert_eq!(parse(&presence), Ok((Channel::Presence, text.as_str())));
            prop_assert_eq!(parse(&health), Ok((Channel::Health, text.as_str())));
            prop_assert_eq!(parse_relay(&relay), Ok(text.as_str()));
        }

        #[test]
        fn a_token_is_accepted_exactly_when_it_is_a_slug(
            token in prop_oneof!["\\PC*", "[a-z0-9-]{0,60}", "[ -~]{1,8}"],
        ) {
            let subject = format!("hub.presence.{token}");
            prop_assert_eq!(parse(&subject).is_ok(), Slug::parse(&token).is_ok());
        }
    }
}
