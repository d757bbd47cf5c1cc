//! Rejects preconditions of registrations by `POST`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};
use federation_domain::InvalidValue;

use crate::error::ApiError;

/// Proof that a request has neither `If-Match` nor `If-None-Match`. Ignoring them would let a
/// client that relies on them overwrite the changes of others.
#[derive(Debug)]
pub(crate) struct Unconditional;

impl FromRequest for Unconditional {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        const ALLOWED: &str = "no precondition with POST (use PUT /api/fed/projects/{slug})";
        let names = [(IF_MATCH, "If-Match"), (IF_NONE_MATCH, "If-None-Match")];
        let given = names.into_iter().find_map(|(header, name)| {
            let value = request.headers().get(header)?;
            let value = String::from_utf8_lossy(value.as_bytes());
            Some(ApiError::MalformedHeader(InvalidValue::new(name, &value, ALLOWED)))
        });
        ready(given.map_or(Ok(Self), Err))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use crate::testing::{Api, REGISTRATION};

    const DETAIL: &str = r#""detail":"If-None-Match: expected no precondition with POST (use PUT /api/fed/projects/{slug}), got \"*\"","#;

    #[actix_web::test]
    async fn a_registration_by_post_rejects_preconditions_and_refers_to_put() {
        let api = Api::new().await;
        let bulk = format!("[{REGISTRATION}]");
        for (path, body) in
            [("/api/fed/projects", REGISTRATION), ("/api/fed/projects/_bulk", bulk.as_str())]
        {
            let send =
                async |headers| api.write(Method::POST, path, headers, body.to_owned()).await;
            let answer = send(&[("if-none-match", "*")]).await;
            assert_eq!(answer.status, 400, "{answer}");
            assert!(answer.body.contains(DETAIL), "{answer}");
            let both = send(&[("if-match", "\"\u{e4}"), ("if-none-match", "")]).await;
            assert_eq!(both.status, 400, "{both}");
            assert!(both.body.contains(r#""field":"If-Match""#), "{both}");
            assert_eq!(send(&[("if-none-match", "")]).await.status, 400);
            assert_eq!(api.get("/api/fed/projects").await.body, "[]");
        }
    }
}
