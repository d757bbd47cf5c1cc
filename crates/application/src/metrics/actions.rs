//! Metrics of actions.

use federation_domain::{ActionOutcome, OutcomeCounts};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry as Exposition;

use super::{Metrics, Name};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    outcome: Name,
}

#[derive(Default)]
pub(super) struct ActionCounts {
    runs: Counter,
    outcomes: Family<ByOutcome, Counter>,
    in_flight: Gauge,
}

impl ActionCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register("federation_action_runs", "Runs of actions created", self.runs.clone());
        to.register(
            "federation_action_outcomes",
            "Targets of runs of actions that ended, by outcome",
            self.outcomes.clone(),
        );
        to.register(
            "federation_action_targets_in_flight",
            "Projects that were asked and have not replied yet",
            self.in_flight.clone(),
        );
    }
}

impl Metrics {
    /// Counts a run and the targets that end at once.
    pub(crate) fn action_created(&self, counts: &OutcomeCounts) {
        self.0.actions.runs.inc();
        for outcome in ActionOutcome::ALL {
            let count = u64::try_from(counts.of(outcome)).unwrap_or(u64::MAX);
            if count > 0 {
                self.outcomes(outcome).inc_by(count);
            }
        }
    }

    pub(crate) fn action_ended(&self, outcome: ActionOutcome) {
        self.outcomes(outcome).inc();
    }

    pub(crate) fn set_actions_in_flight(&self, targets: usize) {
        self.0.actions.in_flight.set(i64::try_from(targets).unwrap_or(i64::MAX));
    }

    fn outcomes(&self, outcome: ActionOutcome) -> Counter {
        self.0.actions.outcomes.get_or_create_owned(&ByOutcome { outcome: Name(outcome.as_str()) })
    }
}
