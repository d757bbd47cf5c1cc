//! Incoming webhooks of Slack and of Mattermost.

use async_trait::async_trait;
use federation_domain::{Message, Messenger, SendError};
use serde_json::json;
use url::Url;

use crate::client::{HttpClient, Post};
use crate::text::{Syntax, describe, headline};

/// Invisible character that breaks mentions and URLs.
const ZERO_WIDTH: char = '\u{200b}';

const SYNTAX: Syntax = Syntax { escape, link: |url| format!("<{url}|Open the incident>") };

/// Sends messages to an incoming webhook.
pub(crate) struct Slack {
    pub(crate) client: HttpClient,
    pub(crate) url: Url,
    pub(crate) public_url: Option<String>,
}

#[async_trait]
impl Messenger for Slack {
    async fn send(&self, message: &Message) -> Result<(), SendError> {
        let mut lines = vec![headline(message, &SYNTAX)];
        lines.extend(describe(message, self.public_url.as_deref(), &SYNTAX));
        let body = json!({ "text": lines.join("\n"), "mrkdwn": false, "link_names": false });
        let (url, body) = (self.url.clone(), body.to_string());
        self.client.post(Post { url, headers: Vec::new(), body }).await
    }
}

/// Escapes a text so that neither Slack nor Mattermost finds mentions, links or markup in it.
///
/// Slack asks for entities of `&`, `<` and `>`. Mattermost also reads Markdown and `@` mentions, for
/// which there is no escape that Slack does not show, so those characters are replaced by similar
/// ones or broken up.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let next = text[at + c.len_utf8()..].chars().next();
        let is_inside_word = previous.is_alphanumeric() && next.is_some_and(char::is_alphanumeric);
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' | ':' => {
                escaped.push(c);
                escaped.push(ZERO_WIDTH);
            }
            '_' if is_inside_word => escaped.push(c),
            '.' if is_inside_word => {
                escaped.push(c);
                escaped.push(ZERO_WIDTH);
            }
            // The full-width forms.
            '*' | '_' | '~' | '`' | '[' | ']' | '|' | '#' | '!' | '\\' => {
                escaped.extend(char::from_u32(u32::from(c) + 0xfee0));
            }
            c => escaped.push(c),
        }
        previous = c;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_hostile_name_becomes_harmless_text() {
        for (text, escaped) in [
            (
                "<!channel> <@U123> <https://evil|ok>",
                "&lt;！channel&gt; &lt;@\u{200b}U123&gt; &lt;https:\u{200b}//evil｜ok&gt;",
            ),
            ("@all *now* `rm`", "@\u{200b}all ＊now＊ ｀rm｀"),
            ("[x](http://evil.com)", "［x］(http:\u{200b}//evil.\u{200b}com)"),
            ("my_app is_down", "my_app is_down"),
            ("_x_ ~y~ &amp;", "＿x＿ ～y～ &amp;amp;"),
            ("Straße 🦀", "Straße 🦀"),
        ] {
            assert_eq!(escape(text), escaped);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_starts_a_mention_a_link_or_markup_is_left(text in "\\PC{0,40}") {
            let escaped = escape(&text);
            for start in ["<", ">", "*", "`", "[", "|", "~", "://", "www.a"] {
                prop_assert!(!escaped.contains(start), "{escaped}");
            }
            prop_assert!(!escaped.split('@').skip(1).any(|rest| !rest.starts_with(ZERO_WIDTH)));
        }
    }
}
