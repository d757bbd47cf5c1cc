//! The query of a request, name by name.

use std::borrow::Cow;

use federation_domain::InvalidValue;

/// The pairs of a query, as they stand there. Only those that somebody asks for are decoded: others
/// are ignored, whatever they hold.
pub(super) struct Pairs<'a>(Vec<(String, &'a str)>);

impl<'a> Pairs<'a> {
    pub(super) fn of(query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let named = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decoded(name)?.into_owned(), value))
        });
        Self(named.collect())
    }

    /// All values of a parameter, in the order given.
    pub(super) fn all(&self, name: &str) -> Result<Vec<Cow<'a, str>>, InvalidValue> {
        let given = self.0.iter().filter(|(given, _)| given == name);
        given
            .map(|(_, value)| {
                let allowed = "UTF-8 in percent-encoding (%25 for a % itself)";
                decoded(value).ok_or_else(|| InvalidValue::new(name, value, allowed))
            })
            .collect()
    }

    /// The value of a parameter, if it is given. The same one twice is refused, because neither is
    /// right.
    pub(super) fn once(&self, name: &str) -> Result<Option<Cow<'a, str>>, InvalidValue> {
        let mut given = self.all(name)?;
        match given.len() {
            0 | 1 => Ok(given.pop()),
            _ => Err(InvalidValue::new(name, &given.join(", "), "a single value")),
        }
    }
}

/// Decodes the form of queries: `+` for a blank, `%` and two digits for a byte. None where that is
/// broken, or is no text.
fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => digit(bytes.next()?)? << 4 | digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(plain).ok().map(Cow::Owned)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_come_in_their_order() {
        let pairs = Pairs::of("a=1&b=x%20y+z&%61=%C3%BC&&c&=d&a");
        assert_eq!(pairs.all("a").unwrap(), ["1", "ü", ""]);
        assert_eq!(pairs.once("b").unwrap().unwrap(), "x y z");
        assert_eq!(pairs.once("c").unwrap().unwrap(), "");
        assert_eq!(pairs.once("B").unwrap(), None);
    }

    #[test]
    fn a_broken_value_is_refused_only_where_somebody_asks_for_it() {
        for broken in ["%", "%2", "%zz", "a%f", "%ff", "%C3", "%+1"] {
            let query = format!("%ff={broken}&x={broken}&a=1");
            let pairs = Pairs::of(&query);
            assert_eq!(pairs.once("a").unwrap().unwrap(), "1");
            assert_eq!(pairs.all("x").unwrap_err().field, "x", "{broken}");
        }
    }

    #[test]
    fn what_may_be_given_once_is_refused_twice() {
        let fault = Pairs::of("a=1&a=1").once("a").unwrap_err();
        assert_eq!(fault.to_string(), "a: expected a single value, got \"1, 1\"");
    }
}
