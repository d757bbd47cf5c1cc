//! `GET /openapi.json`.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use actix_web::web::Bytes;

use crate::error::ApiError;

/// The document is the same for the life of the process.
static DOCUMENT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    crate::document().to_json().map(Bytes::from).map_err(|error| error.to_string())
});

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "documentation",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object),
        crate::openapi::InternalError,
    )
)]
pub(crate) async fn openapi() -> Result<HttpResponse, ApiError> {
    let document = DOCUMENT.clone().map_err(|error| ApiError::Internal(error.into()))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(document))
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_document_is_compact_json() {
        let answer = Api::not_loaded().get("/openapi.json").await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(document["info"]["version"], "0.9.0");
        assert!(!answer.body.contains("\n  "), "not compact");
    }
}
