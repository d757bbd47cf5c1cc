//! CPU time and memory of a process on this machine, from Linux' `/proc`.

use std::time::Duration;

use anyhow::Context as _;

/// Resources used by a process since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// CPU time of all threads, user and system, in steps of 10 ms.
    pub cpu: Duration,
    /// Resident memory now.
    pub memory_bytes: u64,
}

impl Cost {
    /// Reads the resources used by a process.
    ///
    /// # Errors
    /// Fails if there is no such process or no `/proc`.
    pub fn of(pid: u32) -> anyhow::Result<Self> {
        let missing = || format!("--pid {pid}: no such process (works on Linux only)");
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(missing)?;
        let status =
            std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(missing)?;
        let ticks = ticks(&stat).context("/proc/PID/stat has an unknown format")?;
        let per_second = rustix::param::clock_ticks_per_second().max(1);
        let memory_bytes = rss(&status).context("/proc/PID/status has an unknown format")?;
        let cpu = Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second));
        Ok(Self { cpu, memory_bytes })
    }
}

/// Sums `utime` and `stime`, fields 14 and 15 of proc_pid_stat(5). The name in field 2 may contain
/// spaces and parentheses.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_name_with_spaces_does_not_shift_the_fields() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 1 2 3 4 250 30 0 0 20 0 1 0 9 9";
        assert_eq!(ticks(stat), Some(280));
        assert_eq!(rss("VmHWM:\t 9 kB\nVmRSS:\t    12 kB\n"), Some(12_288));
    }
}
