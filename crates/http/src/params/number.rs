//! Numeric query parameters.

use std::ops::RangeInclusive;

use federation_domain::InvalidValue;

use super::pairs::Pairs;

pub(super) fn number(
    pairs: &Pairs<'_>,
    name: &str,
    range: RangeInclusive<i64>,
    allowed: &str,
) -> Result<Option<i64>, InvalidValue> {
    let Some(text) = pairs.once(name)? else { return Ok(None) };
    parse_number(name, &text, range, allowed).map(Some)
}

pub(super) fn parse_number(
    name: &str,
    text: &str,
    range: RangeInclusive<i64>,
    allowed: &str,
) -> Result<i64, InvalidValue> {
    // `str::parse` also accepts a sign.
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_digits && range.contains(number));
    number.ok_or_else(|| InvalidValue::new(name, text, allowed))
}
