use super::*;
use NotificationEvent::{Opened, Repeated, Resolved};

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn to(name: &str) -> Route {
    Route {
        channel: channel(name),
        severities: Vec::new(),
        tags: Vec::new(),
        projects: Vec::new(),
        kinds: Vec::new(),
        events: NotificationEvent::ALL.to_vec(),
        group_wait: Duration::seconds(30),
    }
}

/// Routes an event of the incident "db is offline", which affects `web`, tagged `dc-3`.
fn channels(event: NotificationEvent, notified: &[&str], routes: &[Route]) -> Vec<String> {
    let at = OffsetDateTime::UNIX_EPOCH;
    let summary = IncidentSummary {
        kind: "offline".to_owned(),
        title: "db is\noffline".to_owned(),
        severity: Severity::Critical,
        root: Some("db".parse().unwrap()),
        cause: String::new(),
        affected_count: 1,
        affected: Vec::new(),
        since: at,
        resolved_at: None,
        tags: Vec::new(),
        link: "/".to_owned(),
        earlier: Vec::new(),
    };
    let event = IncidentEvent {
        incident: "17",
        sequence: 2,
        event,
        at,
        summary: &summary,
        projects: &["db".parse().unwrap(), "web".parse().unwrap()],
        tags: &BTreeSet::from(["dc-3".to_owned()]),
        notified: &notified.iter().map(|name| channel(name)).collect(),
    };
    let routed = route(&event, routes);
    for one in &routed {
        assert_eq!((&*one.incident, one.sequence, one.event), ("17", 2, event.event));
        assert_eq!(one.summary.title, "db is offline");
        assert_eq!(one.grouped, one.due_at > at);
    }
    routed.into_iter().map(|one| one.channel.to_string()).collect()
}

#[test]
fn a_route_without_conditions_matches_every_incident() {
    assert_eq!(channels(Opened, &[], &[to("hook")]), ["hook"]);
    assert_eq!(channels(Opened, &[], &[]), Vec::<String>::new());
}

#[test]
fn all_conditions_of_a_route_must_hold() {
    let matching = Route {
        severities: vec![Severity::Info, Severity::Critical],
        tags: vec!["x".into(), "dc-3".into()],
        projects: vec!["web".parse().unwrap()],
        kinds: vec!["offline".into()],
        ..to("hook")
    };
    assert_eq!(channels(Opened, &[], std::slice::from_ref(&matching)), ["hook"]);
    for other in [
        Route { severities: vec![Severity::Warning], ..matching.clone() },
        Route { tags: vec!["dc-4".into()], ..matching.clone() },
        Route { projects: vec!["api".parse().unwrap()], ..matching.clone() },
        Route { kinds: vec!["blind".into()], ..matching.clone() },
        Route { events: vec![Resolved], ..matching.clone() },
    ] {
        assert_eq!(channels(Opened, &[], &[other]), Vec::<String>::new());
    }
}

#[test]
fn a_channel_with_two_matching_routes_is_told_once_by_the_first() {
    let at_once = Route { group_wait: Duration::ZERO, ..to("hook") };
    assert_eq!(channels(Opened, &[], &[at_once, to("mail"), to("hook")]), ["hook", "mail"]);
    let silent = Route { events: vec![Resolved], ..to("hook") };
    assert_eq!(channels(Opened, &[], &[silent, to("hook")]), Vec::<String>::new());
}

#[test]
fn a_channel_that_heard_of_the_start_hears_of_the_end_whatever_the_routes_became() {
    let other = Route { severities: vec![Severity::Info], ..to("hook") };
    for event in [Repeated, Resolved] {
        assert_eq!(channels(event, &["hook"], &[to("hook")]), ["hook"]);
        assert_eq!(channels(event, &["hook"], std::slice::from_ref(&other)), ["hook"]);
        assert_eq!(channels(event, &[], &[to("hook")]), Vec::<String>::new());
    }
    let only_starts = Route { events: vec![Opened], ..to("hook") };
    assert_eq!(channels(Resolved, &["hook"], &[only_starts]), Vec::<String>::new());
}

#[test]
fn a_route_of_ends_alone_needs_no_start() {
    let only_ends = Route { events: vec![Resolved], ..to("hook") };
    assert_eq!(channels(Resolved, &[], std::slice::from_ref(&only_ends)), ["hook"]);
    assert_eq!(channels(Repeated, &[], &[only_ends]), Vec::<String>::new());
}
