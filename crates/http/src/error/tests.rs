use super::*;
use federation_domain::RejectReason;

fn response_to(error: &ApiError) -> (StatusCode, String) {
    let response = error.error_response();
    let status = response.status();
    let body = actix_web::body::MessageBody::try_into_bytes(response.into_body()).unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn an_internal_error_is_logged_but_not_disclosed() {
    let error = ApiError::from(CatalogError::Store(StoreError::Failed(
        "relation \"projects\" does not exist".into(),
    )));
    let (status, body) = response_to(&error);
    assert_eq!(status, 500);
    assert_eq!(body, r#"{"title":"Internal Server Error","status":500,"detail":"internal error"}"#);
    assert!(chain(&error).ends_with("the store failed: relation \"projects\" does not exist"));
    let panicked = ApiError::Panicked { message: "secret".to_owned() };
    assert_eq!(
        response_to(&panicked).1,
        r#"{"title":"Internal Server Error","status":500,"detail":"internal error"}"#
    );
    assert!(chain(&panicked).contains("secret"));
}

#[test]
fn a_write_that_the_store_rejects_for_good_is_unprocessable_and_discloses_nothing() {
    let error = ApiError::from(CatalogError::Store(StoreError::Rejected {
        project: "docs".parse().ok(),
        reason: RejectReason::Constraint,
        source: "violates check constraint \"secret\"".into(),
    }));
    let (status, body) = response_to(&error);
    assert_eq!(status, 422);
    assert_eq!(
        body,
        r#"{"title":"Unprocessable Entity","status":422,"detail":"the store rejects the write of project 'docs': a constraint of the database forbids it; change the values, or ask the operator to look at the log of the service"}"#
    );
}

#[test]
fn a_temporary_error_has_a_retry_after_header() {
    let unavailable = StoreError::Unavailable("connection refused".into());
    for error in [
        ApiError::from(CatalogError::NotLoaded),
        ApiError::from(CatalogError::Store(unavailable)),
        ApiError::from(CatalogError::Store(StoreError::Busy(BusyWith::Reads))),
        ApiError::not_recorded("a", RecordError::NotLoaded),
    ] {
        let response = error.error_response();
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get(header::RETRY_AFTER).unwrap(), RETRY_AFTER_SECONDS);
    }
}
