//! Completes requests over HTTP/1.0.
//!
//! A request over HTTP/1.0 without `Content-Length` has no body. The HTTP library refuses such a
//! `POST`, so `Content-Length: 0` is added to its head.

use std::ops::Range;

/// Length up to which a request head is examined. The library refuses longer ones.
const MAX_HEAD_BYTES: usize = 128 * 1024;

/// Rewrites the bytes that a client sends. After a request in a newer version, all further bytes of
/// the connection pass unchanged.
#[derive(Debug, Default)]
pub(super) struct Completion {
    place: Place,
    /// Bytes that cannot be passed on yet.
    held: Vec<u8>,
}

#[derive(Debug)]
enum Place {
    /// At the head of a request.
    Head(HeadScan),
    /// In the body of a request over HTTP/1.0.
    Body { left: u64 },
    /// After a request in a newer version, or one that the library refuses.
    Passing,
}

impl Default for Place {
    fn default() -> Self {
        Self::Head(HeadScan::default())
    }
}

impl Completion {
    /// Returns whether all bytes pass unchanged from now on.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.place, Place::Passing) && self.held.is_empty()
    }

    /// Takes bytes from the client and appends those that can be passed on to `ready`.
    pub(super) fn push(&mut self, bytes: &[u8], ready: &mut Vec<u8>) {
        self.held.extend_from_slice(bytes);
        while !self.held.is_empty() {
            match &mut self.place {
                Place::Passing => ready.append(&mut self.held),
                Place::Body { left } => {
                    let held = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
                    let now = held.min(*left);
                    *left -= now;
                    let is_over = *left == 0;
                    ready.extend(self.held.drain(..usize::try_from(now).unwrap_or(usize::MAX)));
                    if is_over {
                        self.place = Place::default();
                    }
                }
                Place::Head(scan) => match scan.scan(&self.held) {
                    Some(Head::Complete { bytes, add_at, body_bytes }) => {
                        let head: Vec<u8> = self.held.drain(..bytes).collect();
                        let (line, rest) = head.split_at(add_at.unwrap_or(bytes));
                        ready.extend_from_slice(line);
                        if add_at.is_some() {
                            ready.extend_from_slice(b"Content-Length: 0\r\n");
                        }
                        ready.extend_from_slice(rest);
                        self.place = match body_bytes {
                            0 => Place::default(),
                            left => Place::Body { left },
                        };
                    }
                    Some(Head::Other) => self.place = Place::Passing,
                    None => return,
                },
            }
        }
    }

    /// Passes on the held bytes, because the client sends nothing more.
    pub(super) fn finish(&mut self, ready: &mut Vec<u8>) {
        self.place = Place::Passing;
        ready.append(&mut self.held);
    }
}

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
enum Head {
    /// A request over HTTP/1.0. `add_at` is where to insert `Content-Length`, if it is missing.
    Complete { bytes: usize, add_at: Option<usize>, body_bytes: u64 },
    /// Any other request.
    Other,
}

/// Incremental scan of a request head. Each byte is examined once, however few arrive at a time.
#[derive(Debug, Default)]
struct HeadScan {
    /// Start of the line that has not ended.
    line_start: usize,
    /// Length of the bytes that were searched for the end of that line.
    searched: usize,
    request_line: Option<Range<usize>>,
    content_length: Option<u64>,
}

impl HeadScan {
    /// Returns the head that the bytes start with, or `None` if more of them are needed. They start
    /// with those of the previous call.
    fn scan(&mut self, bytes: &[u8]) -> Option<Head> {
        while let Some(length) = bytes[self.searched..].iter().position(|byte| *byte == b'\n') {
            let line = self.line_start..self.searched + length + 1;
            (self.line_start, self.searched) = (line.end, line.end);
            if let Some(head) = self.take_line(bytes, line) {
                return Some(head);
            }
        }
        self.searched = bytes.len();
        (bytes.len() >= MAX_HEAD_BYTES).then_some(Head::Other)
    }

