//! Lines of the table.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// Target of a measured value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// At least this multiple of the reference.
    RatioAtLeast(f64),
    /// At most this multiple of the reference.
    RatioAtMost(f64),
    /// At most this value.
    AtMost(f64),
    /// No target. The value is informational.
    Informational,
}

/// A measured value and its reference.
#[derive(Debug)]
pub(super) struct Line {
    /// Description with the unit.
    pub(super) what: String,
    /// The value of the reference program.
    pub(super) limit: Option<f64>,
    pub(super) measured: f64,
    pub(super) goal: Goal,
}

impl Line {
    pub(super) fn alone(what: impl Into<String>, measured: f64, goal: Goal) -> Self {
        Self { what: what.into(), limit: None, measured, goal }
    }

    pub(super) fn beside(what: impl Into<String>, limit: f64, measured: f64, goal: Goal) -> Self {
        Self { what: what.into(), limit: Some(limit), measured, goal }
    }

    /// Returns `None` if there is no reference or it is 0.
    fn ratio(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.measured / limit)
    }

    /// Returns `None` if there is no target.
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::RatioAtLeast(least) => Some(self.ratio().is_some_and(|ratio| ratio >= least)),
            Goal::RatioAtMost(most) => Some(self.ratio().is_some_and(|ratio| ratio <= most)),
            Goal::AtMost(most) => Some(self.measured <= most),
            Goal::Informational => None,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::RatioAtLeast(least) => format!("≥ {least} × limit"),
            Goal::RatioAtMost(most) => format!("≤ {most} × limit"),
            Goal::AtMost(most) => format!("≤ {}", shown(most)),
            Goal::Informational => String::new(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "limit": self.limit,
            "measured": self.measured,
            "ratio": self.ratio(),
            "target": self.goal(),
            "met": self.is_met(),
        })
    }
}

/// Formats all lines for a terminal.
pub(super) fn table(lines: &[Line]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["what", "limit", "measured", "ratio", "target", "met"]);
    for line in lines {
        table.add_row([
            line.what.clone(),
            line.limit.map(shown).unwrap_or_default(),
            shown(line.measured),
            line.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            line.goal(),
            line.is_met().map_or("", |met| if met { "yes" } else { "NO" }).to_owned(),
        ]);
    }
    table.column_iter_mut().skip(1).take(3).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.trim_fmt()
}

/// Formats a number with at least three significant digits.
fn shown(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 || value == value.trunc() => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_on_the_right_side_of_its_bound() {
        let met = |measured, goal| Line::beside("x", 100.0, measured, goal).is_met();
        assert_eq!(met(90.0, Goal::RatioAtLeast(0.9)), Some(true));
        assert_eq!(met(89.0, Goal::RatioAtLeast(0.9)), Some(false));
        assert_eq!(met(201.0, Goal::RatioAtMost(2.0)), Some(false));
        assert_eq!(met(5.0, Goal::AtMost(5.0)), Some(true));
        assert_eq!(met(5.0, Goal::Informational), None);
    }

    #[test]
    fn a_missing_value_does_not_meet_a_goal() {
        let line = Line::beside("x", 0.0, 0.0, Goal::RatioAtLeast(0.5));
        assert_eq!(line.is_met(), Some(false));
        assert_eq!(Line::alone("x", f64::NAN, Goal::AtMost(1.0)).is_met(), Some(false));
    }
}
