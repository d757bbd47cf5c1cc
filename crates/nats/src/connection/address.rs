//! Server addresses, parted from the credentials in them, which must not reach any log.

use async_nats::ServerAddr;

use super::ConnectionError;

/// The user (or token) and the password that stood in a URL.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct UserInfo {
    pub(super) user: String,
    pub(super) password: Option<String>,
}

/// Parses a list of addresses separated by commas.
pub(super) fn parse_servers(
    list: &str,
) -> Result<(Vec<ServerAddr>, Option<UserInfo>), ConnectionError> {
    let mut servers = Vec::new();
    let mut user_info = None;
    for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let (server, found) = parse_server(text)?;
        if found.is_some() && user_info.is_some() && found != user_info {
            return Err(invalid(text, "all servers of the list need the same credentials"));
        }
        user_info = user_info.or(found);
        servers.push(server);
    }
    if servers.is_empty() {
        return Err(invalid(list, "it names no server"));
    }
    Ok((servers, user_info))
}

fn parse_server(text: &str) -> Result<(ServerAddr, Option<UserInfo>), ConnectionError> {
    let server: ServerAddr = text.parse().map_err(|error: std::io::Error| invalid(text, error))?;
    if !matches!(server.scheme(), "nats" | "tls") {
        return Err(invalid(text, "it has to begin with nats:// or tls://"));
    }
    if server.host().is_empty() {
        return Err(invalid(text, "it has no host"));
    }
    let password = server.password().map(percent_decode);
    let user_info = match (server.username().map(percent_decode), password) {
        (None, None) => None,
        (user, password) => Some(UserInfo { user: user.unwrap_or_default(), password }),
    };
    let mut url = server.into_inner();
    url.set_username("")
        .and_then(|()| url.set_password(None))
        .map_err(|()| invalid(text, "it cannot bear credentials"))?;
    let server = ServerAddr::from_url(url).map_err(|error| invalid(text, error))?;
    Ok((server, user_info))
}

fn invalid(text: &str, reason: impl std::fmt::Display) -> ConnectionError {
    ConnectionError::InvalidUrl { shown: redact(text), reason: reason.to_string() }
}

/// The list of addresses as it may be shown: without what stands before each `@`.
pub(super) fn redact(list: &str) -> String {
    let shown = |text: &str| match text.rsplit_once('@') {
        Some((before, server)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://…@{server}"),
            None => format!("…@{server}"),
        },
        None => text.to_owned(),
    };
    list.split(',').map(shown).collect::<Vec<_>>().join(",").escape_debug().to_string()
}

/// Bytes written as `%41`; what does not decode stays as it is.
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
    fn addresses_are_parted_from_their_credentials() {
        let (servers, user_info) =
            parse_servers("nats://u:p%40ss%2Fw@a:1, tls://b ,localhost").unwrap();
        let shown: Vec<_> = servers.iter().map(ServerAddr::as_url_str).collect();
        assert_eq!(shown, ["nats://a:1", "tls://b", "nats://localhost"]);
        assert_eq!(servers[2].port(), 4222);
        let user_info = user_info.unwrap();
        assert_eq!((user_info.user.as_str(), user_info.password.as_deref()), ("u", Some("p@ss/w")));
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
        for bad in [
            "",
            " , ",
            "http://u:secret@h",
            "ws://u:secret@h",
            "nats://u:secret@",
            "nats://u:secret@h:99999",
            "u:secret@h:x",
            "nats://u:secret@h,nats://u:other@i",
        ] {
            let Err(error) = parse_servers(bad) else { panic!("{bad} was accepted") };
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn what_does_not_decode_stays() {
        assert_eq!(percent_decode("%41%4%zz%"), "A%4%zz%");
    }
}
