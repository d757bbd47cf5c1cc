//! Bodies of runs of actions.

use federation_application::PlannedTarget;
use federation_domain::{ActionDecision, ActionOutcome, ActionRun, ActionTarget, OutcomeCounts};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::wire::timestamp::Timestamp;

/// A run of an action.
#[derive(Serialize, ToSchema)]
#[schema(
    as = ActionRun,
    example = json!({
        "id": "019ad3c5a8407b1f3a9c01b2d48f3a9c", "action": "audit.security", "status": "ended",
        "created_at": "2026-11-23T14:43:13.270911Z", "actor": "1a2b3c4d",
        "counts": {
            "total": 2, "waiting": 0, "asked": 0, "done": 1, "accepted": 0, "failed": 0,
            "timed_out": 0, "not_allowed": 0, "offline": 1, "unknown": 0
        },
        "targets": [
            {
                "project": "commandcenter", "outcome": "done", "result": {"ok": true},
                "asked_at": "2026-11-23T14:43:13.301234Z",
                "ended_at": "2026-11-23T14:43:13.912345Z", "accepted": true
            },
            {
                "project": "veria", "outcome": "offline", "error": "the project is offline",
                "asked_at": null, "ended_at": "2026-11-23T14:43:13.270911Z", "accepted": false
            }
        ],
        "ended_at": "2026-11-23T14:43:14.012345Z", "params": {"depth": 2}, "timeout": "30s",
        "max_concurrency": 50, "idempotent": false, "include_offline": false
    })
)]
pub(crate) struct RunBody<'a> {
    /// Id of the run.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// Name of the action.
    action: &'a str,
    /// `running`, `cancelling`, `ended` or `cancelled`. Every target of a run that has ended or was
    /// cancelled has an outcome.
    #[schema(pattern = "^(running|cancelling|ended|cancelled)$")]
    status: &'static str,
    /// Time of creation.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// The API key that created the run, or `api` without one.
    actor: &'a str,
    /// Number of targets by outcome.
    counts: CountsBody,
    /// The targets, in order of their slugs. Absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    targets: Option<Vec<TargetBody<'a>>>,
    /// Time at which the last target ended. `null` while the run is in progress.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    /// Parameters of the action.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    params: Option<&'a RawValue>,
    /// Time that a project may take.
    #[schema(example = "30s")]
    timeout: String,
    /// Maximum number of projects that are asked at the same time.
    #[schema(minimum = 1, maximum = 1000)]
    max_concurrency: usize,
    /// The action may be requested twice.
    idempotent: bool,
    /// Projects that are known to be offline are asked too.
    include_offline: bool,
}

impl<'a> RunBody<'a> {
    /// Creates the body of a run in a list.
    pub(crate) fn new(run: &'a ActionRun) -> Self {
        Self {
            id: run.id.to_string(),
            action: run.order.action.as_str(),
            status: run.status.as_str(),
            created_at: Timestamp(run.created_at),
            actor: run.actor.as_str(),
            counts: run.counts.into(),
            targets: None,
            ended_at: run.ended_at.map(Timestamp),
            params: serde_json::from_str(run.order.params.as_json()).ok(),
            timeout: run.order.timeout.to_string(),
            max_concurrency: run.order.max_concurrency.get(),
            idempotent: run.order.idempotent,
            include_offline: run.order.include_offline,
        }
    }

    /// Adds targets. Results beyond `max_bytes` are omitted.
    pub(crate) fn with_targets(self, targets: &'a [ActionTarget], max_bytes: usize) -> Self {
        let mut bytes = 0;
        let bodies = targets.iter().map(|target| {
            let result = target.result.as_deref();
            bytes += result.map_or(0, str::len);
            TargetBody::new(target, result.is_some() && bytes > max_bytes)
        });
        Self { targets: Some(bodies.collect()), ..self }
    }
}

/// Number of targets by outcome.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionCounts)]
struct CountsBody {
    /// All targets.
    total: usize,
    /// Targets that were not asked yet.
    waiting: usize,
    /// Targets that were asked and have no outcome yet.
    asked: usize,
    /// The project replied that it is done.
    done: usize,
    /// The project accepted the request and sent no result in time.
    accepted: usize,
    /// The project replied that it failed, or could not be asked.
    failed: usize,
    /// The project did not reply in time.
    timed_out: usize,
    /// The project was not asked, because it must not be.
    not_allowed: usize,
    /// The project was not asked, because it is offline.
    offline: usize,
    /// The project was asked, and its reply may have been lost.
    unknown: usize,
}

