//! Describes API keys. Derived from the table of routes, so that it is accurate for each of them.

use actix_web::http::Method;
use utoipa::IntoResponses;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, SecurityRequirement};

use crate::auth::access::Closed;
use crate::auth::scope::Scope;
use crate::routes::ENDPOINTS;
use crate::wire::problem::ProblemBody;

const API_KEY: &str = "ApiKey";
const BEARER: &str = "Bearer";

const INTRODUCTION: &str = "\n\nIf API keys are configured, each operation under `/api/fed` requires a key \
    with the scope given in its description, or with the scope `admin`. Send the key in the header \
    `X-API-Key` or as `Authorization: Bearer`. A refused request is answered before its body is \
    read. If no keys are configured, none is required.";

/// Adds the security schemes, and the requirements of each operation for a service with or without
/// keys.
pub(super) fn complete(document: &mut OpenApi, keys: Option<Closed>) {
    let introduction = document.info.description.get_or_insert_default();
    introduction.push_str(INTRODUCTION);
    let components = document.components.get_or_insert_default();
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    for endpoint in ENDPOINTS {
        let Some(item) = document.paths.paths.get_mut(endpoint.path) else { continue };
        for (method, access, _) in endpoint.handlers {
            let scope = access.scope(keys.unwrap_or_default());
            if let (Some(scope), Some(operation)) = (scope, operation(item, method)) {
                guard(operation, scope, keys.is_some());
            }
        }
    }
}

fn schemes() -> [(&'static str, SecurityScheme); 2] {
    let value = ApiKeyValue::with_description("X-API-Key", "An API key.");
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some("The same API key, for clients that only support this header.".into());
    [(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(value))), (BEARER, SecurityScheme::Http(http))]
}

fn guard(operation: &mut Operation, scope: Scope, required: bool) {
    let open = (!required).then(SecurityRequirement::default);
    let keys = [API_KEY, BEARER].map(|name| SecurityRequirement::new(name, [scope.as_str()]));
    operation.security = Some(open.into_iter().chain(keys).collect());
    operation.responses.responses.extend(AuthErrors::responses());
    let description = operation.description.get_or_insert_default();
    let separator = if description.is_empty() { "" } else { "\n\n" };
    description.push_str(&format!("{separator}Required scope: `{scope}`."));
}

fn operation<'a>(item: &'a mut PathItem, method: &Method) -> Option<&'a mut Operation> {
    match *method {
        Method::GET => item.get.as_mut(),
        Method::POST => item.post.as_mut(),
        Method::PUT => item.put.as_mut(),
        Method::PATCH => item.patch.as_mut(),
        Method::DELETE => item.delete.as_mut(),
        _ => None,
    }
}

/// Errors of authentication and authorization.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
enum AuthErrors {
    /// The request contains no API key, or one that is unknown, expired or revoked. After ten wrong
    /// keys within a minute, further responses are delayed by a second.
    #[response(
        status = 401, content_type = "application/problem+json",
        headers((
            "WWW-Authenticate" = String,
            description = "How to authenticate: one line for `Bearer` and one for `ApiKey`."
        )),
        example = json!({"title": "Unauthorized", "status": 401, "detail": "the API key is not known"})
    )]
    Unauthorized(ProblemBody),
    /// The API key lacks the required scope, or is restricted to other projects.
    #[response(
        status = 403, content_type = "application/problem+json",
        headers((
            "WWW-Authenticate" = String,
            description = "`Bearer` with the required scope."
        )),
        example = json!({"title": "Forbidden", "status": 403, "detail": "the API key has the scopes [read], but this operation requires write"})
    )]
    Forbidden(ProblemBody),
    /// This address sends too many requests with wrong API keys; requests with valid keys are served.
    /// Or the client has too many event streams and long polls open, or too many unused tickets.
    #[response(
        status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds after which to retry.")),
        example = json!({"title": "Too Many Requests", "status": 429, "detail": "too many requests with wrong API keys from this address: requests with a valid key are still served, others may retry in 42 s"})
    )]
    TooManyRequests(ProblemBody),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described(keys: Option<Closed>) -> Value {
        serde_json::to_value(crate::openapi::document_for(keys)).unwrap()
    }

    #[test]
    fn every_guarded_operation_lists_both_schemes_and_all_auth_errors() {
        let document = described(Some(Closed { metrics: true, docs: true }));
        for scheme in [API_KEY, BEARER] {
            assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let open = ["/health", "/livez", "/readyz"].contains(&path.as_str())
                    || path.starts_with("/badge/");
                let security = operation["security"].as_array().map_or(0, Vec::len);
                assert_eq!(security, if open { 0 } else { 2 }, "{method} {path}");
                for status in ["401", "403", "429"] {
                    let response = &operation["responses"][status];
                    assert_eq!(response["headers"].is_object(), !open, "{method} {path} {status}");
                }
            }
        }
    }

    #[test]
    fn an_open_operation_requires_no_key() {
        let document = described(Some(Closed::default()));
        for path in ["/metrics", "/docs", "/docs/{file}", "/openapi.json"] {
            assert_eq!(document["paths"][path]["get"]["security"], Value::Null, "{path}");
        }
        let list = &described(None)["paths"]["/api/fed/projects"]["get"];
        assert_eq!(list["security"], json!([{}, {"ApiKey": ["read"]}, {"Bearer": ["read"]}]));
    }
}
