//! Email.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use federation_domain::NotificationEvent::{Opened, Resolved};
use federation_domain::SendError;
use federation_notify::{Channel, EmailChannel, SmtpSecurity};

use crate::{message, messenger};

/// An SMTP server without TLS that takes every email, or refuses every receiver.
struct Server {
    address: SocketAddr,
    mails: Receiver<(Vec<String>, String)>,
}

impl Server {
    fn start(refuses: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, mails) = channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                if let Some(mail) = dialogue(connection.unwrap(), refuses) {
                    let _ = sender.send(mail);
                }
            }
        });
        Self { address, mails }
    }

    fn mail(&self) -> (Vec<String>, String) {
        let waited = self.mails.recv_timeout(Duration::from_secs(10));
        waited.unwrap_or_else(|_| panic!("no email arrived within 10 s"))
    }

    async fn send(&self, security: SmtpSecurity, incidents: &[&str]) -> Result<(), SendError> {
        let to = ["On call <oncall@example.org>".to_owned(), "b@example.org".to_owned()];
        let from = "Federation <alerts@example.org>";
        let port = Some(self.address.port());
        let email = EmailChannel::new("127.0.0.1", port, security, from, &to).unwrap();
        messenger(Channel::Email(email)).send(&message(Opened, incidents)).await
    }
}

/// Speaks SMTP (RFC 5321). Returns the commands and the email.
fn dialogue(connection: TcpStream, refuses: bool) -> Option<(Vec<String>, String)> {
    let mut reader = BufReader::new(connection);
    let mut commands = Vec::new();
    reader.get_mut().write_all(b"220 test ESMTP\r\n").ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let command = line.trim_end().to_owned();
        commands.push(command.clone());
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        let answer: &[u8] = match verb.as_str() {
            "EHLO" => b"250-test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n",
            "RCPT" if refuses => b"550 5.1.1 no such user\r\n",
            "DATA" => b"354 go on\r\n",
            "QUIT" => b"221 bye\r\n",
            _ => b"250 ok\r\n",
        };
        reader.get_mut().write_all(answer).ok()?;
        if verb == "DATA" {
            let mut mail = String::new();
            while !mail.ends_with("\r\n.\r\n") {
                reader.read_line(&mut mail).ok().filter(|read| *read > 0)?;
            }
            reader.get_mut().write_all(b"250 taken\r\n").ok()?;
            return Some((commands, mail));
        }
    }
}

#[tokio::test]
async fn an_email_has_one_subject_line_and_goes_to_every_receiver() {
    let server = Server::start(false);
    server.send(SmtpSecurity::None, &["4"]).await.unwrap();
    let (commands, mail) = server.mail();
    assert!(commands.iter().any(|line| line.starts_with("MAIL FROM:<alerts@example.org>")));
    assert_eq!(commands.iter().filter(|line| line.starts_with("RCPT TO:")).count(), 2);
    for part in [
        "From: Federation <alerts@example.org>\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: text/plain",
        "Message-ID: <msg_7_",
        "@example.org>\r\n",
    ] {
        assert!(mail.contains(part), "{part} in {mail}");
    }
    assert_eq!(mail.matches("Subject: ").count(), 1);
    let body = mail.split_once("\r\n\r\n").unwrap().1.replace("=\r\n", "");
    for part in ["Since: 2026-11-24 11:59:00 UTC", "Root: db", "Affected: 7 projects"] {
        assert!(body.contains(part), "{part} in {body}");
    }
}

#[tokio::test]
async fn a_receiver_that_the_server_refuses_is_a_failure() {
    let error = Server::start(true).send(SmtpSecurity::None, &["4"]).await.unwrap_err();
    assert!(error.reason.contains("no such user"), "{error}");
}

#[tokio::test]
async fn nothing_is_sent_unencrypted_if_the_server_has_no_tls() {
    let server = Server::start(false);
    for security in [SmtpSecurity::StartTls, SmtpSecurity::Tls] {
        let error = server.send(security, &["4"]).await.unwrap_err();
        assert!(error.reason.starts_with("SMTP: "), "{error}");
    }
    assert!(server.mails.try_recv().is_err());
}

#[tokio::test]
async fn a_server_that_does_not_speak_costs_ten_seconds_at_most() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = ["a@example.org".to_owned()];
    let port = Some(silent.local_addr().unwrap().port());
    let email =
        EmailChannel::new("127.0.0.1", port, SmtpSecurity::None, "b@example.org", &to).unwrap();
    let channel = messenger(Channel::Email(email));
    let message = message(Resolved, &["4"]);
    let sending = tokio::time::timeout(Duration::from_secs(15), channel.send(&message));
    assert!(sending.await.unwrap().is_err());
}
