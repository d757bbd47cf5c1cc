//! Text of `federation metrics show`.

use serde_json::Value;

use crate::commands::projects::table::{bare, fitted, text, trimmed};

/// Blocks from low to high.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Width of a curve where the output is not a terminal.
const USUAL_COLUMNS: usize = 60;

/// Formats the newest values as a table.
pub(super) fn newest(body: &Value) -> String {
    let mut table = bare();
    table.set_header(["TYPE", "VALUE", "OBSERVED AT", "SOURCE"]);
    for metric in list(&body["metrics"]) {
        let stale = if metric["stale"] == true { " (stale)" } else { "" };
        table.add_row([
            text(&metric["type"]),
            text(&metric["value"]),
            format!("{}{stale}", text(&metric["observed_at"])),
            text(&metric["source"]),
        ]);
    }
    fitted(&mut table, 1, None)
}

/// Formats the newest value of a metric in each project as a table.
pub(super) fn across(body: &Value) -> String {
    let mut table = bare();
    table.set_header(["PROJECT", "VALUE", "OBSERVED AT", "SOURCE"]);
    for one in list(&body["projects"]) {
        let stale = if one["stale"] == true { " (stale)" } else { "" };
        table.add_row([
            text(&one["project"]),
            text(&one["value"]),
            format!("{}{stale}", text(&one["observed_at"])),
            text(&one["source"]),
        ]);
    }
    fitted(&mut table, 1, None)
}

/// Formats each metric as a curve and its smallest, largest and last value. A gap is a space.
pub(super) fn course(body: &Value, columns: Option<usize>) -> String {
    let columns = columns.unwrap_or(USUAL_COLUMNS).clamp(10, 500);
    let mut parts = vec![format!(
        "{} from {} to {}",
        text(&body["agg"]),
        text(&body["from"]),
        text(&body["to"])
    )];
    let mut table = bare();
    table.set_header(["TYPE", "MIN", "MAX", "LAST", "AT"]);
    for metric in list(&body["metrics"]) {
        let points: Vec<(&Value, &Value)> =
            list(&metric["points"]).map(|point| (&point[0], &point[1])).collect();
        let numbers: Vec<Option<f64>> = points.iter().map(|(_, value)| value.as_f64()).collect();
        if numbers.iter().any(Option::is_some) {
            parts.push(format!("{}\n{}", text(&metric["type"]), curve(&numbers, columns)));
        }
        let last = points.iter().rev().find(|(_, value)| !value.is_null());
        let (at, last) = last.map_or((&Value::Null, &Value::Null), |(at, last)| (*at, *last));
        let bounds = numbers.iter().flatten().copied();
        let (min, max) = (bounds.clone().reduce(f64::min), bounds.reduce(f64::max));
        table.add_row([text(&metric["type"]), shown(min), shown(max), text(last), text(at)]);
    }
    parts.push(trimmed(&table));
    parts.join("\n\n")
}

fn shown(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// Draws numbers in one line, several points a column if there are more points than columns.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the height is from 0 to 7"
)]
fn curve(numbers: &[Option<f64>], columns: usize) -> String {
    let all = numbers.iter().flatten().copied();
    let (min, max) = (all.clone().fold(f64::MAX, f64::min), all.fold(f64::MIN, f64::max));
    let per_column = numbers.len().div_ceil(columns).max(1);
    let column = |points: &[Option<f64>]| {
        let given: Vec<f64> = points.iter().flatten().copied().collect();
        if given.is_empty() {
            return ' ';
        }
        let mean = given.iter().map(|one| one / given.len() as f64).sum::<f64>();
        let span = max / 8.0 - min / 8.0;
        let height = if span > 0.0 { (mean / 8.0 - min / 8.0) / span * 7.0 } else { 0.0 };
        BLOCKS[(height.round() as usize).min(BLOCKS.len() - 1)]
    };
    numbers.chunks(per_column).map(column).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn newest_values_are_a_table() {
        let body = json!({"project": "docs", "metrics": [
            {"type": "coverage.percent", "value": 84.2, "observed_at": "t1", "stale": false,
             "source": "nats"},
            {"type": "deploy.version.prod", "value": "1.4\u{1b}", "observed_at": "t2",
             "stale": true, "source": "http"},
        ]});
        assert_eq!(
            newest(&body),
            "TYPE                 VALUE      OBSERVED AT  SOURCE\n\
             coverage.percent     84.2       t1           nats\n\
             deploy.version.prod  1.4\\u{1b}  t2 (stale)   http"
        );
    }

    #[test]
    fn a_course_is_a_curve_with_gaps() {
        let body = json!({"agg": "avg", "from": "t0", "to": "t9", "metrics": [
            {"type": "x", "points": [["t0", 1], ["t1", null], ["t2", 4.5], ["t3", 8], ["t4", null]]},
            {"type": "v", "points": [["t0", null], ["t1", "1.4.0"]]},
        ]});
        assert_eq!(
            course(&body, None),
            "avg from t0 to t9\n\nx\n▁ ▅█ \n\n\
             TYPE  MIN  MAX  LAST   AT\n\
             x     1    8    8      t3\n\
             v     -    -    1.4.0  t1"
        );
    }

    #[test]
    fn a_curve_is_as_wide_as_the_terminal() {
        let numbers: Vec<_> = (0..1_000).map(|n| Some(f64::from(n))).collect();
        let drawn = curve(&numbers, 80);
        assert!(drawn.chars().count() <= 80 && drawn.starts_with('▁') && drawn.ends_with('█'));
        assert_eq!(curve(&[Some(5.0), Some(5.0)], 80), "▁▁");
    }
}
