//! `GET /readyz`.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::RETRY_AFTER_SECONDS;
use crate::state::ApiState;

/// That the service can do all of its job.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub(crate) struct ReadyBody {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
}

/// That the service cannot do all of its job, and why.
#[derive(Serialize, ToSchema)]
#[schema(as = NotReady)]
pub(crate) struct NotReadyBody {
    #[schema(value_type = String, example = "not ready")]
    status: &'static str,
    /// Each thing that is missing.
    #[schema(example = json!(["the store does not answer"]))]
    reasons: Vec<String>,
    /// The same in one sentence, as in every other error answer.
    #[schema(example = "not ready: the store does not answer")]
    detail: String,
}

/// Says whether the service can do all of its job now, and if not, why.
///
/// Not ready is: the store or the bus is away, or the process is starting or stopping. Queries are answered nevertheless once the catalog is loaded.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "Ready.", body = ReadyBody),
        (
            status = 503,
            description = "Not ready, for these reasons.",
            body = NotReadyBody,
            headers(("Retry-After" = u32, description = "Seconds after which to ask again."))
        )
    )
)]
pub(crate) async fn readyz(state: web::Data<ApiState>) -> HttpResponse {
    let report = state.readiness.check().await;
    if report.ready {
        return HttpResponse::Ok().json(ReadyBody { status: "ready" });
    }
    let detail = format!("not ready: {}", report.reasons.join("; "));
    HttpResponse::ServiceUnavailable()
        .insert_header((header::RETRY_AFTER, RETRY_AFTER_SECONDS))
        .json(NotReadyBody { status: "not ready", reasons: report.reasons, detail })
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn a_service_with_store_and_catalog_is_ready() {
        let answer = Api::new().await.get("/readyz").await;
        insta::assert_snapshot!(answer, @r#"
        200
        content-type: application/json
        {"status":"ready"}
        "#);
    }

    #[actix_web::test]
    async fn what_is_missing_is_named() {
        let answer = Api::without_anything().get("/readyz").await;
        insta::assert_snapshot!(answer, @r#"
        503
        content-type: application/json
        retry-after: 5
        {"status":"not ready","reasons":["the service is starting","the store does not answer","the bus cannot be heard"],"detail":"not ready: the service is starting; the store does not answer; the bus cannot be heard"}
        "#);
    }
}
