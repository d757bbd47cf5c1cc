//! `GET /livez`.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::ToSchema;

/// That the process lives.
#[derive(Serialize, ToSchema)]
#[schema(as = Live, example = json!({"status": "alive"}))]
pub(crate) struct LiveBody {
    #[schema(value_type = String, example = "alive")]
    status: &'static str,
}

/// Says that the process lives, so that nobody needs to restart it.
///
/// It depends on nothing, not on whether the service is ready either: that is `/readyz`.
#[utoipa::path(
    get,
    path = "/livez",
    tag = "operation",
    responses((status = 200, description = "The process lives.", body = LiveBody))
)]
pub(crate) async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(LiveBody { status: "alive" })
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn a_process_lives_before_its_catalog_is_loaded() {
        let answer = Api::not_loaded().get("/livez").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"alive"}
        "#);
    }
}
