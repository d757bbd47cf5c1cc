//! The address under which clients reach the API.

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, LINK, LOCATION};
use url::Url;

/// The URL of the API behind a proxy, such as `https://example.org/federation`.
///
/// Without it, the API refers to itself by paths, which are wrong if a proxy adds a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// The URL without a slash at its end.
    url: String,
    /// The path of the URL without a slash at its end.
    path: String,
}

impl PublicUrl {
    /// Parses an absolute http or https URL.
    ///
    /// # Errors
    /// Fails with a description of the allowed values.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const ALLOWED: &str = "expected an absolute http or https URL without credentials, query and \
                               fragment, such as https://example.org/federation";
        let url = Url::parse(text.trim()).map_err(|_| ALLOWED)?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_plain {
            return Err(ALLOWED);
        }
        let path = url.path().trim_end_matches('/').to_owned();
        Ok(Self { url: url.as_str().trim_end_matches('/').to_owned(), path })
    }

    /// Returns the URL without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Returns the path that a proxy adds, without a slash at its end.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Makes the paths in `Location` and `Link` absolute URLs.
    pub(crate) fn complete(&self, headers: &mut HeaderMap) {
        let replace = |headers: &mut HeaderMap, name: HeaderName, from: &str, to: &str| {
            let given = headers.get(&name).and_then(|value| value.to_str().ok());
            let Some(text) = given.filter(|text| text.starts_with(from)) else { return };
            if let Ok(value) = HeaderValue::from_str(&text.replace(from, to)) {
                headers.insert(name, value);
            }
        };
        replace(headers, LOCATION, "/api/", &format!("{}/api/", self.url));
        replace(headers, LINK, "</api/", &format!("<{}/api/", self.url));
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::testing::{Api, REGISTRATION};

    #[test]
    fn only_a_plain_absolute_url_is_accepted() {
        for bad in ["", "/x", "example.org", "ftp://h", "http://u:p@h", "http://h?a", "http://h#a"]
        {
            assert!(PublicUrl::parse(bad).is_err(), "{bad}");
        }
        for (good, path) in [(" https://h/ ", ""), ("http://h:8/a/b/", "/a/b"), ("http://h", "")] {
            assert_eq!(PublicUrl::parse(good).unwrap().path(), path, "{good}");
        }
    }

    #[actix_web::test]
    async fn every_reference_leads_through_the_proxy() {
        let mut api = Api::new().await;
        let base = "https://example.org/federation";
        api.state = api.state.clone().reached_at(Some(PublicUrl::parse(base).unwrap())).into();
        for slug in ["a", "b"] {
            api.register(slug).await;
        }
        let created = api.post("/api/fed/projects", REGISTRATION).await;
        let project = format!("{base}/api/fed/projects/commandcenter");
        assert_eq!(created.header("location"), Some(&*project));
        let put = REGISTRATION.replace("commandcenter", "c");
        let put = api.write(Method::PUT, "/api/fed/projects/c", &[], put).await;
        assert_eq!(put.header("location"), Some(&*format!("{base}/api/fed/projects/c")), "{put}");

        let list = api.get("/api/fed/projects?limit=1&fields=slug").await;
        let link = list.header("link").unwrap();
        assert!(link.starts_with(&format!("<{base}/api/fed/projects?")), "{link}");
        assert_eq!(link.matches(base).count(), 2, "next and first: {link}");
        let history = api.get("/api/fed/projects/commandcenter/history?limit=1").await;
        assert_eq!(history.status, 200);
        api.write(Method::PATCH, "/api/fed/projects/a", &[], r#"{"name":"New"}"#).await;
        let history = api.get("/api/fed/projects/a/history?limit=1").await;
        let next = format!("{base}/api/fed/projects/a/history?before=");
        assert!(history.header("link").unwrap().starts_with(&format!("<{next}")), "{history}");
        assert!(history.body.contains(&format!("\"next\":\"{next}")), "{history}");

        let script = api.get("/docs/swagger-initializer.js").await.body;
        assert!(script.contains("\"/federation/openapi.json\""), "{script}");
        let document: serde_json::Value =
            serde_json::from_str(&api.get("/openapi.json").await.body).unwrap();
        assert_eq!(document["servers"], serde_json::json!([{"url": base}]));
        let plain: serde_json::Value =
            serde_json::from_str(&Api::new().await.get("/openapi.json").await.body).unwrap();
        assert_eq!(plain["servers"], serde_json::json!([{"url": "/"}]));
    }
}
