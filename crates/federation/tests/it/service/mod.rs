//! The service as a process, on real servers.

mod keys;
mod lifecycle;
mod listing;
mod outages;
mod process;
mod publisher;
mod replicas;
mod restarts;
mod watching;
