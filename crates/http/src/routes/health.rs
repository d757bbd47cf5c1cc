//! `GET /health`.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use serde::Serialize;
use utoipa::ToSchema;

/// The answer, in the bytes that monitors of the service compare.
const HEALTH: &str = concat!(
    r#"{"status":"ok","service":"federation","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);

/// That the process answers.
#[derive(Serialize, ToSchema)]
#[schema(as = Health, example = json!({"status": "ok", "service": "federation", "version": "0.9.0"}))]
pub(crate) struct HealthBody {
    #[schema(example = "ok")]
    status: String,
    #[schema(example = "federation")]
    service: String,
    #[schema(example = "0.9.0")]
    version: String,
}

/// Says that the process answers.
///
/// It depends on nothing: not on the store, not on the bus. `/readyz` does.
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    responses((status = 200, description = "The process answers.", body = HealthBody))
)]
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(HEALTH)
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_bytes_are_those_that_monitors_compare() {
        let answer = Api::not_loaded().get("/health").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"ok","service":"federation","version":"0.9.0"}
        "#);
    }
}
