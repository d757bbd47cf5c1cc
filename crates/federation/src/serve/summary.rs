//! Log entry that summarizes the start of the service.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use url::Url;

use super::prepare::Prepared;
use crate::log;
use crate::settings::{Database, ServeSettings};
use crate::store::Store;

/// Logs the values that an operator checks first: one block, printed when the service is ready.
pub(super) fn log_start(
    settings: &ServeSettings,
    store: &Store,
    address: SocketAddr,
    prepared: Prepared,
) {
    tracing::info!(
        target: log::BLOCK,
        %address,
        store = store_shown(settings, store),
        bus = bus_shown(settings),
        projects = prepared.projects,
        migrations = (prepared.migrations > 0).then_some(prepared.migrations),
        access = if settings.auth.is_some() { "API keys" } else { "anonymous" },
        docs = format!("http://{}/docs", reachable(address)),
        version = env!("CARGO_PKG_VERSION"),
        "service is ready"
    );
}

fn store_shown(settings: &ServeSettings, store: &Store) -> String {
    match (&settings.database, store) {
        (Database::Postgres(url), _) => server_of(url.expose(), "postgres"),
        (Database::Sqlite(_), Store::Sqlite(store, _)) => {
            format!("sqlite:{}", store.path().display())
        }
        (Database::Sqlite(_), Store::Postgres(..)) => "sqlite".to_owned(),
    }
}

fn bus_shown(settings: &ServeSettings) -> String {
    let Some(bus) = &settings.bus else { return "none".to_owned() };
    let servers = bus.url.split(',').map(|url| match url.trim() {
        url if url.contains("://") => server_of(url, "nats"),
        url => server_of(&format!("nats://{url}"), "nats"),
    });
    servers.collect::<Vec<_>>().join(", ")
}

/// Returns the URL without its credentials and parameters, or `fallback` if it cannot be parsed.
fn server_of(url: &str, fallback: &str) -> String {
    // A raw slash in a password makes it a part of the path.
    let is_clear = |parsed: &Url| parsed.username() != "" || !url.contains('@');
    let parsed = Url::parse(url).ok().filter(Url::has_host).filter(is_clear);
    let Some(url) = parsed else { return fallback.to_owned() };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path().trim_end_matches('/'))
}

/// Returns an address that a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_shown_without_credentials_and_parameters() {
        for (url, shown) in [
            ("postgres://u:hunter2@h:5432/d?password=hunter2", "postgres://h:5432/d"),
            ("postgresql+asyncpg://u:hunter2@[::1]/d", "postgresql+asyncpg://[::1]/d"),
            ("nats://hunter2@h:4222/", "nats://h:4222"),
            ("postgres://u:hunter2@a:1,b:2/d", "fallback"),
            ("postgres:hunter2", "fallback"),
            ("postgres://u:1/hunter2@h/d", "fallback"),
            ("postgres://u:1?hunter2@h/d", "fallback"),
        ] {
            assert_eq!(server_of(url, "fallback"), shown);
        }
    }

    #[test]
    fn the_address_of_every_interface_is_shown_as_loopback() {
        for (address, shown) in [
            ("0.0.0.0:8001", "127.0.0.1:8001"),
            ("[::]:8001", "[::1]:8001"),
            ("192.0.2.1:80", "192.0.2.1:80"),
        ] {
            assert_eq!(reachable(address.parse().unwrap()).to_string(), shown);
        }
    }
}
