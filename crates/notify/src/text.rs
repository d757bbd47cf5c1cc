//! The text of a message, with the syntax of a channel as a parameter.

use federation_domain::{IncidentSummary, Message, NotificationEvent};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Maximum number of incidents that a text describes. The others are counted.
const MAX_DESCRIBED: usize = 20;

const MINUTE: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");

/// The syntax of a channel.
pub(crate) struct Syntax {
    /// Makes a text that projects may have chosen harmless.
    pub(crate) escape: fn(&str) -> String,
    /// Turns a URL into a link.
    pub(crate) link: fn(&str) -> String,
}

/// Returns the URL of an incident on the page, if the address of the service is known.
pub(crate) fn url_of(public_url: Option<&str>, summary: &IncidentSummary) -> Option<String> {
    let base = public_url?.trim_end_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    let path = summary.link.as_str();
    let is_path = path.starts_with('/') && path.chars().all(is_plain);
    is_path.then(|| format!("{base}{path}"))
}

/// Returns one line that sums a message up.
pub(crate) fn headline(message: &Message, syntax: &Syntax) -> String {
    let mut summaries = message.deliveries.iter().map(|one| &one.notification.summary);
    let severity = summaries.clone().map(|summary| summary.severity).max();
    let severity = severity.map(|severity| severity.as_str().to_uppercase()).unwrap_or_default();
    let first = summaries.next().map(|summary| (syntax.escape)(&summary.title));
    let first = first.unwrap_or_default();
    match (message.event, message.deliveries.len()) {
        (NotificationEvent::Opened, 1) => format!("{severity}: {first}"),
        (NotificationEvent::Opened, count) => {
            format!("{severity}: {count} incidents opened: {first} and {} more", count - 1)
        }
        (NotificationEvent::Repeated, 1) => format!("Still {severity}: {first}"),
        (NotificationEvent::Repeated, count) => {
            format!("Still {severity}: {count} incidents: {first} and {} more", count - 1)
        }
        (NotificationEvent::Resolved, 1) => format!("Resolved: {first}"),
        (NotificationEvent::Resolved, count) => {
            format!("Resolved: {count} incidents: {first} and {} more", count - 1)
        }
    }
}

/// Returns the lines that describe all incidents of a message.
pub(crate) fn describe(
    message: &Message,
    public_url: Option<&str>,
    syntax: &Syntax,
) -> Vec<String> {
    let mut lines = Vec::new();
    let is_single = message.deliveries.len() == 1;
    for one in message.deliveries.iter().take(MAX_DESCRIBED) {
        if !is_single {
            lines.push(String::new());
            lines.push((syntax.escape)(&one.notification.summary.title));
        }
        lines.extend(describe_one(&one.notification.summary, public_url, syntax));
    }
    let more = message.deliveries.len().saturating_sub(MAX_DESCRIBED);
    if more > 0 {
        lines.push(String::new());
        lines.push(format!("and {more} more"));
    }
    lines
}

/// Returns the lines that describe an incident, without its title.
pub(crate) fn describe_one(
    summary: &IncidentSummary,
    public_url: Option<&str>,
    syntax: &Syntax,
) -> Vec<String> {
    let escape = syntax.escape;
    let mut lines = vec![format!("Since: {}", moment(summary.since))];
    if let Some(at) = summary.resolved_at {
        lines.push(format!("Until: {} ({})", moment(at), span(at - summary.since)));
    }
    if let Some(root) = &summary.root {
        lines.push(format!("Root: {}", escape(root.as_str())));
    }
    if !summary.cause.is_empty() {
        lines.push(format!("Cause: {}", escape(&summary.cause)));
    }
    if summary.affected_count > 0 {
        lines.push(format!("Affected: {}", affected(summary, escape)));
    }
    for shared in &summary.tags {
        let (down, total, tag) = (shared.down, shared.total, escape(&shared.tag));
        lines.push(format!("Shared: {down} of {total} projects tagged {tag}"));
    }
    lines.extend(url_of(public_url, summary).map(|url| (syntax.link)(&url)));
    lines
}

fn affected(summary: &IncidentSummary, escape: fn(&str) -> String) -> String {
    let count = summary.affected_count;
    let named: Vec<_> = summary.affected.iter().map(|slug| escape(slug.as_str())).collect();
    let noun = if count == 1 { "project" } else { "projects" };
    let more = count.saturating_sub(u64::try_from(named.len()).unwrap_or(u64::MAX));
    let names = named.join(", ");
    match (named.is_empty(), more) {
        (true, _) => format!("{count} {noun}"),
        (false, 0) => format!("{count} {noun}: {names}"),
        (false, more) => format!("{count} {noun}: {names} and {more} more"),
    }
}

fn moment(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(MINUTE).unwrap_or_default()
}

fn span(span: time::Duration) -> String {
    match (span.whole_hours(), span.whole_minutes() % 60, span.whole_seconds() % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
