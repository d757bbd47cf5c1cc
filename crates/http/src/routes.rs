//! The table of all routes. Each endpoint has a file with its handler, documentation and tests.

pub(crate) mod actions;
pub(crate) mod alerts;
pub(crate) mod badge;
pub(crate) mod docs;
pub(crate) mod edges;
pub(crate) mod events;
pub(crate) mod graph;
pub(crate) mod health;
pub(crate) mod livez;
pub(crate) mod maintenance;
pub(crate) mod metrics;
pub(crate) mod notifications;
pub(crate) mod openapi;
mod page;
pub(crate) mod projects;
pub(crate) mod readyz;
pub(crate) mod series;
pub(crate) mod session;
pub(crate) mod ticket;
pub(crate) mod uptime;

use std::sync::Arc;

use actix_web::guard;
use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route};

use crate::auth::access::Access;
use crate::auth::authenticator::Auth;
use crate::auth::guard::guarded;
use crate::auth::scope::Scope;
use crate::error::ApiError;
use crate::text::abbreviate;

/// A path with a handler for each method.
pub(crate) struct Endpoint {
    /// In the syntax that actix and OpenAPI share, without a trailing slash.
    pub(crate) path: &'static str,
    /// Value of the header `Allow`.
    pub(crate) allow: &'static str,
    /// A handler of `GET` also handles `HEAD`.
    pub(crate) handlers: &'static [Handler],
}

/// A method, its access level, and its route.
type Handler = (Method, Access, fn() -> Route);

const READ: Access = Access::Needs(Scope::Read);
const HEARTBEAT: Access = Access::Needs(Scope::Heartbeat);
const WRITE: Access = Access::Needs(Scope::Write);
const ACT: Access = Access::Needs(Scope::Act);

