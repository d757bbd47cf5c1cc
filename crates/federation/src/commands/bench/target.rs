//! Where the service is, and how requests to it are spelled.

use std::fmt::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail};
use url::Url;

use crate::commands::api_key::ApiKeyArgs;
use crate::output::plain;
use crate::settings::Secret;

/// The service, its name resolved once so that no request waits for that.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    /// For people.
    pub(super) shown: String,
    host: String,
    prefix: String,
    key: Option<Secret>,
}

impl Target {
    /// # Errors
    /// When it is no http URL, its host has no address, or the key is none.
    pub(super) fn parse(text: &str, key: &ApiKeyArgs) -> anyhow::Result<Self> {
        let allowed = "FEDERATION_URL (or --service-url): an http URL is allowed";
        let url = Url::parse(text.trim()).context(allowed)?;
        let (Some(name), "http") = (url.host_str(), url.scheme()) else {
            bail!("{allowed}; through a proxy that encrypts, its work would be measured too");
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let address = (bare, port)
            .to_socket_addrs()
            .with_context(|| format!("{} cannot be resolved", plain(bare)))?
            .next()
            .with_context(|| format!("{} has no address", plain(bare)))?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        let shown = plain(&format!("http://{name}:{port}{prefix}"));
        Ok(Self {
            address,
            shown,
            host: format!("{name}:{port}"),
            prefix,
            key: key.for_service(&url)?,
        })
    }

    /// A request as it goes over the wire; a body is JSON.
    pub(super) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
        let Self { host, prefix, key, .. } = self;
        let mut text = format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {host}\r\n");
        // Writing to a String cannot fail.
        if let Some(key) = key {
            let _ = write!(text, "authorization: Bearer {}\r\n", key.expose());
        }
        let _ = match body {
            Some(body) => write!(
                text,
                "content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            ),
            None if method == "POST" => write!(text, "content-length: 0\r\n\r\n"),
            None => write!(text, "\r\n"),
        };
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn no_key() -> ApiKeyArgs {
        ApiKeyArgs::default()
    }

    #[test]
    fn a_key_goes_with_each_request() {
        let key = ApiKeyArgs { api_key: Some("hunter2-hunter2".into()) };
        let target = Target::parse("http://127.0.0.1:8001", &key).unwrap();
        let get = String::from_utf8(target.request("GET", "/livez", None)).unwrap();
        assert!(get.contains("\r\nauthorization: Bearer hunter2-hunter2\r\n\r\n"), "{get}");
        assert!(!format!("{target:?}").contains("hunter2"));
    }

    #[test]
    fn requests_name_host_path_and_length() {
        let target = Target::parse("http://127.0.0.1:8001/below/", &no_key()).unwrap();
        assert_eq!(target.address, "127.0.0.1:8001".parse().unwrap());
        let get = String::from_utf8(target.request("GET", "/livez", None)).unwrap();
        assert_eq!(get, "GET /below/livez HTTP/1.1\r\nhost: 127.0.0.1:8001\r\n\r\n");
        let post = String::from_utf8(target.request("POST", "/x", Some("{}"))).unwrap();
        assert!(post.ends_with("content-length: 2\r\n\r\n{}"), "{post}");
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in ["", "localhost:8001", "https://h", "/x"] {
            let error = Target::parse(url, &no_key()).unwrap_err();
            assert!(error.to_string().starts_with("FEDERATION_URL"), "{error}");
        }
    }
}
