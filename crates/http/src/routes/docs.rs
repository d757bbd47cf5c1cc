//! `GET /docs`: the document as a page to read and to try. Its assets are part of the program,
//! so that it works without the internet.

use std::sync::{Arc, LazyLock};

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::error::ApiError;

/// What the page shows. Without `none`, it would have the document checked by a site elsewhere.
static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/openapi.json").validator_url("none")));

/// Keys are typed into the page, so it loads nothing from elsewhere and sends nothing there. Its script
/// sets styles, and its stylesheet holds images.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The API as a page, to read and to try.
///
/// It needs nothing from elsewhere. *Authorize* takes an API key, with which it then sends requests.
#[utoipa::path(
    get,
    path = "/docs",
    tag = "documentation",
    responses(
        (
            status = 200,
            description = "A page for people.",
            content_type = "text/html",
            body = String,
            headers(("Content-Security-Policy" = String, description = "Nothing comes from elsewhere.")),
            example = json!("<!DOCTYPE html>\n<html lang=\"en\">…</html>")
        ),
        crate::openapi::InternalError,
    )
)]
pub(crate) async fn docs(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let mut file = load("index.html")?;
    if !request.path().ends_with('/') {
        // The page names its assets relative to the folder `/docs/`.
        let page = String::from_utf8_lossy(&file.bytes);
        let page = page.replacen("<head>", "<head><base href=\"docs/\">", 1);
        file.bytes = page.into_bytes().into();
    }
    Ok(answer(file))
}

/// A file that the page at `/docs` needs.
///
/// Stylesheets, scripts, icons; they are part of the program.
#[utoipa::path(
    get,
    path = "/docs/{file}",
    operation_id = "docs_file",
    tag = "documentation",
    params(("file" = String, Path, description = "A file that the page names.", example = "swagger-ui.css")),
    responses(
        (
            status = 200,
            description = "The file, of its own media type.",
            content(
                (String = "text/css", example = json!(".swagger-ui{color:#3b4151}")),
                (String = "text/javascript"),
                (String = "text/html"),
                (String = "image/png")
            ),
            headers(
                ("Content-Security-Policy" = String, description = "As of the page."),
                ("Content-Encoding" = Option<String>, description = "`gzip`, where the file is kept so.")
            )
        ),
        crate::openapi::NotFound,
        crate::openapi::InternalError,
    )
)]
pub(crate) async fn asset(file: web::Path<String>) -> Result<HttpResponse, ApiError> {
    load(&file).map(answer)
}

fn load(path: &str) -> Result<SwaggerFile<'static>, ApiError> {
    utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG))
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
    async fn the_page_and_all_that_it_names_come_from_here() {
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
    async fn without_its_slash_the_page_finds_its_files_too() {
        let api = Api::not_loaded();
        let [with, without] = [api.get("/docs/").await, api.get("/docs").await];
        assert_eq!(without.body.replace("<base href=\"docs/\">", ""), with.body);
        assert_ne!(without.body, with.body);
    }

    #[actix_web::test]
    async fn the_page_shows_this_document_and_has_nobody_else_check_it() {
        let script = Api::not_loaded().get("/docs/swagger-initializer.js").await.body;
        assert!(script.contains("\"/openapi.json\""), "{script}");
        assert!(script.contains("\"validatorUrl\": \"none\""), "{script}");
    }

    #[actix_web::test]
    async fn an_unknown_file_is_not_found() {
        for path in ["/docs/nothing.js", "/docs/..%2fCargo.toml", "/docs/a/b"] {
            let answer = Api::not_loaded().get(path).await;
            assert_eq!(
                (answer.status, &*answer.body),
                (404, r#"{"title":"Not Found","status":404,"detail":"Not Found"}"#)
            );
        }
    }
}
