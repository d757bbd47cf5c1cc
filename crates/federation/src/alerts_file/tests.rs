use super::*;

const WAIT: Duration = Duration::from_secs(30);

fn parsed(text: &str) -> Result<Alerts, AlertsFileError> {
    let variable = |name: &str| match name {
        "HOOK_SECRET" => Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
        "TOKEN" => Some("T0/B0/xyz\n".to_owned()),
        _ => None,
    };
    let secrets = Secrets::new(&variable, Path::new("."));
    parse("alerts.yaml", text.as_bytes(), &secrets)
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
    assert_eq!(read(&file).unwrap().channels.len(), 1);
    std::fs::write(&file, channel("secret_file: missing")).unwrap();
    let error = read(&file).unwrap_err().to_string();
    assert!(error.contains("channels[0].secret_file: cannot read"), "{error}");
    assert!(matches!(read(Path::new("/nowhere")), Err(AlertsFileError::Missing(_))));
}
