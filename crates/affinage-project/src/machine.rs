//! Facts about this machine and this process, for provenance and `affinage doctor`.

use std::path::Path;

use serde::{Deserialize, Serialize};

/// The machine as far as it tells; unknown facts are absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub os: String,
    pub arch: String,
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Physical memory, or the limit of the container when that is smaller.
    pub memory_bytes: Option<u64>,
}

impl Machine {
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cpu: proc_field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            memory_bytes: memory_bytes(),
        }
    }
}

/// The largest resident memory of this process so far (`VmHWM`); `None` where the system does not tell.
pub fn peak_rss_bytes() -> Option<u64> {
    proc_field("/proc/self/status", "VmHWM").as_deref().and_then(kilobytes)
}

/// The resident memory of this process now (`VmRSS`); `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    proc_field("/proc/self/status", "VmRSS").as_deref().and_then(kilobytes)
}

/// Lets [`peak_rss_bytes`] start again from what is resident now; does nothing where the system cannot.
pub fn reset_peak_rss() {
    // Linux, proc(5): writing 5 resets VmHWM. Elsewhere the peak is that of the whole process.
    let _unsupported = fs_err::write("/proc/self/clear_refs", "5");
}

/// Memory that can be used without swapping; `None` where the system does not tell.
pub fn available_memory_bytes() -> Option<u64> {
    proc_field("/proc/meminfo", "MemAvailable").as_deref().and_then(kilobytes)
}

/// Free bytes on the disk that holds `path`; `None` where the system does not tell.
#[cfg(unix)]
pub fn free_disk_bytes(path: &Path) -> Option<u64> {
    rustix::fs::statvfs(path).ok().map(|disk| disk.f_bavail * disk.f_frsize)
}

/// Free bytes on the disk that holds `path`; `None` where the system does not tell.
#[cfg(not(unix))]
pub fn free_disk_bytes(_path: &Path) -> Option<u64> {
    None
}

fn memory_bytes() -> Option<u64> {
    let physical = proc_field("/proc/meminfo", "MemTotal").as_deref().and_then(kilobytes);
    let limit =
        fs_err::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    match (physical, limit) {
        (Some(physical), Some(limit)) => Some(std::cmp::min::<u64>(physical, limit)),
        (physical, _) => physical,
    }
}

/// The value of the first line `field: value` of a file under /proc.
fn proc_field(path: &str, field: &str) -> Option<String> {
    let text = fs_err::read_to_string(path).ok()?;
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    fields.find(|(name, _)| name.trim() == field).map(|(_, value)| value.trim().to_owned())
}

/// `"123 kB"` as bytes.
fn kilobytes(value: &str) -> Option<u64> {
    value.strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}
