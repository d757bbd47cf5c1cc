//! An HTTP server with fixed bodies: the least work that a response can take.

use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpResponse, HttpServer, http::header};
use anyhow::Context as _;

/// Arguments of `bodies`.
#[derive(Debug, clap::Args)]
pub(crate) struct BodiesArgs {
    /// Listen on this port of the loopback interface.
    #[arg(long, value_name = "PORT")]
    port: u16,

    /// Respond with a list of this size.
    #[arg(long, value_name = "BYTES", default_value_t = 273_000)]
    list: usize,

    /// Respond with a project of this size.
    #[arg(long, value_name = "BYTES", default_value_t = 400)]
    one: usize,

    /// Use this number of worker threads [default: the number of processors, as in the service].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
}

struct Bodies {
    list: Bytes,
    one: Bytes,
}

/// Serves requests until the process is killed.
pub(crate) fn run(args: &BodiesArgs) -> anyhow::Result<()> {
    actix_web::rt::System::new().block_on(serve(args))
}

async fn serve(args: &BodiesArgs) -> anyhow::Result<()> {
    let body = |length: usize| Bytes::from("x".repeat(length));
    let bodies = Data::new(Bodies { list: body(args.list), one: body(args.one) });
    let mut server = HttpServer::new(move || {
        App::new()
            .app_data(bodies.clone())
            .route("/api/fed/projects", web::get().to(list))
            .route("/api/fed/projects/{slug}", web::get().to(one))
            .route("/api/fed/projects/{slug}/heartbeat", web::post().to(heartbeat))
    });
    if let Some(workers) = args.workers {
        server = server.workers(workers);
    }
    server.bind(("127.0.0.1", args.port))?.run().await.context("the HTTP server stopped")
}

fn json(body: &Bytes) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "application/json")).body(body.clone())
}

async fn list(bodies: Data<Bodies>) -> HttpResponse {
    json(&bodies.list)
}

async fn one(bodies: Data<Bodies>) -> HttpResponse {
    json(&bodies.one)
}

async fn heartbeat() -> HttpResponse {
    HttpResponse::NoContent().finish()
}
