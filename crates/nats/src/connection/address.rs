//! Server addresses without their credentials, which must not reach any log.

use async_nats::ServerAddr;

use super::ConnectionError;

/// User (or token) and password from a URL.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UserInfo {
    pub(super) user: String,
    pub(super) password: Option<String>,
}

/// Parses a comma-separated list of addresses.
pub(super) fn parse_servers(
    list: &str,
) -> Result<(Vec<ServerAddr>, Option<UserInfo>), ConnectionError> {
    let mut servers = Vec::new();
    let mut user_info = None;
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let position = servers.len() + 1;
        let invalid = |reason| ConnectionError::InvalidUrl { position, reason };
        let (server, found) = parse_server(text).map_err(invalid)?;
        if found.is_some() && user_info.is_some() && found != user_info {
            return Err(invalid("all servers of the list must have the same credentials".into()));
        }
        user_info = user_info.or(found);
        servers.push(server);
    }
    if servers.is_empty() {
        return Err(ConnectionError::InvalidUrl { position: 1, reason: "it is missing".into() });
    }
    Ok((servers, user_info))
}

/// Parses one address. An error shows no part of it.
fn parse_server(text: &str) -> Result<(ServerAddr, Option<UserInfo>), String> {
    let scheme = text.split_once("://").map_or("nats", |(scheme, _)| scheme);
    if !["nats", "tls"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err("it must start with nats:// or tls://".into());
    }
    let server: ServerAddr = text.parse().map_err(reason)?;
    if server.host().is_empty() {
        return Err("it has no host".into());
    }
    let password = server.password().map(percent_decode);
    let user_info = match (server.username().map(percent_decode), password) {
        (None, None) => None,
        (user, password) => Some(UserInfo { user: user.unwrap_or_default(), password }),
    };
    let mut url = server.into_inner();
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .map_err(|()| "it cannot contain credentials")?;
    Ok((ServerAddr::from_url(url).map_err(reason)?, user_info))
}

/// Returns the error text of the client without the prefix that our own text repeats.
fn reason(error: std::io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("NATS server URL is invalid: ").unwrap_or(&text).to_owned()
}

/// Returns the list of addresses in a form that is safe to log.
pub(super) fn without_credentials(list: &str) -> String {
    let Ok((servers, _)) = parse_servers(list) else { return "…".into() };
    let shown =
        |server: &ServerAddr| format!("{}://{}:{}", server.scheme(), server.host(), server.port());
    servers.iter().map(shown).collect::<Vec<_>>().join(",")
}

/// Decodes bytes written as `%41`. Invalid escapes stay as they are.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let decoded = (first == b'%').then(|| after.split_at_checked(2)).flatten().and_then(
            |(hex, after)| {
                let byte = u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?;
                Some((byte, after))
            },
        );
        let (byte, after) = decoded.unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_split_from_addresses() {
        let (servers, user_info) =
            parse_servers("nats://u:p%40ss%2Fw@a:1, tls://b ,localhost").unwrap();
        let shown: Vec<_> = servers.iter().map(ServerAddr::as_url_str).collect();
        assert_eq!(shown, ["nats://a:1", "tls://b", "nats://localhost"]);
        assert_eq!(servers[2].port(), 4222);
        let user_info = user_info.unwrap();
        assert_eq!((user_info.user.as_str(), user_info.password.as_deref()), ("u", Some("p@ss/w")));
    }

    #[test]
    fn an_invalid_address_is_rejected_without_its_password() {
        for bad in [
            "",
            " , ",
            "http://u:secret@h",
            "ws://u:secret@h",
            "nats://u:secret@",
            "nats://u:secret@h:99999",
            "u:secret@h:x",
            "nats://u:secret@h,nats://u:other@i",
            "nats://u:secret",
            "nats://u:sec,ret@h",
            "secret://h",
        ] {
            let Err(error) = parse_servers(bad) else { panic!("{bad} was accepted") };
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("sec") && !shown.contains("ret@"), "{shown}");
        }
    }

    #[test]
    fn an_error_names_the_position_and_the_format() {
        for (list, beginning) in [
            ("", "server 1 of the NATS URL is invalid: it is missing; "),
            ("http://h", "server 1 of the NATS URL is invalid: it must start with nats:// or "),
            ("h,nats://u:p@h:x", "server 2 of the NATS URL is invalid: invalid port number; "),
        ] {
            let error = parse_servers(list).err().unwrap().to_string();
            assert!(error.starts_with(beginning), "{error}");
            assert!(error.contains("nats://HOST:PORT or tls://HOST:PORT"), "{error}");
        }
    }

    #[test]
    fn invalid_escapes_stay() {
        assert_eq!(percent_decode("%41%4%zz%"), "A%4%zz%");
    }
}
