//! A line of the table.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// What is asked of a figure.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// So many times its limit, or more.
    RatioAtLeast(f64),
    /// So many times its limit, or less.
    RatioAtMost(f64),
    /// This, or less.
    AtMost(f64),
    /// Nothing; it is told beside another.
    Told,
}

/// A figure beside its limit.
#[derive(Debug)]
pub(super) struct Line {
    /// What was measured, in which unit.
    pub(super) what: String,
    /// The same of the limit.
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

    /// None where there is no limit, or it is nothing.
    fn ratio(&self) -> Option<f64> {
        self.limit.filter(|limit| *limit > 0.0).map(|limit| self.measured / limit)
    }

    /// None where nothing was asked.
    fn is_met(&self) -> Option<bool> {
        match self.goal {
            Goal::RatioAtLeast(least) => Some(self.ratio().is_some_and(|ratio| ratio >= least)),
            Goal::RatioAtMost(most) => Some(self.ratio().is_some_and(|ratio| ratio <= most)),
            Goal::AtMost(most) => Some(self.measured <= most),
            Goal::Told => None,
        }
    }

    fn goal(&self) -> String {
        match self.goal {
            Goal::RatioAtLeast(least) => format!("≥ {least} × limit"),
            Goal::RatioAtMost(most) => format!("≤ {most} × limit"),
            Goal::AtMost(most) => format!("≤ {}", shown(most)),
            Goal::Told => String::new(),
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

/// All lines for people.
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

/// Three digits that matter, or all of a large number.
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
    fn a_goal_is_met_on_its_own_side() {
        let met = |measured, goal| Line::beside("x", 100.0, measured, goal).is_met();
        assert_eq!(met(90.0, Goal::RatioAtLeast(0.9)), Some(true));
        assert_eq!(met(89.0, Goal::RatioAtLeast(0.9)), Some(false));
        assert_eq!(met(201.0, Goal::RatioAtMost(2.0)), Some(false));
        assert_eq!(met(5.0, Goal::AtMost(5.0)), Some(true));
        assert_eq!(met(5.0, Goal::Told), None);
    }

    #[test]
    fn a_figure_that_is_none_meets_nothing() {
        let line = Line::beside("x", 0.0, 0.0, Goal::RatioAtLeast(0.5));
        assert_eq!(line.is_met(), Some(false));
        assert_eq!(Line::alone("x", f64::NAN, Goal::AtMost(1.0)).is_met(), Some(false));
    }
}
