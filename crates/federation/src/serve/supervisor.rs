//! Notifications to a service manager such as systemd, by the protocol of sd_notify(3).
//!
//! Without `NOTIFY_SOCKET` in the environment nothing is sent.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Messages to send within each interval of the watchdog.
const FEEDS_PER_INTERVAL: u32 = 3;

/// Reports that the service serves requests.
pub(super) fn ready() {
    report("READY=1\nSTATUS=Serving");
}

/// Reports that the service waits for its store or its bus.
pub(super) fn waiting() {
    report("STATUS=Waiting for the catalog");
}

/// Reports that the service stops.
pub(super) fn stopping() {
    report("STOPPING=1\nSTATUS=Finishing requests");
}

/// Returns a function to call on each tick, which feeds the watchdog of the service manager. If the
/// ticks stop, the service manager restarts the process.
pub(super) fn watchdog(tick: Duration) -> impl FnMut() + Send {
    let socket = NotifySocket::from_env().ok().flatten();
    let interval = watchdog_interval(
        std::env::var("WATCHDOG_USEC").ok().as_deref(),
        std::env::var("WATCHDOG_PID").ok().as_deref(),
        std::process::id(),
    );
    let mut feeding = socket.zip(interval).map(|(socket, interval)| Feeding {
        socket,
        ticks: ticks_between(interval, tick),
        left: 0,
    });
    move || {
        if let Some(feeding) = &mut feeding {
            feeding.tick();
        }
    }
}

struct Feeding {
    socket: NotifySocket,
    ticks: u32,
    left: u32,
}

impl Feeding {
    fn tick(&mut self) {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return;
        }
        self.left = self.ticks;
        if let Err(error) = self.socket.send("WATCHDOG=1") {
            tracing::debug!(%error, "watchdog of the service manager cannot be reached");
        }
    }
}

fn report(state: &str) {
    let sent = NotifySocket::from_env().and_then(|socket| match socket {
        Some(socket) => socket.send(state),
        None => Ok(()),
    });
    if let Err(error) = sent {
        tracing::warn!(%error, state, "service manager cannot be reached");
    }
}

/// Returns the interval in which the service manager expects a message, if it expects any from this
/// process.
fn watchdog_interval(micros: Option<&str>, pid: Option<&str>, own_pid: u32) -> Option<Duration> {
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own_pid));
    let micros = micros?.parse().ok().filter(|micros| *micros > 0)?;
    is_ours.then_some(Duration::from_micros(micros))
}

/// Returns the ticks to leave out between two messages.
fn ticks_between(interval: Duration, tick: Duration) -> u32 {
    let ticks = interval.as_nanos() / (tick.as_nanos().max(1) * u128::from(FEEDS_PER_INTERVAL));
    u32::try_from(ticks).unwrap_or(u32::MAX).saturating_sub(1)
}

struct NotifySocket {
    socket: UnixDatagram,
    address: SocketAddr,
}

impl NotifySocket {
    /// Opens the socket that the environment names, if it names one.
    fn from_env() -> io::Result<Option<Self>> {
        std::env::var_os("NOTIFY_SOCKET").map(|name| Self::open(&name)).transpose()
    }

    fn open(name: &OsStr) -> io::Result<Self> {
        let address = address(name)?;
        let socket = UnixDatagram::unbound()?;
        // A service manager that does not read must not delay a tick.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address })
    }

    fn send(&self, state: &str) -> io::Result<()> {
        self.socket.send_to_addr(state.as_bytes(), &self.address).map(drop)
    }
}

/// Parses a path, or the name of an abstract socket after `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => abstract_address(name),
        [b'/', ..] => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "NOTIFY_SOCKET: expected an absolute path or @ and a name",
        )),
    }
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn abstract_address(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> Option<String> {
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    #[test]
    fn the_watchdog_is_fed_three_times_in_its_interval() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let ticks = ticks_between(Duration::from_secs(3), Duration::from_millis(250));
        let socket = NotifySocket::open(path.as_os_str()).unwrap();
        let mut feeding = Feeding { socket, ticks, left: 0 };
        for _ in 0..12 {
            feeding.tick();
        }
        let messages: Vec<_> = std::iter::from_fn(|| received(&manager)).collect();
        assert_eq!(messages, ["WATCHDOG=1"; 3]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_after_an_at_sign_is_an_abstract_socket() {
        let name = format!("@federation-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&address(OsStr::new(&name)).unwrap()).unwrap();
        NotifySocket::open(OsStr::new(&name)).unwrap().send("READY=1").unwrap();
        assert_eq!(received(&manager).as_deref(), Some("READY=1"));
        assert!(address(OsStr::new("relative")).is_err());
    }

    #[test]
    fn a_watchdog_for_another_process_is_not_fed() {
        let interval = |micros, pid| watchdog_interval(micros, pid, 7);
        let second = Some(Duration::from_secs(1));
        assert_eq!(interval(Some("1000000"), None), second);
        assert_eq!(interval(Some("1000000"), Some("7")), second);
        assert_eq!(interval(Some("1000000"), Some("8")), None);
        assert_eq!(interval(Some("0"), None), None);
        assert_eq!(interval(Some("x"), None), None);
        assert_eq!(interval(None, None), None);
    }
}
