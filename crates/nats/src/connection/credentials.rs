//! Credentials files, read again at each attempt to connect.
//!
//! So a process picks up renewed credentials with its next connection, for example when the server
//! ends a connection because its JWT has expired.

use std::error::Error;
use std::path::{Path, PathBuf};

use async_nats::{Auth, AuthError, ConnectOptions};
use nkeys::KeyPair;
use tokio::task::spawn_blocking;

use super::ConnectionError;

/// Returns options that authenticate by the file, which must be valid now.
pub(super) async fn authenticate_by(path: &Path) -> Result<ConnectOptions, ConnectionError> {
    let file = path.to_owned();
    let checked = match spawn_blocking(move || read(&file).map(drop)).await {
        Ok(checked) => checked,
        Err(error) => Err(error.into()),
    };
    checked.map_err(|source| ConnectionError::File {
        what: "the NATS credentials file",
        path: path.to_owned(),
        source,
    })?;
    let path = path.to_owned();
    Ok(ConnectOptions::with_auth_callback(move |nonce| sign(path.clone(), nonce)))
}

async fn sign(path: PathBuf, nonce: Vec<u8>) -> Result<Auth, AuthError> {
    let signed = spawn_blocking(move || {
        let describe =
            |error| AuthError::new(format!("{} cannot be used: {error}", path.display()));
        let Credentials { jwt, key } = read(&path).map_err(describe)?;
        let mut auth = Auth::new();
        auth.signature = Some(key.sign(&nonce).map_err(|error| describe(error.into()))?);
        auth.jwt = Some(jwt);
        Ok(auth)
    });
    signed.await.map_err(AuthError::new)?
}

struct Credentials {
    jwt: String,
    key: KeyPair,
}

fn read(path: &Path) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
    parse(&std::fs::read_to_string(path)?)
}

fn parse(text: &str) -> Result<Credentials, Box<dyn Error + Send + Sync>> {
    let jwt = block(text, "JWT").ok_or("it holds no user JWT")?;
    let seed = block(text, "SEED").ok_or("it holds no NKEY seed")?;
    Ok(Credentials { jwt: jwt.to_owned(), key: KeyPair::from_seed(seed)? })
}

/// Returns the line between `-----BEGIN ... name-----` and `------END ... name------`.
fn block<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let is_rule = |line: &str, word: &str| {
        let label = line.trim_matches('-');
        line.starts_with("---") && label.starts_with(word) && label.ends_with(name)
    };
    let mut lines = text.lines().map(str::trim).skip_while(|line| !is_rule(line, "BEGIN")).skip(1);
    let content = lines.next().filter(|line| !line.is_empty())?;
    lines.next().filter(|line| is_rule(line, "END")).map(|_| content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../tests/fixtures/jwt/user.creds");

    #[test]
    fn a_credentials_file_holds_a_jwt_and_a_seed() {
        for text in [FILE.to_owned(), FILE.replace('\n', "\r\n")] {
            let Credentials { jwt, key } = parse(&text).unwrap();
            assert!(jwt.starts_with("eyJ0eXAi"));
            assert!(key.public_key().starts_with('U'));
        }
    }

    #[test]
    fn an_incomplete_file_is_rejected_without_its_content() {
        let (jwt, seed) = FILE.split_at(FILE.find("-----BEGIN USER NKEY").unwrap());
        for (text, error) in [
            ("", "it holds no user JWT"),
            (jwt, "it holds no NKEY seed"),
            (seed, "it holds no user JWT"),
        ] {
            assert_eq!(parse(text).err().unwrap().to_string(), error);
        }
        let broken = FILE.replace("\nSU", "\nSX");
        let error = parse(&broken).err().unwrap().to_string();
        assert!(!error.contains("SX"), "{error}");
    }
}
