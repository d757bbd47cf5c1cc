//! State shared by the evaluator and the task that judges metric rules.

use std::sync::Arc;

use federation_domain::{Incident, IncidentKind, LiveIncidents, MetricVerdict};
use parking_lot::Mutex;
use time::{Duration, OffsetDateTime};

/// Age up to which verdicts count.
const VALID_FOR: Duration = Duration::seconds(10);

/// Verdicts of metric rules, and the incidents that need them.
#[derive(Default)]
pub(super) struct RuleBoard(Mutex<Posted>);

#[derive(Default)]
struct Posted {
    /// The incidents of rules that are open or silence their rule; `None` if this replica does not
    /// evaluate.
    incidents: Option<Arc<Vec<Incident>>>,
    verdicts: Option<(OffsetDateTime, Vec<MetricVerdict>)>,
}

impl RuleBoard {
    /// Shows the incidents as the evaluator knows them.
    pub(super) fn show(&self, live: &LiveIncidents) {
        let incidents = live.iter().map(|one| &one.incident).filter(|incident| {
            incident.kind == IncidentKind::Metric && (incident.is_open() || incident.silences)
        });
        self.0.lock().incidents = Some(Arc::new(incidents.cloned().collect()));
    }

    /// Removes everything, because this replica does not evaluate.
    pub(super) fn clear(&self) {
        *self.0.lock() = Posted::default();
    }

    pub(super) fn incidents(&self) -> Option<Arc<Vec<Incident>>> {
        self.0.lock().incidents.clone()
    }

    pub(super) fn publish(&self, at: OffsetDateTime, verdicts: Vec<MetricVerdict>) {
        self.0.lock().verdicts = Some((at, verdicts));
    }

    /// Returns the verdicts if they are recent, and none otherwise.
    pub(super) fn verdicts(&self, now: OffsetDateTime) -> Vec<MetricVerdict> {
        let posted = self.0.lock();
        let recent = posted.verdicts.as_ref().filter(|(at, _)| (now - *at).abs() <= VALID_FOR);
        recent.map(|(_, verdicts)| verdicts.clone()).unwrap_or_default()
    }
}
