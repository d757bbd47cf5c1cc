//! A subscriber that only counts: what hearing heartbeats costs at least.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use async_nats::{ConnectOptions, Message};
use futures_util::StreamExt as _;
use serde::Deserialize;

/// As many messages wait here as in the service before the client drops further ones.
const CAPACITY: usize = 65_536;

/// As long as in the service.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Arguments of `subscriber`.
#[derive(Debug, clap::Args)]
pub(crate) struct SubscriberArgs {
    /// The NATS server.
    #[arg(long, value_name = "URL")]
    nats_url: String,

    /// Where to answer as the service does, on loopback.
    #[arg(long, value_name = "PORT")]
    port: u16,

    /// Also parse each payload, and look its project up among so many.
    #[arg(long, value_name = "PROJECTS")]
    parse: Option<u32>,
}

/// What is needed of a payload at least.
#[derive(Deserialize)]
struct Payload<'a> {
    project_slug: &'a str,
}

/// Counts until it is killed.
pub(crate) fn run(args: SubscriberArgs) -> anyhow::Result<()> {
    let counted = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&counted);
    let port = args.port;
    // As many threads as the service has.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async move {
        if let Err(error) = count(&args, &counted).await {
            eprintln!("error: {error:#}");
            std::process::exit(1);
        }
    });
    actix_web::rt::System::new().block_on(answer(port, shown))
}

async fn count(args: &SubscriberArgs, counted: &AtomicU64) -> anyhow::Result<()> {
    let client = ConnectOptions::new()
        .subscription_capacity(CAPACITY)
        .connect(&args.nats_url)
        .await
        .context("NATS cannot be reached")?;
    let mut heartbeats = client.subscribe("hub.presence.*").await?;
    let projects: HashMap<String, AtomicU64> = (1..=args.parse.unwrap_or(0))
        .map(|number| (format!("bench-{number:06}"), AtomicU64::new(0)))
        .collect();
    while let Some(message) = heartbeats.next().await {
        if args.parse.is_none() || is_known(&projects, &message) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn is_known(projects: &HashMap<String, AtomicU64>, message: &Message) -> bool {
    let payload = serde_json::from_slice::<Payload<'_>>(&message.payload);
    let project = payload.ok().and_then(|payload| projects.get(payload.project_slug));
    project.is_some_and(|heard| {
        heard.fetch_add(1, Ordering::Relaxed);
        true
    })
}

/// Answers what `federation bench heartbeats` asks for: the counts, and that each project is known.
async fn answer(port: u16, counted: Arc<AtomicU64>) -> anyhow::Result<()> {
    let metrics = move || {
        format!(
            "federation_heartbeat_messages_total{{status=\"success\",source=\"nats\"}} {}\n\
             federation_nats_connection_status 1\n",
            counted.load(Ordering::Relaxed)
        )
    };
    let server = HttpServer::new(move || {
        let metrics = metrics.clone();
        App::new()
            .route("/metrics", web::get().to(move || std::future::ready(metrics())))
            .default_service(web::to(|| std::future::ready(HttpResponse::Ok().body("{}"))))
    });
    server
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .bind(("127.0.0.1", port))?
        .run()
        .await
        .context("the server ended")
}
