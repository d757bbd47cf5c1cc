use super::*;

const WAIT: Duration = Duration::from_secs(30);

fn parsed(text: &str) -> Result<Alerts, AlertsFileError> {
    let variable = |name: &str| match name {
        "HOOK_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        "TOKEN" => Some("T0/B0/xyz\n".to_owned()),
        _ => None,
    };
    let secrets = Secrets::new(&variable, Path::new("."));
    parse("alerts.yaml", text.as_bytes(), &secrets, MetricsSwitch::On)
}

fn problems(text: &str) -> Vec<String> {
    match parsed(text) {
        Err(AlertsFileError::Invalid(problems)) => {
            problems.iter().map(ToString::to_string).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_type_of_channel_and_every_condition_of_a_route_is_read() {
    let alerts = parsed(
        "
channels:
  - name: hook
    type: webhook
    url: https://example.com/federation
    secret: ${HOOK_SECRET}
  - {name: am, type: alertmanager, url: 'http://10.0.0.1:9093'}
  - {name: chat, type: slack, url: 'https://hooks.slack.com/services/${TOKEN}'}
  - name: mail
    type: email
    host: smtp.example.org
    user: alerts
    password: ${TOKEN}
    from: Federation <alerts@example.org>
    to: [oncall@example.org]
routes:
  - channel: hook
    severity: [critical]
    tags: [dc-3]
    projects: [db]
    kinds: [offline]
    events: [opened, resolved]
    group_wait: 2m
  - channel: mail
    group_wait: 0
  - channel: am
",
    )
    .unwrap();
    let names: Vec<_> = alerts.channels.keys().map(ChannelName::as_str).collect();
    assert_eq!(names, ["am", "chat", "hook", "mail"]);
    let shown = format!("{alerts:?}");
    assert!(!shown.contains("MfKQ"), "{shown}");
    let routes = alerts.routes(WAIT);
    let Route { severities, tags, projects, kinds, events, group_wait, .. } = &routes[0];
    assert_eq!(severities, &[federation_domain::Severity::Critical]);
    assert_eq!((tags.len(), projects.len(), kinds.len(), events.len()), (1, 1, 1, 2));
    assert_eq!(group_wait.whole_seconds(), 120);
    assert_eq!(routes[1].events.len(), 3);
    assert!(routes[1].group_wait.is_zero());
    assert_eq!(routes[2].group_wait, WAIT);
}

#[test]
fn an_empty_file_has_no_channels() {
    for text in ["", "channels:\nroutes:\n", "channels: []\n", "x-note: 1\n"] {
        let alerts = parsed(text).unwrap();
        assert!(alerts.channels.is_empty() && alerts.routes.is_empty(), "{text}");
    }
}

#[test]
fn all_problems_are_reported_with_their_lines_and_without_secrets() {
    let found = problems(
        "channels:
  - {name: Hook, type: webhook, url: 'http://a'}
  - name: a
    type: webhook
    url: http://169.254.169.254/latest
    secret: whsec_tooshort
  - {name: b, type: pigeon}
  - {name: c, type: slack, url: 'http://a', secret: x}
  - {name: d, type: slack, url: '${UNSET}'}
  - {name: e, type: email, host: h, security: none, user: u, password: p, from: a@b.c, to: [a@b.c]}
routes:
  - {channel: nowhere}
  - {channel: d, severity: [urgent], group_wait: 2d}
",
    );
    let expected = [
        "alerts.yaml:2:12: channels[0].name: expected 1 to 50 of a-z, 0-9, - and _, got \"Hook\"",
        "alerts.yaml:5:10: channels[1].url: the address of the receiver is not allowed: it is link-local",
        "alerts.yaml:6:13: channels[1].secret: expected whsec_ and 24 to 64 bytes in base64; create one with \
         `echo whsec_$(openssl rand -base64 32)`",
        "alerts.yaml:7:21: channels[2].type: expected webhook, alertmanager, slack or email",
        "alerts.yaml:8:53: channels[3].secret: a channel of type slack has no such key; remove it",
        "alerts.yaml:9:33: channels[4].url: the environment variable UNSET is not set; set it, or use a file",
        "alerts.yaml:10:47: channels[5].security: expected starttls or tls, because the password is sent over \
         the connection",
        "alerts.yaml:12:15: routes[0].channel: expected the name of a channel: a, b, c, d, e",
        "alerts.yaml:13:28: routes[1].severity: expected info, warning or critical, got \"urgent\"",
        "alerts.yaml:13:50: routes[1].group_wait: expected a duration of at most 1h, such as 30s or 2m",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_wrong_shape_is_reported_at_its_line() {
    let found = problems("channels:\n  - name: a\n    type: slack\n    uri: http://a\n");
    assert!(found[0].starts_with("alerts.yaml:4:5: channels[0]: unknown field"), "{found:?}");
    let found = problems("channels: 7\n");
    assert!(found[0].starts_with("alerts.yaml:1:11: channels: expected a sequence"), "{found:?}");
}

#[test]
fn a_secret_is_read_from_a_file_beside_the_alerts_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
    let file = folder.path().join("alerts.yaml");
    let channel =
        |key: &str| format!("channels: [{{name: a, type: webhook, url: 'http://a', {key}}}]\n");
    std::fs::write(&file, channel("secret_file: s")).unwrap();
    assert_eq!(read(&file, MetricsSwitch::On).unwrap().channels.len(), 1);
    std::fs::write(&file, channel("secret_file: missing")).unwrap();
    let error = read(&file, MetricsSwitch::On).unwrap_err().to_string();
    assert!(error.contains("channels[0].secret_file: cannot read"), "{error}");
    assert!(matches!(
        read(Path::new("/nowhere"), MetricsSwitch::On),
        Err(AlertsFileError::Missing(_))
    ));
}

fn rules(text: &str) -> Vec<String> {
    let rules = parsed(text).unwrap().rules();
    rules.iter().map(|rule| format!("{}: {}", rule.name, rule.summary())).collect()
}

const CRITICAL: &str =
    "critical-vulnerabilities-rise: security.critical_count increase 1 within 36h";
const HIGH: &str = "high-vulnerabilities-rise: security.high_count increase 5 within 36h";

#[test]
fn rules_of_the_file_are_added_to_the_built_in_ones() {
    let text = "
rules:
  - name: critical-vulnerabilities
    when: security.critical_count > 0
    for: 10m
    severity: critical
    tags: [finance]
  - name: audit-failures-rise
    when: audit.fail_count
    increase: 3 within 1h
    severity: warning
  - name: no-coverage
    when: coverage.percent
    absent_for: 24h
    severity: info
    projects: [db]
";
    let own = [
        "critical-vulnerabilities: security.critical_count > 0 for 10m",
        "audit-failures-rise: audit.fail_count increase 3 within 1h",
        "no-coverage: coverage.percent absent for 1d",
    ];
    assert_eq!(rules(text), [own.as_slice(), &[CRITICAL, HIGH]].concat());
    let parsed = parsed(text).unwrap();
    assert_eq!(parsed.own_rules(), 3);
    assert_eq!(parsed.rules()[0].scope.tags, ["finance"]);
    assert_eq!(rules(""), [CRITICAL, HIGH]);
}

#[test]
fn a_built_in_rule_is_replaced_or_disabled_by_its_name() {
    let replaced = "rules:
  - {name: high-vulnerabilities-rise, when: security.high_count, increase: 50 within 12h, severity: info}
  - {name: critical-vulnerabilities-rise, enabled: false}
";
    assert_eq!(
        rules(replaced),
        ["high-vulnerabilities-rise: security.high_count increase 50 within 12h"]
    );
    let off = "rules: [{name: mine, enabled: false, when: a > 1, severity: info}]";
    assert_eq!(rules(off), [CRITICAL, HIGH]);
}

#[test]
fn all_problems_of_rules_are_reported_with_their_lines() {
    let found = problems(
        "rules:
  - {name: A, when: a.b > 0, severity: info}
  - name: b
    when: a.b ~ 3
    for: 25h
    severity: urgent
  - {name: c, when: a.b, severity: info}
  - {name: d, when: a.b > 1, severity: info}
  - {name: d, when: a.b > 2, severity: info}
  - {name: e, enabled: false}
  - {name: f, when: a.b, increase: 3 per hour, severity: info, projects: [Db]}
",
    );
    let expected = [
        "alerts.yaml:2:12: rules[0].name: expected 1 to 50 of a-z, 0-9, - and _, got \"A\"",
        "alerts.yaml:4:11: rules[1].when: expected a metric (at most 100 characters: words of a-z, 0-9, _ and \
         -, joined by dots), got \"a.b ~ 3\"",
        "alerts.yaml:5:10: rules[1].for: expected a time of at most 24h, such as 10m, got \"25h\"",
        "alerts.yaml:6:15: rules[1].severity: expected info, warning or critical, got \"urgent\"",
        "alerts.yaml:7:21: rules[2].when: expected a comparison such as a.b > 0, or the key increase or \
         absent_for, got \"a.b\"",
        "alerts.yaml:9:12: rules[4].name: expected a unique name, got one that is used before",
        "alerts.yaml:10:12: rules[5].name: expected the name of a built-in rule \
         (critical-vulnerabilities-rise, high-vulnerabilities-rise), or also the key `when`",
        "alerts.yaml:11:36: rules[6].increase: expected a number above 0 and a time from 1m to 36h, such as 3 \
         within 1h, got \"3 per hour\"",
        "alerts.yaml:11:74: rules[6].projects: expected ",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} is not {expected}");
    }
    let unknown = problems("rules: [{name: a, when: a > 1, severity: info, unless: b > 1}]");
    // The file has secrets, so what it contains is not shown.
    let expected = "alerts.yaml:1:48: rules[0]: unknown field …, expected one of `name`";
    assert!(unknown[0].starts_with(expected), "{unknown:?}");
}

#[test]
fn rules_are_refused_without_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alerts.yaml");
    std::fs::write(&file, "rules:\n  - {name: a, when: a > 1, severity: info}\n").unwrap();
    let error = read(&file, MetricsSwitch::Off).unwrap_err().to_string();
    let expected = "alerts.yaml:2:3: rules: expected none, because METRICS is off; remove them or set METRICS=on";
    assert!(error.contains(expected), "{error}");
    assert!(read(&file, MetricsSwitch::On).is_ok());
    std::fs::write(&file, "channels: []\n").unwrap();
    assert!(read(&file, MetricsSwitch::Off).is_ok());
}

#[test]
fn the_example_file_is_valid_with_and_without_its_comments() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/alerts.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(parsed(&text).unwrap().own_rules(), 0);
    // Prose has one space after the sign, and the example none or several.
    let example = text.lines().filter_map(|line| {
        let rest = line.strip_prefix('#')?;
        (!rest.starts_with(' ') || rest.starts_with("  ")).then_some(rest)
    });
    let example = parsed(&example.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!((example.own_rules(), example.channels.len()), (3, 1));
}
