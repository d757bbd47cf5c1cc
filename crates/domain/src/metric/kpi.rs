//! Key figures of a project, and its risk.

use time::OffsetDateTime;

use super::{Run, is_stale, parse_observed_at};
use crate::project::ProjectStatus;

/// Name of a key figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are their documentation")]
pub enum KpiName {
    AuditsOk,
    AuditsWarn,
    AuditsFail,
    VulnsCritical,
    VulnsHigh,
    DeployFreshnessDays,
    HealthLatencyMs,
    CoveragePercent,
}

impl KpiName {
    /// All names, in the order of responses.
    pub const ALL: [Self; 8] = [
        Self::AuditsOk,
        Self::AuditsWarn,
        Self::AuditsFail,
        Self::VulnsCritical,
        Self::VulnsHigh,
        Self::DeployFreshnessDays,
        Self::HealthLatencyMs,
        Self::CoveragePercent,
    ];

    /// Returns the name in responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuditsOk => "audits_ok",
            Self::AuditsWarn => "audits_warn",
            Self::AuditsFail => "audits_fail",
            Self::VulnsCritical => "vulns_critical",
            Self::VulnsHigh => "vulns_high",
            Self::DeployFreshnessDays => "deploy_freshness_days",
            Self::HealthLatencyMs => "health_latency_ms",
            Self::CoveragePercent => "coverage_percent",
        }
    }

    /// Returns the type of the metric from which the figure is derived.
    #[must_use]
    pub fn metric(self) -> &'static str {
        match self {
            Self::AuditsOk => "audit.ok_count",
            Self::AuditsWarn => "audit.warn_count",
            Self::AuditsFail => "audit.fail_count",
            Self::VulnsCritical => "security.critical_count",
            Self::VulnsHigh => "security.high_count",
            Self::DeployFreshnessDays => "deploy.last_deployed",
            Self::HealthLatencyMs => "health.latency_ms",
            Self::CoveragePercent => "coverage.percent",
        }
    }
}

/// A key figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kpi {
    /// Its value.
    pub value: f64,
    /// Time at which the metric was observed.
    pub observed_at: OffsetDateTime,
    /// The metric is too old to count as current.
    pub is_stale: bool,
}

/// The key figures of a project, derived from the newest values of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Kpis([Option<Kpi>; KpiName::ALL.len()]);

impl Kpis {
    /// Derives the figures from the newest value of each metric.
    pub fn of<'a>(
        newest: impl IntoIterator<Item = (&'a str, &'a Run)>,
        now: OffsetDateTime,
    ) -> Self {
        let mut kpis = Self::default();
        for (metric, run) in newest {
            let Some(name) = KpiName::ALL.into_iter().find(|name| name.metric() == metric) else {
                continue;
            };
            let value = if name == KpiName::DeployFreshnessDays {
                run.last.as_text().and_then(|text| days_since(text, now))
            } else {
                run.last.as_number()
            };
            kpis.0[name as usize] = value.map(|value| Kpi {
                value,
                observed_at: run.until_at,
                is_stale: is_stale(metric, run.until_at, now),
            });
        }
        kpis
    }

    /// Returns a figure.
    #[must_use]
    pub fn get(&self, name: KpiName) -> Option<Kpi> {
        self.0[name as usize]
    }

    /// Returns a value that stands for the present, and otherwise the reason why there is none.
    fn current(&self, name: KpiName) -> Result<f64, bool> {
        match self.get(name) {
            Some(kpi) if !kpi.is_stale => Ok(kpi.value),
            other => Err(other.is_some()),
        }
    }
}

/// Returns the days since a deployment, with one decimal.
fn days_since(text: &str, now: OffsetDateTime) -> Option<f64> {
    let at = parse_observed_at("last_deployed", text).ok()?;
    let days = (now - at).as_seconds_f64() / 86_400.0;
    Some((days.max(0.0) * 10.0).floor() / 10.0)
}

