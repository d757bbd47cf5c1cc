//! `GET /openapi.json`.

use std::sync::OnceLock;

use actix_web::http::header::ContentType;
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};

use crate::error::ApiError;
use crate::openapi::document_for;
use crate::state::ApiState;

/// The document once it was asked for: it is the same for the life of the process.
#[derive(Default)]
pub(crate) struct Document(OnceLock<Result<Bytes, String>>);

impl Document {
    fn of(&self, state: &ApiState) -> Result<Bytes, String> {
        let write = || {
            let keys = state.auth.as_ref().map(|auth| auth.closed());
            document_for(keys).to_json().map(Bytes::from).map_err(|error| error.to_string())
        };
        self.0.get_or_init(write).clone()
    }
}

/// This document.
///
/// It is made from the code of the service, in the version that answers; `/docs` shows it.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "documentation",
    responses(
        (status = 200, description = "The OpenAPI document of this API.", body = Object, example = json!({"openapi": "3.1.0", "info": {"title": "Federation service", "version": "0.9.0"}, "paths": {}})),
        crate::openapi::InternalError,
    )
)]
pub(crate) async fn openapi(state: web::Data<ApiState>) -> Result<HttpResponse, ApiError> {
    let document = state.document.of(&state).map_err(|error| ApiError::Internal(error.into()))?;
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
