//! The page of the federation service.
//!
//! **Owns** the sources of the page (`ui/`) and its built files, which are embedded in the binary.
//! `federation-http` serves them.
//!
//! **Must not know** HTTP requests, settings, or anything else of the service. The page uses only
//! the REST API that all clients use, with types generated from the OpenAPI document.
//!
//! `scripts/build-page.sh` builds the files with Node. A build of this crate needs no Node: without
//! the files, [`document`] is a plain page that says how to build them.

/// The built page, if there is one.
struct Built {
    index: &'static str,
    files: &'static [File],
}

/// A file of the built page, with its precompressed forms.
#[derive(Debug)]
pub struct File {
    name: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

static BUILT: Option<Built> = include!(concat!(env!("OUT_DIR"), "/built.rs"));

/// Content codings that a client accepts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accepted {
    /// `gzip`.
    pub gzip: bool,
    /// `br`.
    pub brotli: bool,
}

impl Accepted {
    /// Reads a header `Accept-Encoding`. Quality values other than 0 are not compared.
    pub fn parse(header: &str) -> Self {
        let accepts = |coding: &str| {
            header.split(',').any(|item| {
                let mut parts = item.split(';').map(str::trim);
                let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
                is_named && !parts.any(is_refusal)
            })
        };
        Self { gzip: accepts("gzip"), brotli: accepts("br") }
    }
}

fn is_refusal(parameter: &str) -> bool {
    let value = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
    value.is_some_and(|value| value.trim_matches(|c| c == '0' || c == '.').is_empty())
}

/// One form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Value of `Content-Encoding`.
    pub coding: Option<&'static str>,
    /// The bytes in this coding.
    pub bytes: &'static [u8],
}

impl File {
    /// Returns the smallest form that the client accepts.
    pub fn form(&self, accepted: Accepted) -> Form {
        let brotli = self.brotli.filter(|_| accepted.brotli).map(|bytes| (Some("br"), bytes));
        let gzip = self.gzip.filter(|_| accepted.gzip).map(|bytes| (Some("gzip"), bytes));
        let (coding, bytes) = brotli.or(gzip).unwrap_or((None, self.plain));
        Form { coding, bytes }
    }

    /// Returns the entity tag of a form, with quotes.
    pub fn tag(&self, form: Form) -> String {
        form.coding.map_or_else(
            || format!("\"{}\"", self.tag),
            |coding| format!("\"{}-{coding}\"", self.tag),
        )
    }

    /// Returns the value of `Cache-Control`. Names in `assets/` contain a hash of the content.
    pub fn caching(&self) -> &'static str {
        if self.name.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        }
    }

    /// Returns the media type.
    pub fn media_type(&self) -> &'static str {
        match self.name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("md") => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        }
    }
}

/// Returns true if the built page is part of this program.
pub fn is_built() -> bool {
    BUILT.is_some()
}

/// Finds a file by its path without a leading slash.
pub fn file(name: &str) -> Option<&'static File> {
    let files = BUILT.as_ref()?.files;
    files.binary_search_by(|file| file.name.cmp(name)).ok().and_then(|place| files.get(place))
}

/// Returns the HTML document of all views. `prefix` is the path under which clients reach the
/// service, without a trailing slash; the document refers to its files relative to it.
pub fn document(prefix: &str) -> String {
    BUILT.as_ref().map_or_else(
        || NOT_BUILT.to_owned(),
        |built| {
            built.index.replacen(
                "<base href=\"/\"",
                &format!("<base href=\"{}/\"", escape(prefix)),
                1,
            )
        },
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

/// The document of a program that was built without Node.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>Federation</title>
<h1>The page is not part of this program</h1>
<p>The service runs. Its page was not built when the program was compiled. To build it, run
<code>./scripts/build-page.sh</code> and compile again.</p>
<p>The REST API is documented at <a href=\"docs\">/docs</a>.</p>
</html>
";

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: File = File {
        name: "assets/a.js",
        tag: "01",
        plain: b"plain",
        gzip: Some(b"gz"),
        brotli: Some(b"b"),
    };

    #[test]
    fn the_best_accepted_coding_is_used() {
        for (header, coding, tag) in [
            ("gzip, deflate, br, zstd", Some("br"), "\"01-br\""),
            ("gzip;q=1.0, br;q=0", Some("gzip"), "\"01-gzip\""),
            ("GZIP", Some("gzip"), "\"01-gzip\""),
            ("gzip;q=0.5", Some("gzip"), "\"01-gzip\""),
            ("gzip; q=0.000", None, "\"01\""),
            ("identity", None, "\"01\""),
            ("", None, "\"01\""),
            ("bro", None, "\"01\""),
        ] {
            let form = FILE.form(Accepted::parse(header));
            assert_eq!((form.coding, FILE.tag(form)), (coding, tag.to_owned()), "{header}");
        }
    }

    #[test]
    fn only_names_with_a_hash_are_cached_for_ever() {
        assert!(FILE.caching().contains("immutable"));
        assert_eq!(File { name: "theme.js", ..FILE }.caching(), "no-cache");
    }

    #[test]
    fn an_unknown_file_is_not_found() {
        for name in ["", "index.html", "../Cargo.toml", "assets/", ".gitignore"] {
            assert!(file(name).is_none(), "{name}");
        }
    }

    #[test]
    fn the_document_refers_only_to_files_that_exist() {
        let document = document("");
        let mut named = 0;
        for attribute in ["href=\"./", "src=\"./"] {
            for rest in document.split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                assert!(file(name).is_some(), "{name}");
                named += 1;
            }
        }
        assert_eq!(named > 2, is_built(), "{document}");
    }

    #[test]
    fn the_prefix_of_a_proxy_is_the_base_of_the_document() {
        let document = document("/fed\"<");
        assert!(!is_built() || document.contains("<base href=\"/fed&quot;&lt;/\""), "{document}");
    }
}