/// All routes.
pub(crate) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        path: "/api/fed/projects",
        allow: "GET, HEAD, POST",
        handlers: &[
            (Method::GET, READ, || web::to(projects::list::list)),
            (Method::POST, WRITE, || web::to(projects::register::register)),
        ],
    },
    // Before the slugs, which contain no underscore.
    Endpoint {
        path: "/api/fed/projects/_bulk",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(projects::register_all::register_all))],
    },
    Endpoint {
        path: "/api/fed/projects/{slug}",
        allow: "GET, HEAD, PUT, PATCH, DELETE",
        handlers: &[
            (Method::GET, READ, || web::to(projects::find::find)),
            (Method::PUT, WRITE, || web::to(projects::replace::replace)),
            (Method::PATCH, WRITE, || web::to(projects::patch::patch)),
            (Method::DELETE, WRITE, || web::to(projects::remove::remove)),
        ],
    },
    Endpoint {
        path: "/api/fed/projects/{slug}/heartbeat",
        allow: "POST",
        handlers: &[(Method::POST, HEARTBEAT, || web::to(projects::heartbeat::record_heartbeat))],
    },
    Endpoint {
        path: "/api/fed/projects/{slug}/metrics",
        allow: "POST",
        handlers: &[(Method::POST, HEARTBEAT, || web::to(series::record::record_metrics))],
    },
    get(
        "/api/fed/projects/{slug}/explain",
        &[(Method::GET, READ, || web::to(projects::explain::explain))],
    ),
    get(
        "/api/fed/projects/{slug}/history",
        &[(Method::GET, READ, || web::to(projects::history::history))],
    ),
    get("/badge/{slug}.svg", &[(Method::GET, Access::Open, || web::to(badge::svg))]),
    get("/badge/{slug}.json", &[(Method::GET, Access::Open, || web::to(badge::json))]),
    get("/api/fed/uptime", &[(Method::GET, READ, || web::to(uptime::list))]),
    Endpoint {
        path: "/api/fed/session",
        allow: "GET, HEAD, POST, DELETE",
        handlers: &[
            (Method::GET, READ, || web::to(session::get)),
            (Method::POST, READ, || web::to(session::begin)),
            (Method::DELETE, READ, || web::to(session::end)),
        ],
    },
    get("/api/fed/metrics", &[(Method::GET, READ, || web::to(series::across::across))]),
    get("/api/fed/metrics/{slug}", &[(Method::GET, READ, || web::to(series::read::metrics))]),
    get(
        "/api/fed/projects/{slug}/impact",
        &[(Method::GET, READ, || web::to(projects::impact::impact))],
    ),
    get(
        "/api/fed/projects/{slug}/dependencies",
        &[(Method::GET, READ, || web::to(projects::dependencies::dependencies))],
    ),
    get("/api/fed/graph", &[(Method::GET, READ, || web::to(graph::view::view))]),
    get("/api/fed/graph/path", &[(Method::GET, READ, || web::to(graph::path::path))]),
    get("/api/fed/graph/summary", &[(Method::GET, READ, || web::to(graph::summary::summary))]),
    get("/api/fed/edges", &[(Method::GET, READ, || web::to(edges::list::list))]),
    // Before the edges, whose slugs contain no underscore.
    Endpoint {
        path: "/api/fed/edges/_bulk",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(edges::declare_all::declare_all))],
    },
    Endpoint {
        path: "/api/fed/edges/{from}/{to}/{kind}",
        allow: "PUT, DELETE",
        handlers: &[
            (Method::PUT, WRITE, || web::to(edges::declare::declare)),
            (Method::DELETE, WRITE, || web::to(edges::remove::remove)),
        ],
    },
    get("/api/fed/alerts", &[(Method::GET, READ, || web::to(alerts::list::list))]),
    get("/api/fed/alerts/{id}", &[(Method::GET, READ, || web::to(alerts::find::find))]),
    Endpoint {
        path: "/api/fed/alerts/{id}/acknowledge",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(alerts::acknowledge::acknowledge))],
    },
    Endpoint {
        path: "/api/fed/alerts/{id}/comment",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(alerts::comment::comment))],
    },
    Endpoint {
        path: "/api/fed/alerts/{id}/resolve",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(alerts::resolve::resolve))],
    },
    Endpoint {
        path: "/api/fed/actions",
        allow: "GET, HEAD, POST",
        handlers: &[
            (Method::GET, READ, || web::to(actions::list::list)),
            (Method::POST, ACT, || web::to(actions::create::create)),
        ],
    },
    get("/api/fed/actions/{id}", &[(Method::GET, READ, || web::to(actions::find::find))]),
    Endpoint {
        path: "/api/fed/actions/{id}/cancel",
        allow: "POST",
        handlers: &[(Method::POST, ACT, || web::to(actions::cancel::cancel))],
    },
    get("/api/fed/notifications", &[(Method::GET, READ, || web::to(notifications::list::list))]),
    Endpoint {
        path: "/api/fed/notifications/{id}/retry",
        allow: "POST",
        handlers: &[(Method::POST, WRITE, || web::to(notifications::retry::retry))],
    },
    Endpoint {
        path: "/api/fed/maintenance",
        allow: "GET, HEAD, POST",
        handlers: &[
            (Method::GET, READ, || web::to(maintenance::list::list)),
            (Method::POST, WRITE, || web::to(maintenance::create::create)),
        ],
    },
    Endpoint {
        path: "/api/fed/maintenance/{id}",
        allow: "PUT, DELETE",
        handlers: &[
            (Method::PUT, WRITE, || web::to(maintenance::replace::replace)),
            (Method::DELETE, WRITE, || web::to(maintenance::remove::remove)),
        ],
    },
    get("/api/fed/events", &[(Method::GET, READ, || web::to(events::events))]),
    Endpoint {
        path: "/api/fed/events/ticket",
        allow: "POST",
        handlers: &[(Method::POST, READ, || web::to(ticket::issue))],
    },
    get("/health", &[(Method::GET, Access::Open, || web::to(health::health))]),
    get("/livez", &[(Method::GET, Access::Open, || web::to(livez::livez))]),
    get("/readyz", &[(Method::GET, Access::Open, || web::to(readyz::readyz))]),
    get("/metrics", &[(Method::GET, Access::Metrics, || web::to(metrics::metrics))]),
    get("/metrics/projects", &[(Method::GET, READ, || web::to(series::export::export))]),
    get("/openapi.json", &[(Method::GET, Access::Docs, || web::to(openapi::openapi))]),
    get("/docs", &[(Method::GET, Access::Docs, || web::to(docs::docs))]),
    get("/docs/{file}", &[(Method::GET, Access::Docs, || web::to(docs::asset))]),
];

const fn get(path: &'static str, handlers: &'static [Handler]) -> Endpoint {
    Endpoint { path, allow: "GET, HEAD", handlers }
}

/// Adds all routes, each with and without a trailing slash.
pub(crate) fn add_routes(cfg: &mut ServiceConfig, auth: Option<&Arc<Auth>>) {
    // Separate resources, because actix matches a resource with several patterns twice. Those with
    // a slash come last, because few clients use it.
    for slash in ["", "/"] {
        for endpoint in ENDPOINTS {
            cfg.service(resource(endpoint, slash, auth));
        }
    }
    page::add_page(cfg);
    cfg.default_service(web::to(async || Err::<HttpResponse, _>(ApiError::PathNotFound)));
}

