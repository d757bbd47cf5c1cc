//! Figures of metrics, the graph, incidents and actions: latencies, rates beside a limit, and memory.
//!
//! Run with `cargo bench -p federation-bench --bench figures [actions|graph|incidents|metrics]`. The
//! Postgres in `FEDERATION_TEST_POSTGRES` is used, the program in `NATS_SERVER`, and a temporary SQLite
//! file.
#![expect(clippy::unwrap_used, reason = "a measurement whose setup fails cannot continue")]

mod actions;
mod graph;
mod incidents;
mod metrics;
mod world;

use std::time::{Duration, Instant};

use federation_bench::cost::Cost;

/// The allocator of the service, so that memory is measured as it would be there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if let [graph::LOAD, file] = &*wanted.iter().map(String::as_str).collect::<Vec<_>>() {
        return runtime.block_on(graph::load(file));
    }
    println!("load {}", load());
    if is_wanted("actions") {
        runtime.block_on(actions::measure());
    }
    if is_wanted("graph") {
        runtime.block_on(graph::measure());
    }
    if is_wanted("incidents") {
        runtime.block_on(incidents::measure());
    }
    if is_wanted("metrics") {
        runtime.block_on(metrics::measure());
    }
    println!("load {}", load());
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("?").to_owned()
}

/// Prints a figure, with its target if it has one.
fn show(what: &str, value: f64, unit: &str, target: &str) {
    println!(
        "{what}: {value:.3} {unit}{}{target}",
        if target.is_empty() { "" } else { ", target " }
    );
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
fn now() -> Instant {
    Instant::now()
}

fn seconds(run: impl FnOnce()) -> f64 {
    let began = now();
    run();
    began.elapsed().as_secs_f64()
}

/// Returns the 99th percentile of the times, in ms.
fn p99_ms(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[(times.len() * 99 / 100).min(times.len() - 1)].as_secs_f64() * 1_000.0
}

fn cost() -> Cost {
    Cost::of(std::process::id()).unwrap()
}