impl From<OutcomeCounts> for CountsBody {
    fn from(counts: OutcomeCounts) -> Self {
        Self {
            total: counts.total(),
            waiting: counts.waiting,
            asked: counts.asked,
            done: counts.of(ActionOutcome::Done),
            accepted: counts.of(ActionOutcome::Accepted),
            failed: counts.of(ActionOutcome::Failed),
            timed_out: counts.of(ActionOutcome::TimedOut),
            not_allowed: counts.of(ActionOutcome::NotAllowed),
            offline: counts.of(ActionOutcome::Offline),
            unknown: counts.of(ActionOutcome::Unknown),
        }
    }
}

/// A target of a run.
#[derive(Serialize, ToSchema)]
#[schema(as = ActionTarget)]
struct TargetBody<'a> {
    /// Slug of the project.
    #[schema(pattern = "^[a-z0-9-]+$")]
    project: &'a str,
    /// Outcome. `null` while the target is pending.
    #[schema(pattern = "^(done|accepted|failed|timed_out|not_allowed|offline|unknown)$", required)]
    outcome: Option<&'static str>,
    /// Result that the project sent: any JSON of at most 64 KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = serde_json::Value)]
    result: Option<&'a RawValue>,
    /// The result exists and is omitted, because the response would be too large. Request fewer
    /// targets to get it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    result_omitted: bool,
    /// Explanation of the outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<&'a str>,
    /// Time at which the request was recorded, at most a second before it was sent.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    asked_at: Option<Timestamp>,
    /// Time of the outcome.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    ended_at: Option<Timestamp>,
    /// The project has confirmed that it received the request.
    accepted: bool,
    /// Newest progress that the project reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 100, nullable = false)]
    percent: Option<u8>,
}

impl<'a> TargetBody<'a> {
    fn new(target: &'a ActionTarget, result_omitted: bool) -> Self {
        let result = target.result.as_deref().filter(|_| !result_omitted);
        Self {
            project: target.project.as_str(),
            outcome: target.outcome.map(ActionOutcome::as_str),
            result: result.and_then(|json| serde_json::from_str(json).ok()),
            result_omitted,
            error: target.error.as_deref(),
            asked_at: target.asked_at.map(Timestamp),
            ended_at: target.ended_at.map(Timestamp),
            accepted: target.is_accepted,
            percent: target.percent.map(federation_domain::Percent::get),
        }
    }
}

/// Who would be asked, and who would not.
#[derive(Serialize, ToSchema)]
#[schema(
    as = ActionPlan,
    example = json!({
        "action": "audit.security",
        "would_ask": 1,
        "targets": [
            {"project": "commandcenter", "decision": "would_ask"},
            {"project": "veria", "decision": "offline", "reason": "the project is offline"}
        ]
    })
)]
pub(crate) struct PlanBody<'a> {
    /// Name of the action.
    action: &'a str,
    /// Number of projects that would be asked.
    would_ask: usize,
    /// The selected projects, in order of their slugs.
    targets: Vec<PlannedBody<'a>>,
}

/// A project that a run would select.
#[derive(Serialize, ToSchema)]
#[schema(as = PlannedTarget)]
struct PlannedBody<'a> {
    /// Slug of the project.
    #[schema(pattern = "^[a-z0-9-]+$")]
    project: &'a str,
    /// `would_ask`, or the outcome that the target would have.
    #[schema(pattern = "^(would_ask|not_allowed|offline)$")]
    decision: &'static str,
    /// Reason why the project would not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    reason: Option<String>,
}

impl<'a> PlanBody<'a> {
    pub(crate) fn new(action: &'a str, planned: &'a [PlannedTarget]) -> Self {
        let targets: Vec<_> = planned.iter().map(PlannedBody::from).collect();
        let would_ask = targets.iter().filter(|target| target.reason.is_none()).count();
        Self { action, would_ask, targets }
    }
}

impl<'a> From<&'a PlannedTarget> for PlannedBody<'a> {
    fn from(planned: &'a PlannedTarget) -> Self {
        let (decision, reason) = match &planned.decision {
            ActionDecision::Ask => ("would_ask", None),
            ActionDecision::Skip(reason) => (reason.outcome().as_str(), Some(reason.to_string())),
        };
        Self { project: planned.project.as_str(), decision, reason }
    }
}
