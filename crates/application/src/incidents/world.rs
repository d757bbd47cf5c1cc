//! Facts for a decision: statuses, edges and listened time.

use std::collections::BTreeSet;

use federation_domain::{
    IncidentFacts, IncidentRule, ListenedTime, LiveIncidents, MetricVerdict, ProjectFacts, Slug,
    Source, StoreError, deaf_since, is_a_cause,
};
use petgraph::visit::EdgeRef as _;
use time::OffsetDateTime;

use super::Incidents;
use super::statuses::Statuses;

impl Incidents {
    /// Collects the facts for a decision.
    pub(super) async fn facts(
        &self,
        statuses: &Statuses,
        metrics: Vec<MetricVerdict>,
        rule: &IncidentRule,
        started_at: OffsetDateTime,
    ) -> Result<IncidentFacts, StoreError> {
        let now = self.0.catalog.now();
        let mut facts = IncidentFacts::at(now);
        self.add_projects(&mut facts, statuses);
        self.add_dependencies(&mut facts);
        facts.metrics = metrics;
        self.add_maintenance(&mut facts);
        let since = statuses.iter().map(|(_, spell)| spell.down_since).min().unwrap_or(now);
        let judged = facts.metrics.iter().filter_map(|one| one.listened_since(rule, now));
        let since = judged.fold(since, OffsetDateTime::min);
        for source in Source::ALL {
            // The newest period tells since when nothing is heard.
            let since = since.min(now - time::Duration::days(1));
            let listening = &self.0.journal.stores().listening;
            let periods = listening.listening_periods(source, since).await?;
            let periods = periods.iter().map(|period| (period.from, period.until));
            facts.listened[source.index()] = ListenedTime::new(periods);
        }
        let listening = self.0.catalog.presence().listening();
        let expected = Source::ALL.into_iter().filter(|source| listening.uses(*source));
        let expected = expected.map(|source| &facts.listened[source.index()]);
        facts.deaf_since = deaf_since(expected, started_at, now);
        Ok(facts)
    }

    fn add_projects(&self, facts: &mut IncidentFacts, statuses: &Statuses) {
        let presence = self.0.catalog.presence();
        let registry = self.0.catalog.registry();
        for (slug, spell) in statuses.iter() {
            let Some(entry) = registry.get(slug.as_str()) else { continue };
            let mut live = entry.lock();
            let project = entry.project(&mut live);
            let project = ProjectFacts {
                spell,
                source: presence.listening().source_of(project),
                thresholds: presence.judge().thresholds(&entry),
                was_heard: project.last_heartbeat_at.is_some(),
            };
            facts.projects.insert(slug.clone(), project);
        }
    }

    fn add_maintenance(&self, facts: &mut IncidentFacts) {
        let open = self.0.maintenance.open(facts.now);
        if open.is_empty() {
            return;
        }
        let down = facts.projects.iter().filter(|(_, project)| project.is_down());
        let of_rules = facts.metrics.iter().map(|one| &one.project);
        let is_covered = |slug: &&Slug| self.0.maintenance.covers(&open, slug);
        let concerned = down.map(|(slug, _)| slug).chain(of_rules);
        facts.in_maintenance = concerned.filter(is_covered).cloned().collect();
    }

    fn add_dependencies(&self, facts: &mut IncidentFacts) {
        let registry = self.0.catalog.registry();
        let links = self.0.edges.read();
        let down = facts.projects.iter().filter(|(_, project)| project.is_down());
        for (slug, _) in down {
            let (Some(node), Some(entry)) = (links.node(slug), registry.get(slug.as_str())) else {
                continue;
            };
            let created_at = entry.lock().project.created_at;
            let causes = links.graph.edges(node).filter(|edge| {
                let strength = edge.weight().strength(created_at);
                strength.is_some_and(|(strength, _)| is_a_cause(edge.weight().kind(), strength))
            });
            let causes: BTreeSet<Slug> =
                causes.map(|edge| links.slug(edge.target()).clone()).collect();
            if !causes.is_empty() {
                facts.dependencies.insert(slug.clone(), causes.into_iter().collect());
            }
        }
    }
}

/// Returns the projects whose statuses a decision needs although they are online.
pub(super) fn members(live: &LiveIncidents) -> BTreeSet<Slug> {
    let needed = live.iter().filter(|one| one.incident.is_open() || one.incident.silences);
    needed.flat_map(|one| one.current()).map(|member| member.project.clone()).collect()
}
