//! Parsers of arguments.

use std::ops::RangeInclusive;

/// Returns a parser of whole numbers in a range.
pub(crate) fn whole<T: TryFrom<u64> + Clone + Send + Sync + 'static>(
    range: RangeInclusive<u64>,
) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = text.trim().parse().ok().filter(|number| range.contains(number));
        number.and_then(|number| T::try_from(number).ok()).ok_or_else(|| {
            format!("expected a whole number from {} to {}", range.start(), range.end())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_of_the_range_is_rejected_with_the_range() {
        let parse = whole::<u32>(1..=100);
        assert_eq!(parse(" 100 "), Ok(100));
        for text in ["", "x", "0", "101", "1.5", "-1", "99999999999999999999"] {
            assert_eq!(parse(text), Err("expected a whole number from 1 to 100".to_owned()));
        }
    }
}
