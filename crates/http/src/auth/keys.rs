//! All keys of the service. Keys from the file can be replaced at run time.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

use super::key::{Key, KeyDigest, id_in};

/// Maximum length of a key. Longer texts are rejected without computing a digest.
const MAX_KEY_BYTES: usize = 512;

/// The keys from the settings and those from the file.
pub struct Keys {
    given: Vec<Arc<Key>>,
    filed: RwLock<Arc<HashMap<String, Arc<Key>>>>,
}

impl Keys {
    /// Creates the set with keys from the settings. They may have any format and never change.
    #[must_use]
    pub fn new(given: Vec<Key>) -> Self {
        let given = given.into_iter().map(Arc::new).collect();
        Self { given, filed: RwLock::default() }
    }

    /// Replaces all keys from the file. Subsequent requests see only the new ones.
    ///
    /// The keys are looked up by the ids in their texts, so each must have the format of
    /// [`format_key`](super::format_key).
    pub fn replace_filed(&self, keys: Vec<Key>) {
        let keys = keys.into_iter().map(|key| (key.id.clone(), Arc::new(key))).collect();
        *self.filed.write() = Arc::new(keys);
    }

    /// Returns the number of keys from the file.
    #[must_use]
    pub fn filed_count(&self) -> usize {
        self.filed.read().len()
    }

    /// Finds the key with this text, even if it has expired or was revoked. `Auth::admit`
    /// decides if it is valid.
    ///
    /// Ids are not secret. Digests are compared in constant time, and all keys from the settings
    /// are compared, so that the time does not reveal which one matches.
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

    /// Returns the keys with this id, even if they have expired or were revoked.
    pub(super) fn of_id(&self, id: &str) -> Vec<Arc<Key>> {
        let filed = self.filed.read().get(id).cloned();
        self.given.iter().filter(|key| key.id == id).cloned().chain(filed).collect()
    }

    /// Returns the key with this id, even if it has expired or was revoked. A key from the file wins.
    pub(super) fn by_id(&self, id: &str) -> Option<Arc<Key>> {
        self.of_id(id).pop()
    }

    /// Returns the current state of a key that was found earlier, or `None` if it no longer exists.
    pub(super) fn current(&self, key: &Key) -> Option<Arc<Key>> {
        let filed = self.filed.read().get(&key.id).cloned();
        let mut all = self.given.iter().chain(&filed);
        all.find(|now| now.digest.is(&key.digest)).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::format_key;
    use super::super::scope::{Scope, Scopes};
    use super::*;

    fn key(id: &str, text: &str) -> Key {
        Key {
            id: id.to_owned(),
            digest: KeyDigest::of(text),
            scopes: Scopes::from_iter([Scope::Admin]),
            slugs: None,
            actions: None,
            expires: None,
            revoked: false,
        }
    }

    fn found(keys: &Keys, text: &str) -> Option<String> {
        keys.find(text).map(|key| key.id.clone())
    }

    #[test]
    fn each_configured_key_is_found_and_no_other() {
        let keys = Keys::new(vec![key("one", "alpha-key"), key("two", "fed_a_b")]);
        assert_eq!(found(&keys, "alpha-key").unwrap(), "one");
        assert_eq!(found(&keys, "fed_a_b").unwrap(), "two");
        for wrong in ["", "alpha-ke", "alpha-key ", "Alpha-key", "fed_a_c", &"x".repeat(100_000)] {
            assert_eq!(found(&keys, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn keys_from_the_file_are_replaced_as_a_whole_and_others_stay() {
        let keys = Keys::new(vec![key("given", "alpha-key")]);
        let (old, new) = (format_key("a1", b"old"), format_key("b2", b"new"));
        keys.replace_filed(vec![key("a1", &old)]);
        assert_eq!(found(&keys, &old).unwrap(), "a1");
        assert_eq!(found(&keys, &format_key("a1", b"other")), None, "the id alone is not the key");
        keys.replace_filed(vec![key("b2", &new)]);
        assert_eq!((found(&keys, &old), found(&keys, &new)), (None, Some("b2".to_owned())));
        assert_eq!(found(&keys, "alpha-key").unwrap(), "given");
    }
}
