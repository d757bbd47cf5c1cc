//! `GET /docs`: the interactive documentation. Its assets are embedded in the program, so it works
//! without internet access.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::error::ApiError;
use crate::public_url::PublicUrl;
use crate::state::ApiState;

/// Returns the configuration of the page. Without `none`, it would send the document to an external
/// validator.
fn config(state: &ApiState) -> Arc<Config<'static>> {
    let prefix = state.public_url.as_ref().map(PublicUrl::path).unwrap_or_default();
    Arc::new(Config::from(format!("{prefix}/openapi.json")).validator_url("none"))
}

/// Users enter API keys into the page, so it must not load from or send to other origins. Its
/// script sets inline styles, and its stylesheet contains images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Get the interactive documentation.
///
/// The page loads nothing from other sites. Enter an API key under *Authorize* to send requests
/// with it.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "documentation",
    responses(
        (
            status = 200,
            description = "The documentation page.",
            content_type = "text/html",
            body = String,
            headers(("Content-Security-Policy" = String, description = "Restricts the page to this origin.")),
            example = json!("<!DOCTYPE html>\n<html lang=\"en\">…</html>")
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn docs(
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let mut file = load("index.html", &state)?;
    if !request.path().ends_with('/') {
        // The page refers to its assets relative to `/docs/`.
        let page = String::from_utf8_lossy(&file.bytes);
        let page = page.replacen("<head>", "<head><base href=\"docs/\">", 1);
        file.bytes = page.into_bytes().into();
    }
    Ok(answer(file))
}

/// Get an asset of the documentation page.
///
/// Assets are stylesheets, scripts and icons. They are embedded in the program.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "docs_file",
    tag = "documentation",
    params(("file" = String, Path, description = "Name of the asset.", example = "swagger-ui.css")),
    responses(
        (
            status = 200,
            description = "The asset, with its media type.",
            content(
                (String = "text/css", example = json!(".swagger-ui{color:#3b4151}")),
                (String = "text/javascript"),
                (String = "text/html"),
                (String = "image/png")
            ),
            headers(
                ("Content-Security-Policy" = String, description = "The same as for the page."),
                ("Content-Encoding" = Option<String>, description = "`gzip` if the asset is stored compressed.")
            )
        ),
        crate::shapes::errors::NotFound,
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn asset(
    file: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    load(&file, &state).map(answer)
}

fn load(path: &str, state: &ApiState) -> Result<SwaggerFile<'static>, ApiError> {
    utoipa_swagger_ui::serve(path, config(state))
        .map_err(|error| ApiError::Internal(error.to_string().into()))?
        .ok_or(ApiError::PathNotFound)
}

fn answer(file: SwaggerFile<'static>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if file.gzpipped {
        answer.insert_header((header::CONTENT_ENCODING, header::ContentEncoding::Gzip));
    }
    answer.content_type(file.content_type).body(file.bytes.into_owned())
}

#[cfg(test)]
mod tests {
    use crate::testing::Api;

    #[actix_web::test]
    async fn the_page_refers_only_to_assets_that_exist() {
        let api = Api::not_loaded();
        let page = api.get("/docs/").await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
        assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let mut named = 0;
        for attribute in ["href=\"", "src=\""] {
            for rest in page.body.split(attribute).skip(1) {
                let asset = rest.split('"').next().unwrap().trim_start_matches("./");
                assert_eq!(api.get(&format!("/docs/{asset}")).await.status, 200, "{asset}");
                named += 1;
            }
        }
        assert!(named > 4, "{}", page.body);
    }

    #[actix_web::test]
    async fn the_page_finds_its_assets_without_a_trailing_slash() {
        let api = Api::not_loaded();
        let [with, without] = [api.get("/docs/").await, api.get("/docs").await];
        assert_eq!(without.body.replace("<base href=\"docs/\">", ""), with.body);
        assert_ne!(without.body, with.body);
    }

    #[actix_web::test]
    async fn the_page_shows_this_document_without_an_external_validator() {
        let script = Api::not_loaded().get("/docs/swagger-initializer.js").await.body;
        assert!(script.contains("\"/openapi.json\""), "{script}");
        assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    }

    #[actix_web::test]
    async fn an_unknown_asset_is_not_found() {
        for path in ["/docs/nothing.js", "/docs/..%2fCargo.toml", "/docs/a/b"] {
            let answer = Api::not_loaded().get(path).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (
                    404,
                    r#"{"title":"Not Found","status":404,"detail":"Not Found: the service has no such path, see /docs"}"#
                )
            );
        }
    }
}
