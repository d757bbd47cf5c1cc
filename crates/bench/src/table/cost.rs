//! What a process has spent, by Linux' `/proc`.

use std::time::Duration;

use anyhow::Context as _;

/// Cost so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// CPU time of all its threads, user and system.
    pub(super) cpu: Duration,
    /// Memory in use now (RSS).
    pub(super) memory_bytes: u64,
}

impl Cost {
    /// # Errors
    /// When there is no such process.
    pub(super) fn of(pid: u32) -> anyhow::Result<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
        let (stat, status) = (read("stat")?, read("status")?);
        // Fields 14 and 15 of proc_pid_stat(5); the name in field 2 may hold anything but its end.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: u64 = line.context("VmRSS")?.trim().trim_end_matches(" kB").parse()?;
        Ok(Self {
            cpu: Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second)),
            memory_bytes: kibibytes * 1_024,
        })
    }
}
