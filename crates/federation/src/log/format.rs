//! The two formats for people and line-oriented tools: text and logfmt.

use std::fmt::{self, Display};

use time::OffsetDateTime;
use time::macros::format_description;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use super::BLOCK;
use super::fields::{Fields, PairFormat, Value};
use crate::output::plain;

/// Lines for people.
#[derive(Debug, Clone, Copy)]
pub(super) struct TextFormat {
    /// A terminal shows only the time of day.
    pub(super) is_terminal: bool,
}

/// Lines of `key=value` pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogfmtFormat;

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, PairFormat> for LogfmtFormat {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, PairFormat>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        let metadata = event.metadata();
        let level = level_name(*metadata.level()).to_ascii_lowercase();
        write!(to, "time={} level={level} msg={}", utc(false)?, Value(&fields.message))?;
        for (key, value) in &fields.pairs {
            write!(to, " {key}={}", Value(value))?;
        }
        write_spans(context, &mut to)?;
        writeln!(to, " target={}", Value(metadata.target()))
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, PairFormat> for TextFormat {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, PairFormat>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let fields = Fields::of(event);
        let metadata = event.metadata();
        let style = Style { is_on: to.has_ansi_escapes() };
        let (level, colour) = (level_name(*metadata.level()), level_colour(*metadata.level()));
        let time = utc(self.is_terminal)?;
        write!(
            to,
            "{} {} ",
            style.paint(DIM, time),
            style.paint(colour, format_args!("{level:5}"))
        )?;
        if metadata.target() == BLOCK {
            return write_block(&mut to, style, &fields);
        }
        if let Some(kind) = fields.get("change.kind") {
            write_change(&mut to, style, kind, &fields)?;
        } else {
            write!(to, "{}", plain(&fields.message))?;
            for (key, value) in &fields.pairs {
                write!(to, " {}{}", style.paint(DIM, format_args!("{key}=")), Value(value))?;
            }
        }
        write_spans(context, &mut to)?;
        writeln!(to)
    }
}

/// Writes the message, then each field on a line of its own.
fn write_block(to: &mut Writer<'_>, style: Style, fields: &Fields) -> fmt::Result {
    writeln!(to, "{}", plain(&fields.message))?;
    let width = fields.pairs.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    for (key, value) in &fields.pairs {
        let label = format!("{key:width$}");
        writeln!(to, "    {}  {}", style.paint(DIM, label), plain(value))?;
    }
    Ok(())
}

/// Writes a line such as `veria  online → degraded  no heartbeat for 60 s`.
fn write_change(to: &mut Writer<'_>, style: Style, kind: &str, fields: &Fields) -> fmt::Result {
    let field = |name| fields.get(name).unwrap_or_default();
    let cause = field("change.cause");
    write!(to, "{}  ", style.paint(BOLD, plain(field("project.slug"))))?;
    if kind == "status_changed" {
        let (from, status) = (plain(field("change.from")), field("change.to"));
        write!(to, "{from} → {}  ", style.paint(status_colour(status), plain(status)))?;
        return write!(to, "{}", plain(cause));
    }
    // A cause such as "registered through the API" also belongs to updates.
    let cause = cause.strip_prefix("registered ").unwrap_or(cause);
    write!(to, "{}  {}", plain(kind), plain(cause))
}

fn write_spans<S: Subscriber + for<'a> LookupSpan<'a>>(
    context: &FmtContext<'_, S, PairFormat>,
    to: &mut Writer<'_>,
) -> fmt::Result {
    for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
        let extensions = span.extensions();
        let fields = extensions.get::<FormattedFields<PairFormat>>();
        if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
            write!(to, " {}", fields.fields)?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the log tells the time of the machine")]
fn utc(is_short: bool) -> Result<String, fmt::Error> {
    let now = OffsetDateTime::now_utc();
    if is_short {
        now.format(format_description!("[hour]:[minute]:[second]Z"))
    } else {
        let format = format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        now.format(format)
    }
    .map_err(|_| fmt::Error)
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

fn level_colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => RED,
        Level::WARN => YELLOW,
        Level::INFO => GREEN,
        Level::DEBUG | Level::TRACE => DIM,
    }
}

fn status_colour(status: &str) -> &'static str {
    match status {
        "online" => GREEN,
        "degraded" => YELLOW,
        _ => RED,
    }
}

/// Colours, if they are on.
#[derive(Debug, Clone, Copy)]
struct Style {
    is_on: bool,
}

impl Style {
    fn paint(self, code: &'static str, text: impl Display) -> impl Display {
        let is_on = self.is_on;
        fmt::from_fn(move |f| {
            if is_on { write!(f, "\x1b[{code}m{text}\x1b[0m") } else { write!(f, "{text}") }
        })
    }
}