    fn take_line(&mut self, bytes: &[u8], line: Range<usize>) -> Option<Head> {
        let Some(request_line) = &self.request_line else {
            // Empty lines may precede a request.
            let blank =
                bytes[line.clone()].iter().take_while(|byte| b"\r\n".contains(byte)).count();
            let start = line.start + blank;
            if start == line.end {
                return None;
            }
            self.request_line = Some(start..line.end);
            let is_1_0 = bytes[start..line.end].trim_ascii_end().ends_with(b" HTTP/1.0");
            return (!is_1_0).then_some(Head::Other);
        };
        let text = bytes[line.clone()].trim_ascii_end();
        if text.is_empty() {
            let is_post = bytes[request_line.start..].starts_with(b"POST ");
            let is_incomplete = is_post && self.content_length.is_none();
            return Some(Head::Complete {
                bytes: line.end,
                add_at: is_incomplete.then_some(request_line.end),
                body_bytes: self.content_length.unwrap_or(0),
            });
        }
        if value_of(text, b"transfer-encoding").is_some() {
            return Some(Head::Other);
        }
        if let Some(value) = value_of(text, b"content-length") {
            let parsed = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            if parsed.is_none() || self.content_length.is_some() {
                return Some(Head::Other);
            }
            self.content_length = parsed;
        }
        None
    }
}

/// Returns the value of a header line with this name.
fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (given, value) = line.split_at_checked(name.len())?;
    let value = value.strip_prefix(b":")?;
    given.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes through, all at once and one by one.
    fn completed(sent: &str) -> String {
        let pass = |size: usize| {
            let (mut completion, mut ready) = (Completion::default(), Vec::new());
            for part in sent.as_bytes().chunks(size) {
                completion.push(part, &mut ready);
            }
            completion.finish(&mut ready);
            String::from_utf8(ready).unwrap()
        };
        let whole = pass(sent.len().max(1));
        assert_eq!(pass(1), whole);
        whole
    }

    #[test]
    fn a_post_over_http_1_0_without_a_length_has_no_body() {
        let post = "POST /a HTTP/1.0\r\nHost: h\r\nConnection: close\r\n\r\n";
        let wanted =
            "POST /a HTTP/1.0\r\nContent-Length: 0\r\nHost: h\r\nConnection: close\r\n\r\n";
        assert_eq!(completed(post), wanted);
        assert_eq!(completed(&format!("\r\n{post}{post}")), format!("\r\n{wanted}{wanted}"));
        assert_eq!(completed("POST /a HTTP/1.0\n\n"), "POST /a HTTP/1.0\nContent-Length: 0\r\n\n");
    }

    #[test]
    fn a_body_is_not_mistaken_for_a_request() {
        let body = "POST /b HTTP/1.0\r\n\r\n";
        let with = format!("POST /a HTTP/1.0\r\ncontent-LENGTH: {}\r\n\r\n{body}", body.len());
        assert_eq!(completed(&with), with);
        let after = format!("{with}{body}");
        let wanted = format!("{with}POST /b HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(completed(&after), wanted);
    }

    #[test]
    fn other_requests_pass_unchanged() {
        for other in [
            "",
            "GET / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\n\r\nPOST / HTTP/1.0\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.0\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.0\r\nHost: h",
            "\r\n\r\n",
            "x\r\n\r\n",
        ] {
            assert_eq!(completed(other), other);
        }
        let long = format!("POST / HTTP/1.0\r\na: {}", "x".repeat(MAX_HEAD_BYTES));
        assert_eq!(completed(&long), long);
    }

    #[test]
    fn a_newer_request_is_passed_on_as_soon_as_its_first_line_is_known() {
        let (mut completion, mut ready) = (Completion::default(), Vec::new());
        completion.push(b"POST / HTTP/1.1\r", &mut ready);
        assert!(ready.is_empty() && !completion.is_passing());
        completion.push(b"\n", &mut ready);
        assert!(completion.is_passing());
        assert_eq!(ready, b"POST / HTTP/1.1\r\n");
    }
}
