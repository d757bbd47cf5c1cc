//! Address of the service and the encoding of requests to it.

use std::fmt::{self, Write as _};
use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::{Context as _, bail};
use url::Url;

use crate::text::printable;

/// The service to measure. Its name is resolved once, so that no request waits for a look-up.
#[derive(Clone)]
pub struct Target {
    pub(crate) address: SocketAddr,
    /// URL for messages.
    pub(crate) shown: String,
    host: String,
    prefix: String,
    key: Option<String>,
}

impl Target {
    /// Resolves the host of an `http` URL.
    ///
    /// # Errors
    /// Fails if the scheme is not `http`, or if the host has no address.
    pub fn resolve(url: &Url) -> anyhow::Result<Self> {
        let (Some(name), "http") = (url.host_str(), url.scheme()) else {
            bail!("expected an http URL, because the work of a TLS proxy would be measured too");
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let address = (bare, port)
            .to_socket_addrs()
            .with_context(|| format!("{} cannot be resolved", printable(bare)))?
            .next()
            .with_context(|| format!("{} has no address", printable(bare)))?;
        let prefix = url.path().trim_end_matches('/').to_owned();
        let shown = printable(&format!("http://{name}:{port}{prefix}"));
        Ok(Self { address, shown, host: format!("{name}:{port}"), prefix, key: None })
    }

    /// Sends this API key with every request.
    #[must_use]
    pub fn with_key(self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self }
    }

    /// Encodes a request. A body is JSON.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Vec<u8> {
        let Self { host, prefix, key, .. } = self;
        let mut text = format!("{method} {prefix}{path} HTTP/1.1\r\nhost: {host}\r\n");
        // Writing to a `String` cannot fail.
        if let Some(key) = key {
            let _ = write!(text, "authorization: Bearer {key}\r\n");
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

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, shown, .. } = self;
        // The API key is left out.
        f.debug_struct("Target")
            .field("address", address)
            .field("shown", shown)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> anyhow::Result<Target> {
        Target::resolve(&Url::parse(url).unwrap())
    }

    #[test]
    fn the_key_is_sent_with_each_request_and_never_shown() {
        let target = target("http://127.0.0.1:8001").unwrap().with_key("hunter2-hunter2");
        let get = String::from_utf8(target.request("GET", "/livez", None)).unwrap();
        assert!(get.contains("\r\nauthorization: Bearer hunter2-hunter2\r\n\r\n"), "{get}");
        assert!(!format!("{target:?}").contains("hunter2"));
    }

    #[test]
    fn a_request_has_host_path_and_length() {
        let target = target("http://127.0.0.1:8001/below/").unwrap();
        assert_eq!(target.address, "127.0.0.1:8001".parse().unwrap());
        let get = String::from_utf8(target.request("GET", "/livez", None)).unwrap();
        assert_eq!(get, "GET /below/livez HTTP/1.1\r\nhost: 127.0.0.1:8001\r\n\r\n");
        let post = String::from_utf8(target.request("POST", "/x", Some("{}"))).unwrap();
        assert!(post.ends_with("content-length: 2\r\n\r\n{}"), "{post}");
    }

    #[test]
    fn only_http_urls_are_accepted() {
        for url in ["https://h", "localhost:8001", "ftp://h"] {
            let error = target(url).unwrap_err();
            assert!(error.to_string().starts_with("expected an http URL"), "{error}");
        }
    }
}
