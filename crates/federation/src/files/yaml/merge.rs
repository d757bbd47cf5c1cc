//! Merge keys (`<<: *base`) and `x-` keys.
//!
//! The YAML parser treats `<<` as an ordinary key. [`Merging`] sits between the parser and the types
//! of a file, so that they see merged mappings.

use std::collections::{HashSet, VecDeque};
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess};
use serde::de::{SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_yaml::Value;

const MERGE: &str = "<<";
const EXTENSION: &str = "x-";

/// Deserializer that merges mappings.
pub(super) struct Merging<D> {
    inner: D,
    is_root: bool,
}

impl<D> Merging<D> {
    /// Wraps the outermost value of a document.
    pub(super) fn root(inner: D) -> Self {
        Self { inner, is_root: true }
    }
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Merging<D> {
    type Error = D::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_any(MergingVisitor { visitor, is_root: self.is_root })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_option(MergingVisitor { visitor, is_root: self.is_root })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_ignored_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Seed for the values inside a list or a mapping.
struct MergingSeed<S>(S);

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for MergingSeed<S> {
    type Value = S::Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Merging { inner: deserializer, is_root: false })
    }
}

struct MergingVisitor<V> {
    visitor: V,
    is_root: bool,
}

impl<'de, V: Visitor<'de>> Visitor<'de> for MergingVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<V::Value, E> {
        self.visitor.visit_bool(value)
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<V::Value, E> {
        self.visitor.visit_i64(value)
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<V::Value, E> {
        self.visitor.visit_u64(value)
    }
    fn visit_i128<E: Error>(self, value: i128) -> Result<V::Value, E> {
        self.visitor.visit_i128(value)
    }
    fn visit_u128<E: Error>(self, value: u128) -> Result<V::Value, E> {
        self.visitor.visit_u128(value)
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<V::Value, E> {
        self.visitor.visit_f64(value)
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<V::Value, E> {
        self.visitor.visit_str(value)
    }
    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<V::Value, E> {
        self.visitor.visit_borrowed_str(value)
    }
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Merging { inner, is_root: self.is_root })
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(MergingList(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(MergingMap::new(map, self.is_root))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(tagged)
    }
}

struct MergingList<A>(A);

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for MergingList<A> {
    type Error = A::Error;
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(MergingSeed(seed))
    }
}

/// A mapping followed by the keys that it inherits.
struct MergingMap<A> {
    inner: A,
    is_root: bool,
    is_over: bool,
    /// Keys that were returned. They override inherited ones.
    seen: HashSet<String>,
    inherited: VecDeque<(String, Value)>,
    /// Value of the inherited key that was returned last.
    next_value: Option<Value>,
}

impl<A> MergingMap<A> {
    fn new(inner: A, is_root: bool) -> Self {
        let (seen, inherited) = (HashSet::new(), VecDeque::new());
        Self { inner, is_root, is_over: false, seen, inherited, next_value: None }
    }

    /// Returns the next inherited key with its value. The first of several mappings wins.
    fn next_inherited(&mut self) -> Option<(String, Value)> {
        while let Some((key, value)) = self.inherited.pop_front() {
            if self.seen.insert(key.clone()) {
                return Some((key, value));
            }
        }
        None
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for MergingMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let mut seed = Some(seed);
        while !self.is_over {
            let (is_root, seen) = (self.is_root, &mut self.seen);
            match self.inner.next_key_seed(KeySeed { seed: &mut seed, is_root, seen })? {
                None => self.is_over = true,
                Some(Key::Own(key)) => return Ok(Some(key)),
                Some(Key::Extension) => {
                    self.inner.next_value::<IgnoredAny>()?;
                }
                Some(Key::Merge) => {
                    let base = self.inner.next_value::<Value>()?;
                    inherit(base, &mut self.inherited).map_err(A::Error::custom)?;
                }
            }
        }
        let (Some(seed), Some((key, value))) = (seed, self.next_inherited()) else {
            return Ok(None);
        };
        self.next_value = Some(value);
        seed.deserialize(StrDeserializer::new(&key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        match self.next_value.take() {
            Some(value) => seed.deserialize(value).map_err(A::Error::custom),
            None => self.inner.next_value_seed(MergingSeed(seed)),
        }
    }
}

/// Appends the keys of a mapping, or of each mapping of a list, and then those that it inherits.
fn inherit(base: Value, keys: &mut VecDeque<(String, Value)>) -> Result<(), &'static str> {
    const EXPECTED: &str = "<<: expected a mapping or a list of mappings";
    match base {
        Value::Mapping(mapping) => {
            let mut further = Value::Sequence(Vec::new());
            for (key, value) in mapping {
                match key {
                    Value::String(key) if key == MERGE => further = value,
                    Value::String(key) => keys.push_back((key, value)),
                    _ => return Err("<<: expected a mapping whose keys are strings"),
                }
            }
            inherit(further, keys)
        }
        Value::Sequence(list) => list.into_iter().try_for_each(|base| match base {
            base @ Value::Mapping(_) => inherit(base, keys),
            _ => Err(EXPECTED),
        }),
        _ => Err(EXPECTED),
    }
}

enum Key<T> {
    Own(T),
    Merge,
    Extension,
}

/// Distinguishes merge keys and extensions from ordinary keys. The seed is left for the next key if
/// it was not used.
struct KeySeed<'a, K> {
    seed: &'a mut Option<K>,
    is_root: bool,
    seen: &'a mut HashSet<String>,
}

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for KeySeed<'_, K> {
    type Value = Key<K::Value>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, K: DeserializeSeed<'de>> Visitor<'de> for KeySeed<'_, K> {
    type Value = Key<K::Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == MERGE {
            return Ok(Key::Merge);
        }
        if self.is_root && text.starts_with(EXTENSION) {
            return Ok(Key::Extension);
        }
        self.seen.insert(text.to_owned());
        match self.seed.take() {
            Some(seed) => seed.deserialize(StrDeserializer::new(text)).map(Key::Own),
            None => Err(E::custom("the key was already read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::super::read;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        list: Vec<BTreeMap<String, i64>>,
    }

    fn maps(text: &str) -> Result<Vec<String>, String> {
        let file =
            read(text, std::marker::PhantomData::<File>).map_err(|error| error.to_string())?;
        let shown = |map: &BTreeMap<String, i64>| {
            map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
        };
        Ok(file.unwrap().list.iter().map(shown).collect())
    }

    #[test]
    fn own_keys_override_inherited_ones_wherever_the_merge_key_stands() {
        let text = "x-base: &base {a: 1, b: 2}\nlist:\n- {<<: *base, b: 3}\n- {b: 3, <<: *base}\n";
        assert_eq!(maps(text).unwrap(), ["a=1 b=3", "a=1 b=3"]);
    }

    #[test]
    fn the_first_of_several_bases_wins_and_bases_inherit_too() {
        let text = "x-a: &a {a: 1, c: 1}\nx-b: &b {<<: *a, a: 2, b: 2}\n\
                    list:\n- <<: [*b, *a]\n- <<: [*a, *b]\n- {<<: []}\n";
        assert_eq!(maps(text).unwrap(), ["a=2 b=2 c=1", "a=1 b=2 c=1", ""]);
    }

    #[test]
    fn an_entry_of_the_list_can_be_the_base_of_another() {
        assert_eq!(maps("list:\n- &a {a: 1}\n- {<<: *a, b: 2}\n").unwrap(), ["a=1", "a=1 b=2"]);
    }

    #[test]
    fn a_base_that_is_no_mapping_is_rejected() {
        for base in ["1", "[1]", "text", "~"] {
            let error = maps(&format!("list:\n- <<: {base}\n")).unwrap_err();
            assert!(error.contains("list[0]: <<: expected a mapping"), "{error}");
        }
    }

    #[test]
    fn extensions_are_ignored_in_the_outermost_mapping_only() {
        assert!(maps("x-other: [1, {a: b}]\nlist: []\nx-: null\n").unwrap().is_empty());
        let error = maps("list: []\nother: 1\n").unwrap_err();
        assert!(error.contains("unknown field `other`"), "{error}");
        let error = maps("list:\n- x-a: b\n").unwrap_err();
        assert!(error.contains("x-a"), "{error}");
    }
}
