//! Assembles the actix application: routes, state, OpenAPI document and middleware.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{App, Error};
use utoipa::openapi::Server;

use crate::middleware::observe;
use crate::openapi::document_for;
use crate::public_url::PublicUrl;
use crate::routes::add_routes;
use crate::routes::openapi::DocumentJson;
use crate::state::ApiState;

/// Adds all routes and the data they need.
pub fn configure(cfg: &mut ServiceConfig, state: ApiState) {
    let document = document_json(&state);
    configure_with(cfg, state, document);
}

/// Creates the application of one worker.
pub(crate) fn app(
    state: ApiState,
    document: Data<DocumentJson>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().configure(|cfg| configure_with(cfg, state, document)).wrap(from_fn(observe))
}

/// Creates the document that all workers share. It is encoded on the first request.
pub(crate) fn document_json(state: &ApiState) -> Data<DocumentJson> {
    let closed = state.auth.as_ref().map(|auth| auth.closed());
    let server = state.public_url.as_ref().map_or("/", PublicUrl::as_str).to_owned();
    Data::new(DocumentJson::new(move || {
        let mut document = document_for(closed);
        document.servers = Some(vec![Server::new(server)]);
        document
    }))
}

fn configure_with(cfg: &mut ServiceConfig, state: ApiState, document: Data<DocumentJson>) {
    add_routes(cfg, state.auth.as_ref());
    cfg.app_data(Data::new(state)).app_data(document);
}
