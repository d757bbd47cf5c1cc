//! Progress bars, shown only on a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TEMPLATE: &str = "{msg:24} [{bar:40}] {pos}/{len} {eta}";
const STYLE: &str = "=> ";

/// Returns a bar over a number of steps.
pub(crate) fn bar(what: impl Into<String>, steps: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars(STYLE);
    ProgressBar::new(steps).with_style(style).with_message(what.into())
}

/// A bar over a span of time. It advances by itself until it is dropped.
pub(crate) struct TimeBar {
    bar: ProgressBar,
    task: tokio::task::JoinHandle<()>,
}

impl TimeBar {
    pub(crate) fn start(what: impl Into<String>, span: Duration) -> Self {
        let tenths = span.as_millis() / 100;
        let bar = bar(what, u64::try_from(tenths).unwrap_or(u64::MAX));
        let moved = bar.clone();
        let task = tokio::spawn(async move {
            let mut every = tokio::time::interval(Duration::from_millis(100));
            loop {
                every.tick().await;
                moved.inc(1);
            }
        });
        Self { bar, task }
    }
}

impl Drop for TimeBar {
    fn drop(&mut self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}
