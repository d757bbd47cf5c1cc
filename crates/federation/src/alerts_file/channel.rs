//! Channels.

use std::collections::BTreeMap;

use federation_application::MAX_CHANNELS;
use federation_domain::ChannelName;
use federation_notify::{Channel, EmailChannel, OutboundPolicy, SmtpSecurity, WebhookSecret};
use url::Url;

use super::Problems;
use super::document::RawChannel;
use super::secrets::Secrets;

/// A key at fault and its problem.
type Fault = (&'static str, String);

/// Parses all channels and records the problems.
pub(super) fn check(
    raw: Vec<RawChannel>,
    secrets: &Secrets<'_>,
    problems: &mut Problems,
) -> BTreeMap<ChannelName, Channel> {
    let mut channels = BTreeMap::new();
    if raw.len() > MAX_CHANNELS {
        let problem = format!("expected at most {MAX_CHANNELS} channels");
        problems.add("channels", MAX_CHANNELS, None, &problem);
    }
    for (at, raw) in raw.into_iter().enumerate() {
        let mut fault = |field, problem: &str| problems.add("channels", at, Some(field), problem);
        let name = match ChannelName::parse(&raw.name) {
            Ok(name) => name,
            Err(error) => {
                fault("name", &error.to_string().replacen("channel", "name", 1));
                continue;
            }
        };
        match channel(&raw, secrets) {
            Ok(_) if channels.contains_key(&name) => {
                fault("name", "expected a unique name, got one that is used before");
            }
            Ok(channel) => drop(channels.insert(name, channel)),
            Err(faults) => {
                faults.iter().for_each(|(field, problem)| fault(field, problem));
                // Routes to it are not faults of their own.
                if let Ok(url) = Url::parse("http://invalid.invalid") {
                    channels.insert(name, Channel::Alertmanager { url });
                }
            }
        }
    }
    channels
}

fn channel(raw: &RawChannel, secrets: &Secrets<'_>) -> Result<Channel, Vec<Fault>> {
    let used: &[&str] = match raw.kind.as_str() {
        "webhook" => &["url", "url_file", "secret", "secret_file"],
        "alertmanager" | "slack" => &["url", "url_file"],
        "email" => &["host", "port", "security", "user", "password", "password_file", "from", "to"],
        _ => {
            let problem = "expected webhook, alertmanager, slack or email";
            return Err(vec![("type", problem.to_owned())]);
        }
    };
    let unused = raw.keys().into_iter().filter(|key| !used.contains(key));
    let unused: Vec<_> = unused
        .map(|key| (key, format!("a channel of type {} has no such key; remove it", raw.kind)))
        .collect();
    if !unused.is_empty() {
        return Err(unused);
    }
    let one = |fault: Fault| vec![fault];
    match raw.kind.as_str() {
        "webhook" => {
            let secret = secrets
                .value(
                    ("secret", raw.secret.as_deref()),
                    ("secret_file", raw.secret_file.as_deref()),
                )
                .and_then(|secret| {
                    let field = if raw.secret.is_some() { "secret" } else { "secret_file" };
                    let parse = |text: String| WebhookSecret::parse(&text);
                    secret.map(parse).transpose().map_err(|error| (field, error.to_string()))
                });
            both(url(raw, secrets), secret).map(|(url, secret)| Channel::Webhook { url, secret })
        }
        "alertmanager" => url(raw, secrets).map(|url| Channel::Alertmanager { url }).map_err(one),
        "slack" => url(raw, secrets).map(|url| Channel::Slack { url }).map_err(one),
        _ => email(raw, secrets).map(Channel::Email).map_err(one),
    }
}

fn both<A, B>(first: Result<A, Fault>, second: Result<B, Fault>) -> Result<(A, B), Vec<Fault>> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (first, second) => Err(first.err().into_iter().chain(second.err()).collect()),
    }
}

fn url(raw: &RawChannel, secrets: &Secrets<'_>) -> Result<Url, Fault> {
    let field = if raw.url_file.is_some() { "url_file" } else { "url" };
    let url = secrets
        .value(("url", raw.url.as_deref()), ("url_file", raw.url_file.as_deref()))?
        .ok_or_else(|| ("url", "expected a URL, got nothing".to_owned()))?;
    let expected = "expected an http or https URL without credentials and fragment";
    let url = Url::parse(&url).map_err(|_| (field, expected.to_owned()))?;
    OutboundPolicy::default().check_url(&url).map_err(|error| (field, error.to_string()))?;
    Ok(url)
}

fn email(raw: &RawChannel, secrets: &Secrets<'_>) -> Result<EmailChannel, Fault> {
    let required = |field: &'static str, value: Option<&str>| {
        let value = value.ok_or_else(|| (field, "expected a value, got nothing".to_owned()))?;
        secrets.expand(value).map_err(|problem| (field, problem))
    };
    let security = match raw.security.as_deref() {
        None | Some("starttls") => SmtpSecurity::StartTls,
        Some("tls") => SmtpSecurity::Tls,
        Some("none") => SmtpSecurity::None,
        Some(_) => return Err(("security", "expected starttls, tls or none".to_owned())),
    };
    let (host, from) =
        (required("host", raw.host.as_deref())?, required("from", raw.from.as_deref())?);
    let to = raw.to.clone().unwrap_or_default();
    let invalid = |error: federation_notify::InvalidEmail| {
        (error.field, format!("expected {}", error.expected))
    };
    let email = EmailChannel::new(&host, raw.port, security, &from, &to).map_err(invalid)?;
    let password = secrets.value(
        ("password", raw.password.as_deref()),
        ("password_file", raw.password_file.as_deref()),
    )?;
    match (raw.user.as_deref(), password) {
        (None, None) => Ok(email),
        (Some(user), Some(password)) => {
            let user = secrets.expand(user).map_err(|problem| ("user", problem))?;
            email.with_login(user, password).map_err(invalid)
        }
        (Some(_), None) => Err(("user", "expected a password too".to_owned())),
        (None, Some(_)) => Err(("password", "expected a user too".to_owned())),
    }
}
