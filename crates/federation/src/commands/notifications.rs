//! `federation notifications`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use federation_application::SystemClock;
use federation_domain::{
    ChannelName, Clock, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryState, IncidentSummary,
    Message, MessageId, NewNotification, NotificationEvent, Severity,
};
use federation_http::PublicUrl;
use federation_notify::{ChannelDeps, OutboundPolicy};
use serde_json::Value;

use super::graph::ConnectionArgs;
use super::projects::table::{ago, bare, now, text, trimmed};
use super::projects::{accepted, json as json_of};
use crate::alerts_file::{self, MetricsSwitch};
use crate::output;
use crate::settings::value::boolean;

/// Arguments of `notifications`.
#[derive(Debug, clap::Args)]
pub struct NotificationsArgs {
    #[command(subcommand)]
    command: NotificationsCommand,
}

#[derive(Debug, clap::Subcommand)]
enum NotificationsCommand {
    /// List notifications and the state of their delivery, newest first.
    List(ListArgs),
    /// Deliver a dead notification again, with the others in its message.
    Retry(RetryArgs),
    /// Send a test message to a channel of the alerts file, without a running service.
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// List only those of this channel.
    #[arg(long, value_name = "NAME", value_parser = ChannelName::parse)]
    channel: Option<ChannelName>,

    /// List only those in this state: pending, delivered or dead.
    #[arg(long, value_name = "STATE", value_parser = DeliveryState::parse)]
    status: Option<DeliveryState>,

    /// List at most this many.
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,

    /// Print the JSON response instead of text.
    #[arg(long, help_heading = "Output")]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct RetryArgs {
    #[command(flatten)]
    connection: ConnectionArgs,

    /// Number of the notification.
    #[arg(value_parser = clap::value_parser!(i64).range(1..))]
    id: i64,
}

#[derive(Debug, clap::Args)]
struct TestArgs {
    /// Name of the channel.
    #[arg(value_parser = ChannelName::parse)]
    channel: ChannelName,

    /// File of channels and routes.
    #[arg(long, env, value_name = "FILE", default_value = "config/alerts.yaml")]
    alerts_file: PathBuf,

    /// Address of the service, for the link in the message.
    #[arg(long, env, value_name = "URL", value_parser = PublicUrl::parse)]
    public_url: Option<PublicUrl>,

    /// Permit connections to loopback and private addresses.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "true")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    outbound_private: bool,
}

const COLLECTION: &str = "/api/fed/notifications";

/// Runs the subcommand.
///
/// # Errors
/// Fails if the service or the receiver cannot be reached or rejects the request, or if the file is
/// invalid.
pub async fn run(args: NotificationsArgs) -> anyhow::Result<()> {
    match args.command {
        NotificationsCommand::List(args) => list(&args),
        NotificationsCommand::Retry(args) => retry(&args),
        NotificationsCommand::Test(args) => test(args).await,
    }
}

fn list(args: &ListArgs) -> anyhow::Result<()> {
    let mut path = format!("{COLLECTION}?limit={}", args.limit);
    path.extend(args.channel.as_ref().map(|channel| format!("&channel={channel}")));
    path.extend(args.status.map(|status| format!("&status={}", status.as_str())));
    let answer = accepted(args.connection.client()?.get(&path)?)?;
    let text = if args.json { answer.body().to_owned() } else { table_of(&json_of(&answer)?) };
    Ok(output::print(&text)?)
}

fn retry(args: &RetryArgs) -> anyhow::Result<()> {
    let path = format!("{COLLECTION}/{}/retry", args.id);
    let answer = accepted(args.connection.client()?.post(&path, String::new())?)?;
    let count = json_of(&answer)?.as_array().map_or(0, Vec::len);
    let noun = if count == 1 { "notification is" } else { "notifications are" };
    Ok(output::print(&format!("{count} {noun} pending"))?)
}

async fn test(args: TestArgs) -> anyhow::Result<()> {
    let alerts = alerts_file::read(&args.alerts_file, MetricsSwitch::On)?;
    let Some(channel) = alerts.channels.get(&args.channel).cloned() else {
        let names: Vec<_> = alerts.channels.keys().map(ChannelName::as_str).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        bail!("{}: expected the name of a channel: {names}", args.channel);
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let message = test_message(&args.channel, &*clock);
    let deps = ChannelDeps {
        clock,
        public_url: args.public_url.map(|url| url.as_str().to_owned()),
        policy: OutboundPolicy { allow_private: args.outbound_private },
    };
    let messenger = tokio::task::spawn_blocking(move || channel.messenger(&deps)).await?;
    messenger.send(&message).await.with_context(|| format!("channel {}", args.channel))?;
    Ok(output::print(&format!("sent a test message to {}", args.channel))?)
}

/// Returns a message about a made-up incident that is resolved, so that nothing keeps firing.
fn test_message(channel: &ChannelName, clock: &dyn Clock) -> Message {
    let at = clock.utc();
    let summary = IncidentSummary {
        kind: "test".to_owned(),
        title: "Test message of the federation service".to_owned(),
        severity: Severity::Info,
        root: None,
        cause: "federation notifications test".to_owned(),
        affected_count: 0,
        affected: Vec::new(),
        since: at,
        resolved_at: Some(at),
        tags: Vec::new(),
        link: "/".to_owned(),
        earlier: Vec::new(),
    };
    let notification = NewNotification {
        incident: "test".to_owned(),
        sequence: 1,
        channel: channel.clone(),
        event: NotificationEvent::Resolved,
        summary,
        at,
        due_at: at,
        grouped: false,
    };
    let delivery = Delivery {
        id: DeliveryId(0),
        notification,
        state: DeliveryState::Pending,
        message: Some(MessageId(0)),
        attempts: 1,
        expires_at: at + DELIVERY_PERIOD,
        last_error: None,
        finished_at: None,
    };
    Message {
        id: MessageId(0),
        channel: channel.clone(),
        event: NotificationEvent::Resolved,
        deliveries: vec![delivery],
    }
}

/// Formats a line per notification.
fn table_of(notifications: &Value) -> String {
    let notifications = notifications.as_array().map(Vec::as_slice).unwrap_or_default();
    if notifications.is_empty() {
        return "no notifications".to_owned();
    }
    let mut table = bare();
    table
        .set_header(["ID", "CHANNEL", "EVENT", "INCIDENT", "STATUS", "ATTEMPTS", "SINCE", "ERROR"]);
    let now = now();
    for one in notifications {
        let title = format!("{} {}", text(&one["incident"]), text(&one["title"]));
        table.add_row([
            text(&one["id"]),
            text(&one["channel"]),
            text(&one["event"]),
            title,
            text(&one["status"]),
            text(&one["attempts"]),
            ago(&one["created_at"], now),
            text(&one["last_error"]),
        ]);
    }
    trimmed(&table)
}
