//! Routes.

use std::collections::BTreeMap;
use std::time::Duration;

use federation_domain::{
    ChannelName, InvalidValue, NotificationEvent, Route, Severity, Slug, parse_wait,
};
use federation_notify::Channel;

use super::document::RawRoute;
use super::{MAX_ROUTES, Problems};

/// Longest time for which an event waits for others.
const MAX_GROUP_WAIT: Duration = Duration::from_secs(3_600);

/// Maximum number of values in a list.
const MAX_VALUES: usize = 100;

/// Parses all routes and records the problems.
pub(super) fn check(
    raw: Vec<RawRoute>,
    channels: &BTreeMap<ChannelName, Channel>,
    problems: &mut Problems,
) -> Vec<(Route, Option<Duration>)> {
    if raw.len() > MAX_ROUTES {
        let problem = format!("expected at most {MAX_ROUTES} routes");
        problems.add("routes", MAX_ROUTES, None, &problem);
        return Vec::new();
    }
    let mut routes = Vec::new();
    for (at, raw) in raw.into_iter().enumerate() {
        match route(&raw, channels) {
            Ok(route) => routes.push(route),
            Err(faults) => {
                for (field, problem) in faults {
                    problems.add("routes", at, Some(field), &problem);
                }
            }
        }
    }
    routes
}

type Fault = (&'static str, String);

fn route(
    raw: &RawRoute,
    channels: &BTreeMap<ChannelName, Channel>,
) -> Result<(Route, Option<Duration>), Vec<Fault>> {
    let mut faults = Vec::new();
    let channel = match ChannelName::parse(&raw.channel) {
        Ok(channel) if channels.contains_key(&channel) => Some(channel),
        _ => {
            let names: Vec<_> = channels.keys().map(ChannelName::as_str).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            faults.push(("channel", format!("expected the name of a channel: {names}")));
            None
        }
    };
    let severities = all("severity", &raw.severity, &mut faults, Severity::parse);
    let projects = all("projects", &raw.projects, &mut faults, Slug::parse);
    let events = match &raw.events {
        Some(events) => all("events", events, &mut faults, NotificationEvent::parse),
        None => NotificationEvent::ALL.to_vec(),
    };
    if events.is_empty() && faults.is_empty() {
        faults
            .push(("events", "expected at least one of opened, repeated and resolved".to_owned()));
    }
    let group_wait = raw.group_wait.as_deref().and_then(|text| {
        duration(text).map_err(|problem| faults.push(("group_wait", problem))).ok()
    });
    for (field, values) in [("tags", &raw.tags), ("kinds", &raw.kinds)] {
        if values.len() > MAX_VALUES {
            faults.push((field, format!("expected at most {MAX_VALUES}")));
        }
    }
    match channel {
        Some(channel) if faults.is_empty() => {
            let (tags, kinds) = (raw.tags.clone(), raw.kinds.clone());
            let no_wait = time::Duration::ZERO;
            let route =
                Route { channel, severities, tags, projects, kinds, events, group_wait: no_wait };
            Ok((route, group_wait))
        }
        _ => Err(faults),
    }
}

fn all<T>(
    field: &'static str,
    values: &[String],
    faults: &mut Vec<Fault>,
    parse: fn(&str) -> Result<T, InvalidValue>,
) -> Vec<T> {
    if values.len() > MAX_VALUES {
        faults.push((field, format!("expected at most {MAX_VALUES}")));
        return Vec::new();
    }
    let mut parsed = Vec::new();
    for value in values {
        match parse(value) {
            Ok(value) => parsed.push(value),
            Err(error) => {
                faults.push((field, format!("expected {}, got {}", error.allowed, error.given)));
            }
        }
    }
    parsed
}

/// Parses a duration of at most an hour.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = parse_wait(text.trim()).filter(|wait| *wait <= MAX_GROUP_WAIT);
    duration.ok_or_else(|| "expected a duration of at most 1h, such as 30s or 2m".to_owned())
}
