//! Maintenance windows in the file.

use serde::Deserialize;

/// A window before its values are parsed.
#[derive(Debug, Default, Deserialize)]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a mapping with the fields of a maintenance window"
)]
pub(in crate::projects_file) struct WindowText {
    pub(in crate::projects_file) all: bool,
    pub(in crate::projects_file) projects: Vec<String>,
    pub(in crate::projects_file) tags: Vec<String>,
    pub(in crate::projects_file) from: Option<String>,
    pub(in crate::projects_file) until: Option<String>,
    pub(in crate::projects_file) duration: Option<String>,
    pub(in crate::projects_file) weekly: Option<WeeklyText>,
    pub(in crate::projects_file) reason: String,
}

/// A weekly recurrence before its values are parsed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a mapping with days, at, duration and zone")]
pub(in crate::projects_file) struct WeeklyText {
    pub(in crate::projects_file) days: Vec<String>,
    pub(in crate::projects_file) at: String,
    pub(in crate::projects_file) duration: String,
    pub(in crate::projects_file) zone: String,
}