fn resource(endpoint: &'static Endpoint, slash: &str, auth: Option<&Arc<Auth>>) -> Resource {
    let mut resource = web::resource(format!("{}{slash}", endpoint.path));
    for (method, access, handler) in endpoint.handlers {
        let mut methods = guard::Any(guard::Method(method.clone()));
        if method == Method::GET {
            methods = methods.or(guard::Head());
        }
        let route = handler().guard(methods);
        let needed = auth.and_then(|auth| Some((auth, access.scope(auth.closed())?)));
        resource = resource.route(match needed {
            Some((auth, scope)) => guarded(route, auth, scope),
            None => route,
        });
    }
    let allow = endpoint.allow;
    resource.default_service(web::to(async move |method: Method| {
        let given = abbreviate(method.as_str());
        Err::<HttpResponse, _>(ApiError::MethodNotAllowed { allow, given })
    }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing::Api;

    fn path(endpoint: &Endpoint) -> String {
        endpoint
            .path
            .replace("{slug}", "a")
            .replace("{id}", &"0".repeat(32))
            .replace("{from}/{to}/{kind}", "a/b/api")
            .replace("{file}", "index.css")
    }

    #[test]
    fn the_document_lists_exactly_the_routes() {
        let document = serde_json::to_value(crate::document()).unwrap();
        let mut listed = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys() {
                listed.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let methods = |endpoint: &Endpoint| {
            let path = endpoint.path;
            endpoint
                .handlers
                .iter()
                .map(|(method, ..)| format!("{method} {path}"))
                .collect::<Vec<_>>()
        };
        let routes: BTreeSet<String> = ENDPOINTS.iter().flat_map(methods).collect();
        assert_eq!(listed, routes);
    }

    #[test]
    fn allow_lists_the_methods_that_have_a_handler() {
        for endpoint in ENDPOINTS {
            let mut methods = Vec::new();
            for (method, ..) in endpoint.handlers {
                methods.push(method.as_str());
                if method == Method::GET {
                    methods.push("HEAD");
                }
            }
            assert_eq!(endpoint.allow, methods.join(", "), "{}", endpoint.path);
        }
    }

    #[actix_web::test]
    async fn a_trailing_slash_changes_nothing() {
        let api = Api::new().await;
        // Otherwise event streams would not end.
        api.state.ending.cancel();
        api.register("a").await;
        // A second declaration is answered with another status than the first one.
        assert_eq!(api.send(Method::PUT, "/api/fed/edges/a/b/api").await.status, 201);
        for endpoint in ENDPOINTS {
            for method in [Method::GET, Method::HEAD, Method::PUT] {
                let path = path(endpoint);
                let plain = api.send(method.clone(), &path).await;
                let slash = api.send(method, &format!("{path}/")).await;
                assert_eq!(plain.status, slash.status, "{path}");
                assert!(plain.body == slash.body || path == "/docs", "{path}");
            }
        }
        let body = crate::testing::REGISTRATION;
        assert_eq!(api.post("/api/fed/projects/", body).await.status, 201);
        assert_eq!(api.post("/api/fed/projects/a/heartbeat/", "").await.status, 204);
    }

    #[actix_web::test]
    async fn head_is_supported_wherever_get_is() {
        let api = Api::new().await;
        // Otherwise event streams would not end.
        api.state.ending.cancel();
        api.register("a").await;
        for endpoint in ENDPOINTS {
            let path = path(endpoint);
            let get = api.send(Method::GET, &path).await;
            let head = api.send(Method::HEAD, &path).await;
            assert_eq!(
                (get.status, get.header("content-type")),
                (head.status, head.header("content-type"))
            );
        }
    }

    #[actix_web::test]
    async fn an_unsupported_method_is_answered_with_the_supported_ones() {
        let api = Api::new().await;
        for endpoint in ENDPOINTS {
            let has = |method: &Method| {
                let mut handled = endpoint.handlers.iter().map(|(one, ..)| one);
                let asked = if method == Method::HEAD { &Method::GET } else { method };
                handled.any(|one| one == asked)
            };
            for method in [
                Method::GET,
                Method::HEAD,
                Method::PUT,
                Method::PATCH,
                Method::DELETE,
                Method::OPTIONS,
                Method::TRACE,
            ] {
                if has(&method) {
                    continue;
                }
                let answer = api.send(method, &path(endpoint)).await;
                assert_eq!(answer.status, 405, "{}", endpoint.path);
                assert_eq!(answer.header("allow"), Some(endpoint.allow));
            }
        }
        insta::assert_snapshot!(api.send(Method::DELETE, "/api/fed/projects").await, @r#"
        405
        content-type: application/problem+json
        allow: GET, HEAD, POST
        {"title":"Method Not Allowed","status":405,"detail":"Method Not Allowed: expected GET or HEAD or POST, got DELETE"}
        "#);
    }

    #[actix_web::test]
    async fn an_unknown_path_is_not_found() {
        let api = Api::new().await;
        insta::assert_snapshot!(api.get("/api").await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Not Found: the service has no such path, see /docs"}
        "#);
        for path in ["/Health", "/api/fed", "/api/fed/projects//", "/api/fed/projects/a/b", "/%00"]
        {
            let answer = api.send(Method::POST, path).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (
                    404,
                    r#"{"title":"Not Found","status":404,"detail":"Not Found: the service has no such path, see /docs"}"#
                ),
                "{path}"
            );
        }
    }
}
