//! Converts the refusals of the HTTP library to the format of all other errors.
//!
//! The library answers a malformed request, an oversized head and a slow head by itself, without a
//! body. Its answers are recognized by the missing `X-Request-Id`, which every other response has.

use actix_web::http::StatusCode;

use crate::middleware::new_id;
use crate::wire::problem::{PROBLEM_JSON, ProblemBody};

/// Maximum length of such an answer.
const MAX_BYTES: usize = 256;
const END: &[u8] = b"\r\n\r\n";

/// If bytes that the library sends end with a refusal, returns them with a problem document as the
/// body of the refusal.
pub(super) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.ends_with(END) {
        return None;
    }
    let from = bytes.len().saturating_sub(MAX_BYTES);
    let start = from + bytes[from..].windows(7).rposition(|window| window == b"HTTP/1.")?;
    let head = std::str::from_utf8(&bytes[start..]).ok()?;
    let status = StatusCode::from_bytes(head.get(9..12)?.as_bytes()).ok()?;
    let detail = detail(status)?;
    let lines: Vec<&str> = head.lines().skip(1).filter(|line| !line.is_empty()).collect();
    let is = |line: &str, name: &str| {
        line.split_once(':').is_some_and(|(given, _)| given.eq_ignore_ascii_case(name))
    };
    let has_body = !lines.iter().any(|line| line.eq_ignore_ascii_case("content-length: 0"));
    if has_body || lines.iter().any(|line| is(line, "x-request-id")) {
        return None;
    }
    let id = new_id();
    let id = id.to_str().unwrap_or_default();
    let status_code = status.as_u16();
    tracing::debug!(http.status = status_code, request.id = id, detail, "request refused unread");
    let body = serde_json::to_string(&ProblemBody::new(status, detail.to_owned(), &[])).ok()?;
    let mut text = format!("{}\r\n", head.lines().next()?);
    for line in lines.iter().filter(|line| !is(line, "content-length") && !is(line, "connection")) {
        text.push_str(&format!("{line}\r\n"));
    }
    text.push_str(&format!(
        "content-length: {}\r\ncontent-type: {PROBLEM_JSON}\r\nconnection: close\r\n\
         x-request-id: {id}\r\n\r\n{body}",
        body.len()
    ));
    Some([&bytes[..start], text.as_bytes()].concat())
}

fn detail(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::BAD_REQUEST => Some(
            "the request is not valid HTTP: expected a request line with a percent-encoded URL of at \
             most 64 KiB, one header Host, and either one Content-Length or Transfer-Encoding: \
             chunked",
        ),
        StatusCode::REQUEST_TIMEOUT => {
            Some("the head of the request did not arrive within 10 s, send it at once")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Some(
            "the head of the request is too large: expected at most 96 headers in 128 KiB, send \
             fewer or shorter headers",
        ),
        StatusCode::INTERNAL_SERVER_ERROR => Some("internal error"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSAL: &str = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\
                           date: Tue, 24 Nov 2026 12:00:00 GMT\r\n\r\n";

    #[test]
    fn a_refusal_after_another_response_gets_a_body_and_an_id() {
        let before = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-request-id: a\r\n\r\n{}";
        let sent = completed(format!("{before}{REFUSAL}").as_bytes()).unwrap();
        let sent = String::from_utf8(sent).unwrap();
        let refusal = sent.strip_prefix(before).unwrap();
        let (head, body) = refusal.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        assert!(head.contains("\r\ndate: Tue, 24 Nov 2026 12:00:00 GMT\r\n"), "{head}");
        assert!(head.contains("\r\nx-request-id: "), "{head}");
        assert_eq!(head.matches("connection: close").count(), 1, "{head}");
        assert!(body.starts_with(r#"{"title":"Bad Request","status":400,"detail":"#), "{body}");
    }

    #[test]
    fn other_responses_are_unchanged() {
        for other in [
            REFUSAL.replace("date", "x-request-id"),
            REFUSAL.replace("400 Bad Request", "204 No Content"),
            REFUSAL.replace("content-length: 0", "content-length: 1"),
            REFUSAL.trim_end().to_owned(),
            format!("{REFUSAL}{{}}"),
            "0\r\n\r\n".to_owned(),
            "\r\n\r\n".to_owned(),
            String::new(),
        ] {
            assert_eq!(completed(other.as_bytes()), None, "{other}");
        }
    }
}
