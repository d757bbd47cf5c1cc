//! The body of an acknowledgement, a comment or a resolution of an alert.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use utoipa::ToSchema;

use super::fields::Fields;
use super::reader::{SINGLE, read_optional};
use super::values::CommentTextSchema;
use crate::error::ApiError;

/// A comment on an alert. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(as = AlertComment, example = json!({"comment": "restarting the host"}))]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct CommentSchema {
    /// The comment.
    comment: Option<CommentTextSchema>,
}

/// A required comment on an alert. Unknown keys are ignored.
#[derive(Debug, ToSchema)]
#[schema(as = NewAlertComment, example = json!({"comment": "restarting the host"}))]
#[expect(dead_code, reason = "the schema of the document; values are read field by field")]
pub(crate) struct RequiredCommentSchema {
    /// The comment.
    comment: CommentTextSchema,
}

/// The comment in a request body. The body is optional.
#[derive(Debug, Default)]
pub(crate) struct CommentBody(pub(crate) Option<String>);

impl FromRequest for CommentBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read_optional(request, payload, SINGLE).await?;
            let Some(body) = body.filter(|body| !body.is_null()) else {
                return Ok(Self::default());
            };
            let mut fields = Fields::of(&body).map_err(ApiError::Invalid)?;
            let comment = fields.optional_string("comment").map(str::to_owned);
            fields.finish(Ok(Self(comment))).map_err(ApiError::Invalid)
        })
    }
}
