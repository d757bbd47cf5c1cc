//! Email over SMTP.

use std::fmt;

use async_trait::async_trait;
use federation_domain::{Message, Messenger, SendError};
use lettre::message::Mailbox;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport as _};
use tokio::task::spawn_blocking;

use crate::SEND_TIMEOUT;
use crate::outbound::OutboundPolicy;
use crate::text::{Syntax, describe, headline};

/// Maximum number of receivers.
const MAX_RECEIVERS: usize = 20;

/// Email is plain text, so nothing has to be escaped. Headers are encoded by the library.
const PLAIN: Syntax = Syntax { escape: str::to_owned, link: str::to_owned };

/// Encryption of a connection to an SMTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SmtpSecurity {
    /// The connection is encrypted after `STARTTLS`, or not used.
    #[default]
    StartTls,
    /// The connection is encrypted from its start.
    Tls,
    /// The connection is not encrypted.
    None,
}

impl SmtpSecurity {
    /// Returns the port that is usual for it.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Settings of a channel that sends email.
#[derive(Clone)]
pub struct EmailChannel {
    host: String,
    port: u16,
    security: SmtpSecurity,
    login: Option<(String, String)>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl fmt::Debug for EmailChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailChannel").field("host", &self.host).finish_non_exhaustive()
    }
}

/// A setting of a channel for email is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct InvalidEmail {
    /// Field of the file.
    pub field: &'static str,
    /// Expected value.
    pub expected: &'static str,
}

impl EmailChannel {
    /// Creates the settings of a channel.
    ///
    /// # Errors
    /// Fails if an address is invalid, if there is no receiver, or if a password would be sent
    /// without encryption.
    pub fn new(
        host: &str,
        port: Option<u16>,
        security: SmtpSecurity,
        from: &str,
        to: &[String],
    ) -> Result<Self, InvalidEmail> {
        let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic() && c != '/');
        if !is_host {
            return Err(InvalidEmail { field: "host", expected: "the name of an SMTP server" });
        }
        let address = |field, text: &str| {
            let expected = "an address such as Alerts <alerts@example.org>";
            text.parse::<Mailbox>().map_err(|_| InvalidEmail { field, expected })
        };
        let to: Result<Vec<_>, _> = to.iter().map(|one| address("to", one)).collect();
        let (from, to) = (address("from", from)?, to?);
        if !(1..=MAX_RECEIVERS).contains(&to.len()) {
            return Err(InvalidEmail { field: "to", expected: "1 to 20 addresses" });
        }
        let port = port.unwrap_or(security.port());
        Ok(Self { host: host.to_owned(), port, security, login: None, from, to })
    }

    /// Adds a user name and a password.
    ///
    /// # Errors
    /// Fails if the connection is not encrypted.
    pub fn with_login(self, user: String, password: String) -> Result<Self, InvalidEmail> {
        if self.security == SmtpSecurity::None {
            let expected = "starttls or tls, because the password is sent over the connection";
            return Err(InvalidEmail { field: "security", expected });
        }
        Ok(Self { login: Some((user, password)), ..self })
    }
}

/// Sends messages by email.
pub(crate) struct Email {
    pub(crate) settings: EmailChannel,
    pub(crate) policy: OutboundPolicy,
    pub(crate) public_url: Option<String>,
}

#[async_trait]
impl Messenger for Email {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mail = self.mail(message).map_err(|error| SendError::new(error.to_string()))?;
        let (settings, policy) = (self.settings.clone(), self.policy);
        let sending = spawn_blocking(move || {
            let transport = settings.transport(policy)?;
            let sent = transport.send(&mail);
            sent.map(drop).map_err(|error| SendError::new(format!("SMTP: {}", chain(&error))))
        });
        // The deadline of the library is for each step of the dialogue.
        match tokio::time::timeout(SEND_TIMEOUT, sending).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(_)) => Err(SendError::new("the email was aborted")),
            Err(_) => Err(SendError::new(format!("no answer within {} s", SEND_TIMEOUT.as_secs()))),
        }
    }
}

impl Email {
    fn mail(&self, message: &Message) -> Result<lettre::Message, lettre::error::Error> {
        let domain = self.settings.from.email.domain();
        let id = format!("<{}@{domain}>", message.idempotency_key());
        let mut mail = lettre::Message::builder()
            .from(self.settings.from.clone())
            .subject(headline(message, &PLAIN))
            .message_id(Some(id))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.settings.to {
            mail = mail.to(to.clone());
        }
        let lines = describe(message, self.public_url.as_deref(), &PLAIN);
        mail.body(format!("{}\n\n{}\n", headline(message, &PLAIN), lines.join("\n")))
    }
}

impl EmailChannel {
    fn transport(&self, policy: OutboundPolicy) -> Result<SmtpTransport, SendError> {
        let refused = |error: &dyn fmt::Display| SendError::new(error.to_string());
        let addresses = policy.resolve(&self.host, self.port).map_err(|error| refused(&error))?;
        let address = addresses.first().ok_or_else(|| SendError::new("no address"))?;
        let tls = TlsParameters::new(self.host.clone());
        let tls = match self.security {
            SmtpSecurity::None => Tls::None,
            SmtpSecurity::StartTls => Tls::Required(tls.map_err(|error| refused(&error))?),
            SmtpSecurity::Tls => Tls::Wrapper(tls.map_err(|error| refused(&error))?),
        };
        let mut builder = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(self.port)
            .tls(tls)
            .timeout(Some(SEND_TIMEOUT));
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(builder.build())
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    federation_domain::error_chain(error)
}

/// Tells automatic answers, such as absence notes, not to reply.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
