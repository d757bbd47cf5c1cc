//! `GET /health`.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;
use serde::Serialize;
use utoipa::ToSchema;

/// The response body. Monitors compare it byte for byte.
const HEALTH: &str = concat!(
    r#"{"status":"ok","service":"federation","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""}"#
);

/// The process responds.
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

/// Check that the process responds.
///
/// Does not depend on the store or the bus; see `/readyz` for these.
#[utoipa::path(
    get,
    path = "/health",
    tag = "operation",
    responses((status = 200, description = "The process responds.", body = HealthBody))
)]
pub(crate) async fn health() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(HEALTH)
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_body_is_byte_for_byte_what_monitors_expect() {
        let answer = Api::not_loaded().get("/health").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"ok","service":"federation","version":"0.9.0"}
        "#);
    }
}
