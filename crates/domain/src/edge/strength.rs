//! Strength of edges.

use std::cmp::Ordering;
use std::fmt;

use crate::InvalidValue;

/// Strength of an edge, from 0 to 1. The default is 0.5.
#[derive(Debug, Clone, Copy)]
pub struct Strength(f64);

impl Strength {
    /// The strongest edge.
    pub const FULL: Self = Self(1.0);

    /// Creates a strength.
    ///
    /// # Errors
    /// Fails if the number is not between 0 and 1, or not a number.
    pub fn new(strength: f64) -> Result<Self, InvalidValue> {
        if (0.0..=1.0).contains(&strength) {
            // Adding zero turns a negative zero into the positive one.
            Ok(Self(strength + 0.0))
        } else {
            Err(InvalidValue::new("strength", &strength.to_string(), "a number from 0 to 1"))
        }
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Default for Strength {
    fn default() -> Self {
        Self(0.5)
    }
}

impl PartialEq for Strength {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Strength {}

impl PartialOrd for Strength {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Strength {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strength_is_a_number_from_0_to_1() {
        for good in [0.0, 0.25, 1.0] {
            assert_eq!(Strength::new(good).unwrap().get(), good);
        }
        for bad in [-0.001, 1.001, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Strength::new(bad).unwrap_err().field, "strength", "{bad}");
        }
    }

    #[test]
    fn a_negative_zero_is_zero() {
        let zero = Strength::new(-0.0).unwrap();
        assert_eq!((zero, zero.to_string()), (Strength::new(0.0).unwrap(), "0".to_owned()));
    }
}
