//! `GET /openapi.json`.

use std::sync::LazyLock;

use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use utoipa::openapi::OpenApi;

use crate::error::ApiError;

type Encode = Box<dyn FnOnce() -> Result<Bytes, String> + Send>;

/// The OpenAPI document as JSON. It is built and encoded on first use, and never changes.
pub(crate) struct DocumentJson(LazyLock<Result<Bytes, String>, Encode>);

impl DocumentJson {
    pub(crate) fn new(build: impl FnOnce() -> OpenApi + Send + 'static) -> Self {
        Self(LazyLock::new(Box::new(|| {
            build().to_json().map(Bytes::from).map_err(|error| error.to_string())
        })))
    }
}

/// Get the OpenAPI document.
///
/// Describes this API in the version of the service that responds. `/docs` shows it as a page.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "documentation",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, example = json!({"openapi": "3.1.0", "info": {"title": "Federation service", "version": "0.9.0"}, "paths": {}})),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn openapi(document: web::Data<DocumentJson>) -> Result<HttpResponse, ApiError> {
    let json = document.0.as_ref().map_err(|error| ApiError::Internal(error.clone().into()))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(json.clone()))
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_document_is_compact_json() {
        let response = Api::not_loaded().get("/openapi.json").await;
        assert_eq!(response.header("content-type"), Some("application/json"));
        let document: serde_json::Value = serde_json::from_str(&response.body).unwrap();
        assert_eq!(document["info"]["version"], "0.9.0");
        assert!(!response.body.contains("\n  "), "the document is not compact");
    }
}
