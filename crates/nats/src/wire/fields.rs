//! Checks of optional fields. An invalid field is ignored and counted.

use std::borrow::Cow;

use federation_domain::{HubUrl, InvalidValue, MeshNamespace, ReportedStatus};

use super::field::Field;

/// Counts ignored fields.
#[derive(Default)]
pub(super) struct Lenient {
    pub(super) ignored: u32,
}

impl Lenient {
    /// Returns the value of a field, or counts it and returns `None` if it is invalid.
    pub(super) fn take<'a, T>(
        &mut self,
        field: Field<'a>,
        read: impl FnOnce(Field<'a>) -> Option<T>,
    ) -> Option<T> {
        let value = read(field);
        self.ignored += u32::from(value.is_none());
        value
    }

    /// Checks a field whose value is not used, and counts it if it is invalid.
    pub(super) fn check<'a>(&mut self, field: Field<'a>, sane: impl FnOnce(Field<'a>) -> bool) {
        self.take(field, |field| sane(field).then_some(()));
    }
}

/// Parses the status that a project reports.
pub(super) fn status(field: Field<'_>) -> Result<ReportedStatus, InvalidValue> {
    match field.text() {
        Some(word) => ReportedStatus::parse(&word),
        None => Err(ReportedStatus::not_a_string()),
    }
}

/// Error for reasons that are not an array of strings.
pub(super) fn invalid_reasons() -> InvalidValue {
    InvalidValue {
        field: "degradedReasons".to_owned(),
        given: "another value".to_owned(),
        allowed: "an array of strings".to_owned(),
    }
}

/// Returns a valid hub URL.
pub(super) fn hub_url(field: Field<'_>) -> Option<Cow<'_, str>> {
    field.text().filter(|url| is_plain_url(url) || HubUrl::parse(url).is_ok())
}

/// Returns a valid namespace. `hub.{slug}`, the most common one, is valid because the slug is.
pub(super) fn mesh_namespace<'a>(field: Field<'a>, slug: &str) -> Option<Cow<'a, str>> {
    field.text().filter(|namespace| {
        namespace.strip_prefix("hub.") == Some(slug) || MeshNamespace::parse(namespace).is_ok()
    })
}

/// Returns whether a field looks like an ISO 8601 time, with or without fraction and zone. Nothing
/// depends on the clock of a sender, so this is enough.
pub(super) fn is_timestamp(field: Field<'_>) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    field.text().is_some_and(|text| {
        text.len() >= FORM.len()
            && text.bytes().zip(FORM).all(|(byte, &form)| match form {
                b'0' => byte.is_ascii_digit(),
                b'T' => matches!(byte, b'T' | b't' | b' '),
                _ => byte == form,
            })
    })
}

/// Returns whether a field is a non-negative number.
pub(super) fn is_duration(field: Field<'_>) -> bool {
    field.number().is_some_and(|number| number >= 0.0)
}

/// Returns whether a URL is certainly valid, in one pass and without allocation: `http(s)://`, a host
/// of DNS labels whose last one begins with a letter (so that it is not an IPv4 address), an optional
/// port, and a path of plain characters. [`HubUrl::parse`] checks all others.
fn is_plain_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return false;
    };
    if url.len() > HubUrl::MAX_CHARS {
        return false;
    }
    let bytes = rest.as_bytes();
    let count = |from: usize, is: fn(u8) -> bool| {
        bytes[from..].iter().take_while(|&&byte| is(byte)).count()
    };
    let host = count(0, |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    let mut end = host;
    if bytes.get(end) == Some(&b':') {
        let digits = count(end + 1, |byte| byte.is_ascii_digit());
        if !(1..=4).contains(&digits) || bytes[end + 1] == b'0' {
            return false;
        }
        end += 1 + digits;
    }
    let is_path =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    is_plain_host(&bytes[..host])
        && bytes.get(end).is_none_or(|&byte| byte == b'/')
        && bytes[end..].iter().all(|&byte| is_path(byte))
}

fn is_plain_host(host: &[u8]) -> bool {
    let is_label = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && !label.starts_with(b"xn--")
            && !label.starts_with(b"-")
            && !label.ends_with(b"-")
    };
    let last = host.rsplit(|&byte| byte == b'.').next();
    host.len() <= 253
        && host.split(|&byte| byte == b'.').all(is_label)
        && last.is_some_and(|last| last.first().is_some_and(u8::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_urls_take_the_fast_path() {
        for url in ["http://localhost:8000", "https://hub.example.org/a/b-c", "http://a-1.b"] {
            assert!(is_plain_url(url), "{url}");
        }
        for url in ["http://127.0.0.1", "http://[::1]", "http://u@h", "http://h?q", "ftp://h"]
            .into_iter()
            .chain(["http://a-.a", "http://-a", "http://a:0", "http://a..b", "http://h:65536"])
        {
            assert!(!is_plain_url(url), "{url}");
        }
    }

    proptest! {
        #[test]
        fn a_url_on_the_fast_path_is_valid(
            url in prop_oneof![
                "https?://[a-z0-9.-]{0,12}(:[0-9]{0,5})?(/[a-zA-Z0-9/._-]{0,8})?",
                "https?://[a-z0-9.:/@%x-]{0,12}",
                "\\PC{0,20}",
            ],
        ) {
            prop_assert!(!is_plain_url(&url) || HubUrl::parse(&url).is_ok(), "{}", url);
        }
    }
}
