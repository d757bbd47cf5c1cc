//! `GET /livez`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// The process is alive.
#[derive(Serialize, ToSchema)]
#[schema(as = Live, example = json!({"status": "alive"}))]
pub(crate) struct LiveBody {
    #[schema(value_type = String, example = "alive")]
    status: &'static str,
}

/// Check that the process is alive and needs no restart.
///
/// Does not depend on the store, the bus or the readiness of the service; see `/readyz` for these.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "operation",
    responses((status = 200, description = "The process is alive.", body = LiveBody))
)]
pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(LiveBody { status: "alive" })
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn a_process_is_alive_before_its_catalog_is_loaded() {
        let answer = Api::not_loaded().get("/livez").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"alive"}
        "#);
    }
}
