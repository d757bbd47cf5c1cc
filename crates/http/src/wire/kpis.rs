//! Key figures and the risk of a project.

use federation_domain::{KpiName, Kpis, Risk};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use utoipa::ToSchema;

use super::series::NumberBody;
use super::timestamp::Timestamp;

/// Key figures of a project, derived from its metrics. A figure is null if its metric is not reported.
#[derive(ToSchema)]
#[schema(as = Kpis)]
#[expect(dead_code, reason = "the schema of the document")]
pub(crate) struct KpisSchema {
    /// Passing audits: `audit.ok_count`.
    #[schema(required)]
    audits_ok: Option<f64>,
    /// Audits with warnings: `audit.warn_count`.
    #[schema(required)]
    audits_warn: Option<f64>,
    /// Failing audits: `audit.fail_count`.
    #[schema(required)]
    audits_fail: Option<f64>,
    /// Critical vulnerabilities: `security.critical_count`.
    #[schema(required)]
    vulns_critical: Option<f64>,
    /// High vulnerabilities: `security.high_count`.
    #[schema(required)]
    vulns_high: Option<f64>,
    /// Days since the last deployment: `deploy.last_deployed`.
    #[schema(required)]
    deploy_freshness_days: Option<f64>,
    /// Latency of the newest health sample: `health.latency_ms`.
    #[schema(required)]
    health_latency_ms: Option<f64>,
    /// Test coverage: `coverage.percent`.
    #[schema(required)]
    coverage_percent: Option<f64>,
}

/// Age of a key figure.
#[derive(Serialize, ToSchema)]
#[schema(as = KpiTime)]
pub(crate) struct KpiTimeBody {
    /// Time at which the metric was observed.
    #[schema(value_type = String, format = DateTime, example = "2026-11-28T12:00:00.000000Z")]
    observed_at: Timestamp,
    /// True if the metric is too old to count as current.
    stale: bool,
}

/// Risk of a project, from 0 to 100: the sum of the points of its reasons, at most 100.
#[derive(Serialize, ToSchema)]
#[schema(as = Risk)]
pub(crate) struct RiskBody<'a> {
    #[schema(maximum = 100, example = 45)]
    score: u32,
    /// Contributions. One with 0 points could not be counted.
    reasons: Vec<RiskReasonBody<'a>>,
}

/// A contribution to the risk.
#[derive(Serialize, ToSchema)]
#[schema(as = RiskReason)]
pub(crate) struct RiskReasonBody<'a> {
    #[schema(example = 40)]
    points: u32,
    #[schema(example = "it is offline")]
    reason: &'a str,
}

impl<'a> From<&'a Risk> for RiskBody<'a> {
    fn from(risk: &'a Risk) -> Self {
        let reason = |one: &'a federation_domain::RiskReason| RiskReasonBody {
            points: one.points,
            reason: &one.reason,
        };
        Self { score: risk.score, reasons: risk.reasons.iter().map(reason).collect() }
    }
}

/// The values of all key figures.
#[derive(Clone, Copy)]
pub(crate) struct KpisBody(pub(crate) Kpis);

impl Serialize for KpisBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(KpiName::ALL.len()))?;
        for name in KpiName::ALL {
            map.serialize_entry(name.as_str(), &self.0.get(name).map(|kpi| NumberBody(kpi.value)))?;
        }
        map.end()
    }
}

/// The ages of the key figures that there are.
struct KpiTimesBody<'a>(&'a Kpis);

impl Serialize for KpiTimesBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let given = KpiName::ALL.into_iter().filter_map(|name| Some((name, self.0.get(name)?)));
        serializer.collect_map(given.map(|(name, kpi)| {
            let time = KpiTimeBody { observed_at: Timestamp(kpi.observed_at), stale: kpi.is_stale };
            (name.as_str(), time)
        }))
    }
}

/// Adds key figures and the risk to the JSON object of a project.
pub fn append_figures(assessment: &federation_application::Assessment, json: &mut Vec<u8>) {
    append(json, &assessment.kpis, assessment.risk.as_ref());
}

/// Adds key figures and the risk to the JSON object of a project.
pub(crate) fn append(json: &mut Vec<u8>, kpis: &Kpis, risk: Option<&Risk>) {
    #[derive(Serialize)]
    struct Assessment<'a> {
        kpis: KpisBody,
        kpi_times: KpiTimesBody<'a>,
        risk: Option<RiskBody<'a>>,
    }

    let assessment = Assessment {
        kpis: KpisBody(*kpis),
        kpi_times: KpiTimesBody(kpis),
        risk: risk.map(RiskBody::from),
    };
    super::extend_object(json, &assessment);
}
