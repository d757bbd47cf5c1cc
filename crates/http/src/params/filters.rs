//! Filters that lists and event streams share.

use federation_application::WantedTags;
use federation_domain::{InvalidValue, ProjectStatus};

use super::pairs::Pairs;

/// Collects the errors of several parameters instead of stopping at the first one.
pub(super) trait OrCollect<T> {
    /// Returns the value, or appends the error to `faults` and returns the default.
    fn or_collect(self, faults: &mut Vec<InvalidValue>) -> T;
}

impl<T: Default> OrCollect<T> for Result<T, InvalidValue> {
    fn or_collect(self, faults: &mut Vec<InvalidValue>) -> T {
        self.unwrap_or_else(|fault| {
            faults.push(fault);
            T::default()
        })
    }
}

/// Parses the values of `status`: repeated, comma-separated, or both.
pub(super) fn statuses(pairs: &Pairs<'_>) -> Result<Vec<ProjectStatus>, InvalidValue> {
    let given = pairs.all("status")?;
    let mut wanted = Vec::new();
    for name in given.iter().flat_map(|value| value.split(',')) {
        wanted.push(ProjectStatus::parse(name)?);
    }
    Ok(ProjectStatus::ALL.into_iter().filter(|status| wanted.contains(status)).collect())
}

pub(super) fn tags(pairs: &Pairs<'_>, name: &str) -> Result<WantedTags, InvalidValue> {
    WantedTags::parse(&pairs.all(name)?)
        .map_err(|fault| InvalidValue { field: fault.field.replacen("tags", name, 1), ..fault })
}

/// Parses a parameter whose values may be repeated, comma-separated, or both.
pub(super) fn listed<T>(
    pairs: &Pairs<'_>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, InvalidValue>,
) -> Result<Vec<T>, InvalidValue> {
    const MAX: usize = 10;
    let given = pairs.all(name)?;
    let values: Vec<&str> = given.iter().flat_map(|value| value.split(',')).collect();
    if values.len() > MAX {
        let given = format!("{} of them", values.len());
        return Err(InvalidValue::new(name, &given, format!("at most {MAX}")));
    }
    values.into_iter().map(parse).collect()
}
