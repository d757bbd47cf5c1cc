//! Badges as SVG and as JSON for shields.io.

use std::fmt::Write as _;

use federation_application::ProjectState;
use federation_domain::{ProjectStatus, Shares};
use serde::Serialize;
use utoipa::ToSchema;

use crate::badges::FRESH_FOR;

/// A badge in the format of shields.io endpoints.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(
    as = Badge,
    example = json!({
        "schemaVersion": 1, "label": "commandcenter", "message": "online", "color": "brightgreen",
        "cacheSeconds": 30
    })
)]
pub(crate) struct BadgeBody {
    /// Version of the format.
    schema_version: u8,
    /// Slug of the project, and the window of an uptime.
    label: String,
    /// Status, or uptime in percent; `unknown` if it cannot be known.
    message: String,
    /// Colour by the names of shields.io.
    #[schema(value_type = String)]
    color: Color,
    /// Period for which the badge may be cached.
    cache_seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Color {
    BrightGreen,
    Yellow,
    Orange,
    Red,
    LightGrey,
}

impl Color {
    /// Returns a shade on which white text has a contrast of at least 4.5.
    fn shade(self) -> &'static str {
        match self {
            Self::BrightGreen => "#2b7a0b",
            Self::Yellow => "#806600",
            Self::Orange => "#b34700",
            Self::Red => "#c0311d",
            Self::LightGrey => "#646464",
        }
    }
}

impl BadgeBody {
    fn new(label: String, message: String, color: Color) -> Self {
        Self { schema_version: 1, label, message, color, cache_seconds: FRESH_FOR.as_secs() }
    }

    /// Shows the status of a project.
    pub(crate) fn status(state: &ProjectState) -> Self {
        let (message, color) = match (state.status_known, state.project.status) {
            (false, _) => ("unknown", Color::LightGrey),
            (true, ProjectStatus::Online) => ("online", Color::BrightGreen),
            (true, ProjectStatus::Degraded) => ("degraded", Color::Orange),
            (true, ProjectStatus::Offline) => ("offline", Color::Red),
        };
        Self::new(state.project.slug.to_string(), message.to_owned(), color)
    }

    /// Shows the share of a window in which a project was not offline. Time in which the service did not
    /// listen is left out, and named if it is at least a hundredth.
    pub(crate) fn uptime(slug: &str, window: &str, shares: Option<Shares>) -> Self {
        let label = format!("{slug} {window}");
        let observed = shares.map_or(0.0, |shares| 1.0 - shares.unobserved);
        let up = shares.map_or(0.0, |shares| shares.online + shares.degraded);
        if observed <= 0.0 {
            return Self::new(label, "unknown".to_owned(), Color::LightGrey);
        }
        let share = (up / observed).clamp(0.0, 1.0);
        let color = match share {
            0.999.. => Color::BrightGreen,
            0.99.. => Color::Yellow,
            0.95.. => Color::Orange,
            _ => Color::Red,
        };
        let mut message = format!("{}%", percent(share));
        if observed <= 0.99 {
            let _ = write!(message, " of {}% observed", (observed * 100.0).floor());
        }
        Self::new(label, message, color)
    }

    /// Returns the badge as a picture.
    pub(crate) fn to_svg(&self) -> String {
        let (label, message) = (escaped(&self.label), escaped(&self.message));
        let (left, right) = (width(&self.label), width(&self.message));
        let (total, shade) = (left + right, self.color.shade());
        let text = |middle: usize, width: usize, text: &str| {
            let length = width - PADDING;
            format!("<text x=\"{middle}\" y=\"14\" textLength=\"{length}\">{text}</text>")
        };
        let (name, value) = (text(left / 2, left, &label), text(left + right / 2, right, &message));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{total}\" height=\"20\" role=\"img\" \
             aria-label=\"{label}: {message}\"><title>{label}: {message}</title>\
             <rect width=\"{total}\" height=\"20\" rx=\"3\" fill=\"#444\"/>\
             <path d=\"M{left} 0h{edge}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3h-{edge}z\" fill=\"{shade}\"/>\
             <g fill=\"#fff\" text-anchor=\"middle\" font-family=\"Verdana,DejaVu Sans,sans-serif\" \
             font-size=\"11\">{name}{value}</g></svg>",
            edge = right - 3,
        )
    }
}

/// Space on both sides of a text.
const PADDING: usize = 12;

/// Returns the width of a text with its space. The letters are then fitted to it.
fn width(text: &str) -> usize {
    text.chars().count() * 7 + PADDING
}

/// Returns a share in percent with two digits, rounded down, so that only 1 is 100%.
fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0 + 1e-6).floor();
    let text = format!("{:.2}", hundredths / 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uptime(online: f64, offline: f64, unobserved: f64) -> (String, Color) {
        let shares = Shares { online, degraded: 0.0, offline, unobserved };
        let body = BadgeBody::uptime("a", "30d", Some(shares));
        (body.message, body.color)
    }

    #[test]
    fn an_uptime_is_rounded_down_and_says_how_much_was_observed() {
        assert_eq!(uptime(1.0, 0.0, 0.0), ("100%".to_owned(), Color::BrightGreen));
        assert_eq!(uptime(0.999_99, 0.000_01, 0.0), ("99.99%".to_owned(), Color::BrightGreen));
        assert_eq!(uptime(0.5, 0.0, 0.5), ("100% of 50% observed".to_owned(), Color::BrightGreen));
        assert_eq!(uptime(0.9, 0.1, 0.0), ("90%".to_owned(), Color::Red));
        assert_eq!(uptime(0.0, 0.0, 1.0), ("unknown".to_owned(), Color::LightGrey));
        assert_eq!(BadgeBody::uptime("a", "30d", None).message, "unknown");
    }

    #[test]
    fn texts_of_a_picture_are_escaped() {
        let body = BadgeBody::new("<a> & \"b\"".to_owned(), "x".to_owned(), Color::Red);
        let svg = body.to_svg();
        assert!(svg.contains("aria-label=\"&lt;a&gt; &amp; &quot;b&quot;: x\""), "{svg}");
        assert!(!svg.contains("<a>"), "{svg}");
    }
}
