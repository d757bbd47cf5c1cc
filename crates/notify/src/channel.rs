//! Channels as they are configured.

use std::sync::Arc;

use federation_domain::{Clock, Messenger};
use url::Url;

use crate::alertmanager::{Alertmanager, alerts_url};
use crate::client::HttpClient;
use crate::email::{Email, EmailChannel};
use crate::outbound::OutboundPolicy;
use crate::signature::WebhookSecret;
use crate::slack::Slack;
use crate::webhook::Webhook;

/// A channel as it is configured.
#[derive(Debug, Clone)]
pub enum Channel {
    /// A webhook with signatures.
    Webhook {
        /// URL of the receiver.
        url: Url,
        /// Secret of the signature. Without one, messages are not signed.
        secret: Option<WebhookSecret>,
    },
    /// An Alertmanager.
    Alertmanager {
        /// URL of the Alertmanager, without the path of its API.
        url: Url,
    },
    /// An incoming webhook of Slack or Mattermost.
    Slack {
        /// URL of the webhook, which is a secret.
        url: Url,
    },
    /// Email.
    Email(EmailChannel),
}

/// What channels need.
#[derive(Clone)]
pub struct ChannelDeps {
    /// Source of time.
    pub clock: Arc<dyn Clock>,
    /// Address of the service for links.
    pub public_url: Option<String>,
    /// Rules for connections.
    pub policy: OutboundPolicy,
}

impl Channel {
    /// Creates the messenger of the channel.
    #[must_use]
    pub fn messenger(self, deps: &ChannelDeps) -> Arc<dyn Messenger> {
        let ChannelDeps { clock, public_url, policy } = deps.clone();
        let client = || HttpClient::new(policy);
        match self {
            Self::Webhook { url, secret } => {
                Arc::new(Webhook { client: client(), url, secret, public_url, clock })
            }
            Self::Alertmanager { url } => {
                let url = alerts_url(&url);
                Arc::new(Alertmanager { client: client(), url, public_url, clock })
            }
            Self::Slack { url } => Arc::new(Slack { client: client(), url, public_url }),
            Self::Email(settings) => Arc::new(Email { settings, policy, public_url }),
        }
    }
}
