use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Identifies a running process of the service, so that it can recognise its own messages.
///
/// Drawn at random at each start and written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// Draws a random id.
    #[must_use]
    pub fn random() -> Self {
        // Seeded by the operating system. `fastrand` is seeded by the time since boot, and replicas
        // may run on machines that boot together.
        Self(RandomState::new().hash_one(0))
    }

    /// Parses the [`Display`](fmt::Display) form. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_id = text.len() == 16 && text.bytes().all(is_digit);
        is_id.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_replicas_have_different_ids() {
        assert_ne!(ReplicaId::random(), ReplicaId::random());
    }

    #[test]
    fn only_the_written_form_is_parsed() {
        for id in [ReplicaId(0), ReplicaId(u64::MAX), ReplicaId::random()] {
            assert_eq!(ReplicaId::parse(&id.to_string()), Some(id));
        }
        for bad in ["", "0", "+000000000000001", "000000000000000G", "000000000000000A", "00000"] {
            assert_eq!(ReplicaId::parse(bad), None, "{bad:?}");
        }
    }
}
