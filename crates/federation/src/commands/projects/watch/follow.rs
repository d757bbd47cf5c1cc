//! Follows the event stream and reconnects when it ends.

use std::io::{BufRead as _, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::anyhow;
use url::form_urlencoded::Serializer;

use crate::commands::events::Event;
use crate::commands::projects::client::{Client, Opened};

/// Shortest and longest pause before a reconnect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// A message from the follower to the display.
pub(super) enum Word {
    /// A stream started after this position.
    Ready(String),
    /// Everything must be read again; the stream continues after this position.
    Reset(String),
    /// A change.
    Change {
        id: String,
        /// JSON.
        data: String,
    },
    /// A keep-alive, with the position seen so far.
    Alive(Option<String>),
    /// The stream ended for this reason; the follower reconnects.
    Lost(String),
    /// The follower gave up.
    Refused(anyhow::Error),
}

impl Word {
    /// Returns the position up to which all changes were seen.
    pub(super) fn position(&self) -> Option<&str> {
        match self {
            Self::Ready(id) | Self::Reset(id) | Self::Change { id, .. } => Some(id),
            Self::Alive(id) => id.as_deref(),
            Self::Lost(_) | Self::Refused(_) => None,
        }
    }
}

/// Follows the stream from now or from a position, until the receiver is dropped.
pub(super) fn follow(client: Client, query: String, after: Option<String>) -> Receiver<Word> {
    let (sender, receiver) = channel();
    let mut follower = Follower { client, query, after, sender };
    // Reading blocks while nothing changes.
    std::thread::spawn(move || follower.run());
    receiver
}

struct Follower {
    client: Client,
    query: String,
    after: Option<String>,
    sender: Sender<Word>,
}

/// The receiver was dropped.
struct Unheard;

impl Follower {
    fn run(&mut self) {
        let mut pause = BACKOFF.0;
        loop {
            let is_first = self.after.is_none();
            let said = match self.client.open(&self.path()) {
                Ok(Opened::Stream(reader)) => {
                    pause = BACKOFF.0;
                    self.read(reader)
                }
                Ok(Opened::Refused(answer)) if is_first || answer.is_of_caller() => {
                    return drop(self.say(Word::Refused(anyhow!("{}", answer.problem()))));
                }
                Err(error) if is_first => return drop(self.say(Word::Refused(error))),
                Ok(Opened::Refused(answer)) => self.say(Word::Lost(answer.problem())),
                Err(error) => self.say(Word::Lost(format!("{error:#}"))),
            };
            if said.is_err() {
                return;
            }
            std::thread::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0));
            pause = (pause * 2).min(BACKOFF.1);
        }
    }

    fn path(&self) -> String {
        let mut query = Serializer::new(self.query.clone());
        if let Some(after) = &self.after {
            query.append_pair("last_event_id", after);
        }
        format!("/api/fed/events?{}", query.finish())
    }

    fn read(&mut self, reader: impl Read) -> Result<(), Unheard> {
        let mut block = String::new();
        for line in BufReader::new(reader).lines() {
            let Ok(line) = line else { break };
            if !line.is_empty() {
                block.push_str(&line);
                block.push('\n');
                continue;
            }
            self.say(word(&std::mem::take(&mut block)))?;
        }
        self.say(Word::Lost("the service ended the stream".to_owned()))
    }

    fn say(&mut self, word: Word) -> Result<(), Unheard> {
        if let Some(position) = word.position() {
            self.after = Some(position.to_owned());
        }
        self.sender.send(word).map_err(|_| Unheard)
    }
}

fn word(block: &str) -> Word {
    match Event::parse(block) {
        Ok(Event { id: Some(id), name, data }) => match name.as_str() {
            "ready" => Word::Ready(id),
            "reset" => Word::Reset(id),
            _ => Word::Change { id, data },
        },
        Ok(Event { id: None, .. }) => Word::Alive(None),
        Err(id) => Word::Alive(id),
    }
}
