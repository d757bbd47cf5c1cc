//! All keys that the service knows, some of which may be replaced while it runs.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::key::{Key, KeyDigest, id_in};

/// The longest text that is taken for a key, in bytes; what is longer is not even digested.
const MAX_KEY_BYTES: usize = 512;

/// The keys that were given at the start, and those of a file.
pub struct Keys {
    given: Vec<Arc<Key>>,
    filed: RwLock<Arc<HashMap<String, Arc<Key>>>>,
}

impl Keys {
    /// With keys of any form, which stay for as long as the service runs.
    #[must_use]
    pub fn new(given: Vec<Key>) -> Self {
        let given = given.into_iter().map(Arc::new).collect();
        Self { given, filed: RwLock::default() }
    }

    /// Puts these in the place of all keys of the file. They are found by the ids in their texts,
    /// so each must be of the form that [`spell`](super::spell) gives. Requests that come after
    /// this see the new ones alone.
    pub fn replace_filed(&self, keys: Vec<Key>) {
        let keys = keys.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect();
        *self.filed.write() = Arc::new(keys);
    }

    /// How many keys of the file there are.
    #[must_use]
    pub fn filed_count(&self) -> usize {
        self.filed.read().len()
    }

    /// The key of this text, also where it has ended or was revoked.
    ///
    /// Which ids there are is no secret. What is secret is compared in constant time, and of the
    /// given keys all are compared, so that the time does not tell which one fits.
    pub(super) fn find(&self, text: &str) -> Option<Arc<Key>> {
        if text.len() > MAX_KEY_BYTES {
            return None;
        }
        let digest = KeyDigest::of(text);
        let filed = id_in(text).and_then(|id| self.filed.read().get(id).cloned());
        let mut found = filed.filter(|key| key.digest.is(&digest));
        for key in &self.given {
            if key.digest.is(&digest) {
                found = Some(Arc::clone(key));
            }
        }
        found
    }

    /// The key that was found before, as it is now; none where there is no such key any more.
    pub(super) fn as_it_is(&self, key: &Key) -> Option<Arc<Key>> {
        let filed = self.filed.read().get(&key.id).cloned();
        let mut all = self.given.iter().chain(&filed);
        all.find(|now| now.digest.is(&key.digest)).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scope, Scopes, spell};
    use super::*;

    fn key(id: &str, text: &str) -> Key {
        Key {
            id: id.to_owned(),
            digest: KeyDigest::of(text),
            scopes: Scopes::from_iter([Scope::Admin]),
            slugs: None,
            expires: None,
            revoked: false,
        }
    }

    fn found(keys: &Keys, text: &str) -> Option<String> {
        keys.find(text).map(|key| key.id.clone())
    }

    #[test]
    fn each_of_several_keys_is_found_and_no_other() {
        let keys = Keys::new(vec![key("one", "alpha-key"), key("two", "fed_a_b")]);
        assert_eq!(found(&keys, "alpha-key").unwrap(), "one");
        assert_eq!(found(&keys, "fed_a_b").unwrap(), "two");
        for wrong in ["", "alpha-ke", "alpha-key ", "Alpha-key", "fed_a_c", &"x".repeat(100_000)] {
            assert_eq!(found(&keys, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_of_a_file_are_replaced_as_a_whole_and_given_ones_stay() {
        let keys = Keys::new(vec![key("given", "alpha-key")]);
        let (old, new) = (spell("a1", b"old"), spell("b2", b"new"));
        keys.replace_filed(vec![key("a1", &old)]);
        assert_eq!(found(&keys, &old).unwrap(), "a1");
        assert_eq!(found(&keys, &spell("a1", b"other")), None, "the id alone is not the key");
        keys.replace_filed(vec![key("b2", &new)]);
        assert_eq!((found(&keys, &old), found(&keys, &new)), (None, Some("b2".to_owned())));
        assert_eq!(found(&keys, "alpha-key").unwrap(), "given");
    }
}
