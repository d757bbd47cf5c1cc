//! Access to query parameters by name.

use std::borrow::Cow;

use federation_domain::InvalidValue;

/// The parameters of a query. A value is decoded only when it is requested; unknown parameters are
/// ignored even if they are malformed.
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

    /// Returns all values of a parameter, in the given order.
    pub(super) fn all(&self, name: &str) -> Result<Vec<Cow<'a, str>>, InvalidValue> {
        let given = self.0.iter().filter(|(given, _)| given == name);
        given
            .map(|(_, value)| {
                let allowed = "percent-encoded UTF-8 (encode % as %25)";
                decoded(value).ok_or_else(|| InvalidValue::new(name, value, allowed))
            })
            .collect()
    }

    /// Returns the value of a parameter that may be given once. Repeating it is an error, even with
    /// the same value.
    pub(super) fn once(&self, name: &str) -> Result<Option<Cow<'a, str>>, InvalidValue> {
        let mut given = self.all(name)?;
        match given.len() {
            0 | 1 => Ok(given.pop()),
            _ => Err(InvalidValue::new(name, &given.join(", "), "a single value")),
        }
    }
}

/// Decodes `+` and percent escapes. Returns `None` if the encoding is malformed or not UTF-8.
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
    fn values_are_decoded_in_the_given_order() {
        let pairs = Pairs::of("a=1&b=x%20y+z&%61=%C3%BC&&c&=d&a");
        assert_eq!(pairs.all("a").unwrap(), ["1", "ü", ""]);
        assert_eq!(pairs.once("b").unwrap().unwrap(), "x y z");
        assert_eq!(pairs.once("c").unwrap().unwrap(), "");
        assert_eq!(pairs.once("B").unwrap(), None);
    }

    #[test]
    fn a_malformed_value_is_rejected_only_when_requested() {
        for broken in ["%", "%2", "%zz", "a%f", "%ff", "%C3", "%+1"] {
            let query = format!("%ff={broken}&x={broken}&a=1");
            let pairs = Pairs::of(&query);
            assert_eq!(pairs.once("a").unwrap().unwrap(), "1");
            assert_eq!(pairs.all("x").unwrap_err().field, "x", "{broken}");
        }
    }

    #[test]
    fn a_repeated_single_parameter_is_rejected() {
        let fault = Pairs::of("a=1&a=1").once("a").unwrap_err();
        assert_eq!(fault.to_string(), "a: expected a single value, got \"1, 1\"");
    }
}
