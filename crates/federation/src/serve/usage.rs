//! Resources of this process, for its metrics.

use federation_application::{Metrics, ProcessUsage};
use federation_bench::cost::Cost;
use time::OffsetDateTime;

/// Has the metrics read the resources of this process, on systems with `/proc`.
pub(super) fn report_to(
    metrics: &Metrics,
    open_files_limit: Option<usize>,
    started_at: OffsetDateTime,
) {
    let open_files_limit = open_files_limit.and_then(|limit| u64::try_from(limit).ok());
    metrics.read_process_usage_with(move || {
        let Cost { cpu, memory_bytes } = Cost::of(std::process::id()).ok()?;
        let open_files = u64::try_from(open_files()?).ok()?;
        Some(ProcessUsage { cpu, memory_bytes, open_files, open_files_limit, started_at })
    });
}

/// Counts the open files of this process, except the directory handle that counting needs.
fn open_files() -> Option<usize> {
    Some(std::fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn an_opened_file_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let before = open_files().unwrap();
        let files: Vec<_> = (0..100)
            .map(|name| std::fs::File::create(folder.path().join(name.to_string())).unwrap())
            .collect();
        // Other tests open and close files at the same time.
        assert!(open_files().unwrap() > before + 50, "{before}");
        drop(files);
    }
}
