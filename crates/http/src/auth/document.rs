//! What the OpenAPI document says of keys: made from the table of routes, so that it is true of each.

use actix_web::http::Method;
use utoipa::IntoResponses;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, PathItem, SecurityRequirement};

use super::access::Closed;
use super::scope::Scope;
use crate::error::ErrorBody;
use crate::routes::ENDPOINTS;

const API_KEY: &str = "ApiKey";
const BEARER: &str = "Bearer";

const INTRODUCTION: &str = "\n\nWhere the service has API keys, each operation under `/api/fed` needs \
    one that has the scope that is named with it, or `admin`. A key is sent in the header \
    `X-API-Key` or as `Authorization: Bearer`. A refused request is answered before its body is \
    read. Without keys the service asks nobody for one.";

/// Adds keys to the document: of a service that has some, with what they close, or of one that has
/// none and lets everyone in.
pub(crate) fn describe(document: &mut OpenApi, keys: Option<Closed>) {
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
    let value = ApiKeyValue::with_description("X-API-Key", "An API key, as it is.");
    let mut http = Http::new(HttpAuthScheme::Bearer);
    http.description = Some("The same API key, where a client knows this header better.".into());
    [(API_KEY, SecurityScheme::ApiKey(ApiKey::Header(value))), (BEARER, SecurityScheme::Http(http))]
}

fn guard(operation: &mut Operation, scope: Scope, required: bool) {
    let open = (!required).then(SecurityRequirement::default);
    let keys = [API_KEY, BEARER].map(|name| SecurityRequirement::new(name, [scope.as_str()]));
    operation.security = Some(open.into_iter().chain(keys).collect());
    operation.responses.responses.extend(AuthErrors::responses());
    let description = operation.description.get_or_insert_default();
    let separator = if description.is_empty() { "" } else { "\n\n" };
    description.push_str(&format!("{separator}Scope of the API key: `{scope}`."));
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

/// What can be wrong with a key.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "the shapes of answers in the document")]
enum AuthErrors {
    /// There is no API key in the request, or one that is not known, has expired or was revoked.
    /// After ten wrong keys within a minute, further ones are answered a second later.
    #[response(
        status = 401, content_type = "application/problem+json",
        headers((
            "WWW-Authenticate" = String,
            description = "How to send a key: one line for `Bearer`, and one for `ApiKey`."
        )),
        example = json!({"title": "Unauthorized", "status": 401, "detail": "the API key is not known"})
    )]
    Unauthorized(ErrorBody),
    /// The API key does not allow this: it lacks the scope, or it is bound to other projects.
    #[response(
        status = 403, content_type = "application/problem+json",
        headers((
            "WWW-Authenticate" = String,
            description = "`Bearer` with the scope that is needed."
        )),
        example = json!({"title": "Forbidden", "status": 403, "detail": "the API key has the scopes [read], but this needs write"})
    )]
    Forbidden(ErrorBody),
    /// Too many requests with wrong API keys come from this address at once. Valid keys are served.
    #[response(
        status = 429, content_type = "application/problem+json",
        headers(("Retry-After" = u32, description = "Seconds after which to try again.")),
        example = json!({"title": "Too Many Requests", "status": 429, "detail": "too many requests with wrong API keys came from this address; valid keys are served, others may try again in 42 s"})
    )]
    TooManyRequests(ErrorBody),
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described(keys: Option<Closed>) -> Value {
        serde_json::to_value(crate::openapi::document_for(keys)).unwrap()
    }

    #[test]
    fn every_guarded_operation_lists_both_ways_and_all_refusals() {
        let document = described(Some(Closed { metrics: true, docs: true }));
        for scheme in [API_KEY, BEARER] {
            assert!(document["components"]["securitySchemes"][scheme].is_object(), "{scheme}");
        }
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let open = ["/health", "/livez", "/readyz"].contains(&path.as_str());
                let security = operation["security"].as_array().map_or(0, Vec::len);
                assert_eq!(security, if open { 0 } else { 2 }, "{method} {path}");
                for status in ["401", "403", "429"] {
                    let answer = &operation["responses"][status];
                    assert_eq!(answer["headers"].is_object(), !open, "{method} {path} {status}");
                }
            }
        }
    }

    #[test]
    fn what_is_open_asks_for_no_key() {
        let document = described(Some(Closed::default()));
        for path in ["/metrics", "/docs", "/docs/{file}", "/openapi.json"] {
            assert_eq!(document["paths"][path]["get"]["security"], Value::Null, "{path}");
        }
        let list = &described(None)["paths"]["/api/fed/projects"]["get"];
        assert_eq!(list["security"], json!([{}, {"ApiKey": ["read"]}, {"Bearer": ["read"]}]));
    }
}
