//! The service as a process, on real servers.

mod actions;
mod docs;
mod export;
mod graph;
mod incidents;
mod keys;
mod lifecycle;
mod limits;
mod listing;
mod log;
mod metric_rules;
mod notifications;
mod outages;
mod process;
mod publisher;
mod refusals;
mod reload;
mod replicas;
mod reported;
mod restarts;
#[cfg(target_os = "linux")]
mod slow_readers;
mod supervision;
mod verification;
mod watching;
