//! Tables for spreadsheets.

use actix_web::http::header::{ACCEPT, VARY};
use actix_web::{HttpRequest, HttpResponse};
use time::OffsetDateTime;

use super::timestamp::Timestamp;

/// Returns whether the client prefers a table to JSON.
pub(crate) fn wants_csv(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("text/csv")
    })
}

/// A table in the format of RFC 4180.
pub(crate) struct Csv {
    text: String,
    is_row_empty: bool,
}

impl Csv {
    /// Begins a table with these columns.
    pub(crate) fn new(columns: &[&str]) -> Self {
        let mut csv = Self { text: String::new(), is_row_empty: true };
        columns.iter().for_each(|column| csv.text(column));
        csv.end_row();
        csv
    }

    /// Adds a text. One that a spreadsheet would take for a formula gets an apostrophe in front.
    pub(crate) fn text(&mut self, text: &str) {
        self.begin_cell();
        let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let needs_quotes = is_formula || text.contains([',', '"', '\n', '\r']);
        if !needs_quotes {
            return self.text.push_str(text);
        }
        self.text.push('"');
        if is_formula {
            self.text.push('\'');
        }
        self.text.push_str(&text.replace('"', "\"\""));
        self.text.push('"');
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: f64) {
        self.begin_cell();
        self.text.push_str(&number.to_string());
    }

    /// Adds a time.
    pub(crate) fn time(&mut self, at: OffsetDateTime) {
        self.begin_cell();
        self.text.push_str(&String::from_utf8_lossy(&Timestamp(at).text()));
    }

    /// Adds an empty cell.
    pub(crate) fn nothing(&mut self) {
        self.begin_cell();
    }

    pub(crate) fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.is_row_empty = true;
    }

    pub(crate) fn respond(self) -> HttpResponse {
        HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((VARY, "accept"))
            .body(self.text)
    }

    fn begin_cell(&mut self) {
        if !std::mem::replace(&mut self.is_row_empty, false) {
            self.text.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_necessary() {
        let mut csv = Csv::new(&["a", "b"]);
        csv.text("x,\"y\"");
        csv.number(-1.5);
        csv.end_row();
        csv.text("=1+1");
        csv.nothing();
        csv.end_row();
        assert_eq!(csv.text, "a,b\r\n\"x,\"\"y\"\"\",-1.5\r\n\"'=1+1\",\r\n");
    }
}