/// Risk of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Risk {
    /// Sum of the points, at most 100.
    pub score: u32,
    /// The contributions to the sum, and what could not be counted, with zero points.
    pub reasons: Vec<RiskReason>,
}

/// Contribution to the risk of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskReason {
    /// Points that it adds.
    pub points: u32,
    /// Its reason, as a sentence for people.
    pub reason: String,
}

/// Contribution that grows with a count: points of each, and the maximum.
struct PerItem {
    name: KpiName,
    each: f64,
    at_most: f64,
    what: &'static str,
}

const PER_ITEM: [PerItem; 3] = [
    PerItem {
        name: KpiName::VulnsCritical,
        each: 10.0,
        at_most: 30.0,
        what: "critical vulnerabilities",
    },
    PerItem { name: KpiName::VulnsHigh, each: 3.0, at_most: 15.0, what: "high vulnerabilities" },
    PerItem { name: KpiName::AuditsFail, each: 5.0, at_most: 25.0, what: "failing audits" },
];

/// Ages of the last deployment, in days, from which it adds points, with the number of points.
const FRESHNESS: [(f64, u32); 2] = [(90.0, 10), (30.0, 5)];

const OFFLINE: u32 = 40;
const DEGRADED: u32 = 15;

impl Risk {
    /// Maximum score.
    pub const MAX: u32 = 100;

