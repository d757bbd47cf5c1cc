//! The cost of a response, from the request to the body, without sockets and without the middleware
//! of the server (request id, span and log line).

use actix_web::App;
use actix_web::body::to_bytes;
use actix_web::rt::System;
use actix_web::test::{TestRequest, call_service, init_service};
use criterion::Criterion;
use federation_domain::Slug;
use federation_http::{ApiState, configure};

use crate::world::World;

/// Measures a look-up and a complete response.
pub(crate) fn find(criterion: &mut Criterion, world: &World) {
    let slugs: Vec<Slug> = world.slugs.iter().map(|slug| Slug::parse(slug).unwrap()).collect();
    criterion.bench_function(&world.name("catalog.find"), |bencher| {
        let mut slugs = slugs.iter().cycle();
        bencher.iter(|| slugs.next().map(|slug| world.service.catalog.find(slug).unwrap()));
    });
    let paths = world.slugs.iter().map(|slug| format!("/api/fed/projects/{slug}")).collect();
    respond(criterion, world, "GET project", paths);
}

/// Measures a list of all projects.
pub(crate) fn list(criterion: &mut Criterion, world: &World) {
    respond(criterion, world, "GET projects", vec!["/api/fed/projects".to_owned()]);
}

fn respond(criterion: &mut Criterion, world: &World, what: &str, paths: Vec<String>) {
    let system = System::new();
    let state = ApiState::from(&world.service);
    let app = system.block_on(init_service(App::new().configure(|cfg| configure(cfg, state))));
    criterion.bench_function(&world.name(what), |bencher| {
        let mut paths = paths.iter().cycle();
        bencher.iter(|| {
            let path = paths.next().map_or("/", String::as_str);
            let request = TestRequest::get().uri(path).to_request();
            system.block_on(async {
                let response = call_service(&app, request).await;
                to_bytes(response.into_body()).await.ok()
            })
        });
    });
}
