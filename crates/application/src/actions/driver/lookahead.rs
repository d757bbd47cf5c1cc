//! Number of targets that are recorded before there is room for them.

use std::time::Duration;

use federation_domain::Monotonic;

/// Maximum number of targets that are recorded ahead.
const MAX: usize = 1_000;

/// Decides how many targets are recorded ahead: as many as end during the calls of the store, so that
/// targets that reply at once do not wait for it, and twice as many while that is too few. It is zero
/// if targets take long to reply.
///
/// If the process dies, the outcomes of targets that were recorded and not sent are unknown.
#[derive(Default)]
pub(super) struct Lookahead {
    targets: usize,
    /// Duration of the calls since the number was last adapted.
    in_calls: Duration,
    /// Time of the last adaptation, and the number of targets that had ended by then.
    adapted: Option<(Monotonic, usize)>,
}

impl Lookahead {
    pub(super) fn targets(&self) -> usize {
        self.targets
    }

    pub(super) fn note_call(&mut self, duration: Duration) {
        self.in_calls += duration;
    }

    /// Adapts the number to the targets that have ended since the last time. `was_too_few` says that all
    /// that were recorded were sent before the call returned.
    pub(super) fn adapt(&mut self, now: Monotonic, ended: usize, was_too_few: bool) {
        let in_calls = std::mem::take(&mut self.in_calls);
        let Some((since, ended_before)) = self.adapted.replace((now, ended)) else { return };
        let share = match now.since(since) {
            Duration::ZERO => 1.0,
            period => (in_calls.as_secs_f64() / period.as_secs_f64()).min(1.0),
        };
        let factor = if was_too_few { 2.0 } else { 1.0 };
        #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
        let wanted = (ended - ended_before) as f64 * share * factor;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the number is not negative, and a larger one is cut off"
        )]
        let wanted = wanted as usize;
        self.targets = wanted.min(MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    /// Returns the number after a cycle of 100 ms with calls of 50 ms, in which this many ended.
    fn after(ended: usize, was_too_few: bool) -> usize {
        let mut lookahead = Lookahead::default();
        lookahead.adapt(at(0), 5, false);
        lookahead.note_call(Duration::from_millis(50));
        lookahead.adapt(at(100), 5 + ended, was_too_few);
        lookahead.targets()
    }

    #[test]
    fn as_many_are_recorded_as_end_during_the_calls() {
        assert_eq!((after(80, false), after(80, true)), (40, 80));
        assert_eq!(after(1, false), 0, "a slow target");
        assert_eq!(after(100_000, true), MAX);
    }
}
