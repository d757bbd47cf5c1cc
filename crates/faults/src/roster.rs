//! The simulated projects and the way each of them speaks.

use std::fmt::Write as _;

use crate::truth::Source;

/// Project that floods the bus at times. It never dies.
pub(crate) const FLOODER: &str = "flooder";

/// Project whose changes the database rejects at times. The model does not know it.
pub(crate) const REFUSED: &str = "refused";

/// Project that many clients change at once. It sends no heartbeats.
pub(crate) const WRITTEN: &str = "written";

/// Number of projects, not counting the flooder.
const PROJECTS: usize = 30;
/// Every n-th project speaks over HTTP, the others over NATS.
const HTTP_EVERY: usize = 3;
/// Every n-th project never dies.
const IMMORTAL_EVERY: usize = 4;

/// A simulated project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Participant {
    pub(crate) slug: String,
    pub(crate) source: Source,
    /// Set if it dies and comes back during the run.
    pub(crate) mortal: bool,
}

/// Returns all projects, the flooder last.
pub(crate) fn participants() -> impl Iterator<Item = Participant> {
    let all = (0..PROJECTS).map(|n| {
        let (slug, source) = if n % HTTP_EVERY == 0 {
            (format!("http-{n}"), Source::Http)
        } else {
            (format!("nats-{n}"), Source::Nats)
        };
        Participant { slug, source, mortal: n % IMMORTAL_EVERY != 0 }
    });
    let flooder = Participant { slug: FLOODER.to_owned(), source: Source::Nats, mortal: false };
    all.chain([flooder])
}

/// Returns `true` if a project allows the action that the suite requests.
pub(crate) fn allows_actions(slug: &str) -> bool {
    slug.bytes().last().is_some_and(|last| last.is_ascii_digit() && last.is_multiple_of(2))
}

/// Returns the projects file that every replica registers at its start.
pub(crate) fn projects_file() -> String {
    let mut file = String::from("projects:\n");
    let slugs = participants().map(|participant| participant.slug);
    for slug in slugs.chain([REFUSED.to_owned(), WRITTEN.to_owned()]) {
        let allowed = if allows_actions(&slug) { "audit.security" } else { "other.action" };
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            file,
            "  - {{slug: {slug}, name: {slug}, hub_url: \"http://localhost:1\", mesh_namespace: hub.{slug}, allow_fanout: [{allowed}]}}"
        );
    }
    file
}
