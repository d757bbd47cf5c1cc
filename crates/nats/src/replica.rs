use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// Which running process of the service speaks: a number drawn anew at each start, so that a
/// process knows its own messages again. Written as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplicaId(u64);

impl ReplicaId {
    /// Draws one.
    #[must_use]
    pub fn random() -> Self {
        // Seeded by the operating system. `fastrand` is seeded by the time since the machine
        // started, and replicas may be on machines that start together.
        Self(RandomState::new().hash_one(0))
    }

    /// Parses exactly what is written; none where the text is anything else.
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
    fn no_two_replicas_are_alike() {
        assert_ne!(ReplicaId::random(), ReplicaId::random());
    }

    #[test]
    fn what_is_written_is_parsed_and_nothing_else() {
        for id in [ReplicaId(0), ReplicaId(u64::MAX), ReplicaId::random()] {
            assert_eq!(ReplicaId::parse(&id.to_string()), Some(id));
        }
        for bad in ["", "0", "+000000000000001", "000000000000000G", "000000000000000A", "00000"] {
            assert_eq!(ReplicaId::parse(bad), None, "{bad:?}");
        }
    }
}