    /// Assesses a project. `status` is `None` if it cannot be known now. Returns `None` if the project
    /// has no metrics, because then nothing is known but its status.
    ///
    /// | contribution | points |
    /// |---|---|
    /// | offline | 40 |
    /// | degraded | 15 |
    /// | critical vulnerabilities | 10 each, at most 30 |
    /// | high vulnerabilities | 3 each, at most 15 |
    /// | failing audits | 5 each, at most 25 |
    /// | last deployment 30 days ago or more | 5 |
    /// | last deployment 90 days ago or more | 10 |
    #[must_use]
    pub fn assess(kpis: &Kpis, has_metrics: bool, status: Option<ProjectStatus>) -> Option<Self> {
        if !has_metrics {
            return None;
        }
        let mut reasons = Vec::new();
        let mut add = |points: u32, reason: String| reasons.push(RiskReason { points, reason });
        match status {
            Some(ProjectStatus::Offline) => add(OFFLINE, "it is offline".to_owned()),
            Some(ProjectStatus::Degraded) => add(DEGRADED, "it is degraded".to_owned()),
            Some(ProjectStatus::Online) => {}
            None => add(0, "its status is not known now".to_owned()),
        }
        for PerItem { name, each, at_most, what } in PER_ITEM {
            match kpis.current(name) {
                Ok(count) if count >= 1.0 => {
                    add(whole((count.floor() * each).min(at_most)), format!("{count} {what}"));
                }
                Err(true) => add(0, format!("{what}: the last report is too old to count")),
                _ => {}
            }
        }
        match kpis.current(KpiName::DeployFreshnessDays) {
            Ok(days) => {
                if let Some((_, points)) = FRESHNESS.into_iter().find(|(from, _)| days >= *from) {
                    add(points, format!("last deployment {days:.0} days ago"));
                }
            }
            Err(true) => add(0, "deployments: the last report is too old to count".to_owned()),
            Err(false) => {}
        }
        let score = reasons.iter().map(|reason| reason.points).sum::<u32>().min(Self::MAX);
        Some(Self { score, reasons })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is from 0 to 100"
)]
fn whole(points: f64) -> u32 {
    points.clamp(0.0, 100.0) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::heartbeat::Source;
    use crate::metric::{Resolution, SampleValue};

    const NOW: OffsetDateTime = datetime!(2026-11-28 12:00 UTC);

    fn run(value: &SampleValue<'_>, at: OffsetDateTime) -> Run {
        Run::begin(Resolution::default(), value, at, Source::Nats)
    }

    fn kpis(values: &[(KpiName, f64)]) -> Kpis {
        let runs: Vec<_> = values
            .iter()
            .map(|(name, value)| {
                let value = if *name == KpiName::DeployFreshnessDays {
                    let at = NOW - time::Duration::seconds_f64(value * 86_400.0);
                    let format = &time::format_description::well_known::Rfc3339;
                    SampleValue::text("v", at.format(format).unwrap()).unwrap()
                } else {
                    SampleValue::number("v", *value).unwrap()
                };
                (name.metric(), run(&value, NOW))
            })
            .collect();
        Kpis::of(runs.iter().map(|(metric, run)| (*metric, run)), NOW)
    }

    fn assessed(values: &[(KpiName, f64)], status: Option<ProjectStatus>) -> (u32, Vec<String>) {
        let risk = Risk::assess(&kpis(values), true, status).unwrap();
        let shown = |one: &RiskReason| format!("{}: {}", one.points, one.reason);
        (risk.score, risk.reasons.iter().map(shown).collect())
    }

    #[test]
    fn contributions_add_up_and_are_listed() {
        let values = [
            (KpiName::VulnsCritical, 2.0),
            (KpiName::VulnsHigh, 1.0),
            (KpiName::AuditsFail, 7.0),
            (KpiName::DeployFreshnessDays, 45.0),
        ];
        let (score, reasons) = assessed(&values, Some(ProjectStatus::Degraded));
        assert_eq!(score, 15 + 20 + 3 + 25 + 5);
        let expected = [
            "15: it is degraded",
            "20: 2 critical vulnerabilities",
            "3: 1 high vulnerabilities",
            "25: 7 failing audits",
            "5: last deployment 45 days ago",
        ];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_score_is_at_most_a_hundred() {
        let values = [
            (KpiName::VulnsCritical, 1e9),
            (KpiName::VulnsHigh, 1e9),
            (KpiName::AuditsFail, 1e9),
            (KpiName::DeployFreshnessDays, 90.0),
        ];
        assert_eq!(assessed(&values, Some(ProjectStatus::Offline)).0, 100);
    }

    #[test]
    fn nothing_is_assessed_without_metrics() {
        assert_eq!(Risk::assess(&Kpis::default(), false, Some(ProjectStatus::Offline)), None);
        assert_eq!(assessed(&[], Some(ProjectStatus::Online)), (0, vec![]));
    }

    #[test]
    fn an_unknown_status_and_a_stale_value_are_named_and_add_nothing() {
        let value = SampleValue::number("v", 9.0).unwrap();
        let old = run(&value, NOW - time::Duration::hours(25));
        let kpis = Kpis::of([(KpiName::AuditsFail.metric(), &old)], NOW);
        let risk = Risk::assess(&kpis, true, None).unwrap();
        assert_eq!(risk.score, 0);
        let reasons: Vec<&str> = risk.reasons.iter().map(|one| one.reason.as_str()).collect();
        let expected =
            ["its status is not known now", "failing audits: the last report is too old to count"];
        assert_eq!(reasons, expected);
    }

    #[test]
    fn a_figure_of_another_kind_is_absent() {
        let text = SampleValue::text("v", "many").unwrap();
        let run = run(&text, NOW);
        let all = KpiName::ALL.map(|name| (name.metric(), &run));
        assert_eq!(Kpis::of(all, NOW), Kpis::default());
    }

    proptest! {
        #[test]
        fn more_of_anything_bad_never_lowers_the_score(
            critical in 0..20_u32, fails in 0..20_u32, days in 0..200_u32, worse in 0..3_usize,
        ) {
            let of = |more: [u32; 3]| {
                assessed(&[
                    (KpiName::VulnsCritical, f64::from(critical + more[0])),
                    (KpiName::AuditsFail, f64::from(fails + more[1])),
                    (KpiName::DeployFreshnessDays, f64::from(days + more[2])),
                ], Some(ProjectStatus::Online)).0
            };
            let mut more = [0; 3];
            more[worse] = 1;
            prop_assert!(of(more) >= of([0; 3]));
        }
    }
}
