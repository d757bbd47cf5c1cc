//! Checks the maintenance windows of the file.

use std::time::Duration;

use federation_application::BundledTimeZones;
use federation_domain::{
    InvalidValue as Fault, MAX_WINDOWS, MaintenanceDraft, MaintenancePlan, WeeklyDraft,
    parse_observed_at, parse_period,
};
use time::OffsetDateTime;

use super::document::WindowText;
use super::{InvalidValue, Reason, steps};

/// Parses all windows and drops duplicates. Appends invalid values to `invalid`.
pub(super) fn check(
    windows: &[WindowText],
    invalid: &mut Vec<InvalidValue>,
) -> Vec<MaintenancePlan> {
    let mut plans: Vec<MaintenancePlan> = Vec::with_capacity(windows.len().min(MAX_WINDOWS));
    let mut refuse = |field: String, fault: Fault| {
        let path = steps(&field).collect();
        let sentence = Fault { field, ..fault }.to_string();
        invalid.push(InvalidValue { path, reason: Reason::OutsideProjects(sentence) });
    };
    if windows.len() > MAX_WINDOWS {
        let given = format!("{} windows", windows.len());
        let allowed = format!("at most {MAX_WINDOWS} windows");
        refuse("maintenance".to_owned(), Fault::new("maintenance", &given, allowed));
        return plans;
    }
    for (at, window) in windows.iter().enumerate() {
        match parse(window) {
            Ok(plan) if plans.contains(&plan) => {}
            Ok(plan) => plans.push(plan),
            Err(faults) => {
                for fault in faults {
                    refuse(format!("maintenance[{at}].{}", fault.field), fault);
                }
            }
        }
    }
    plans
}

/// Parses a window. It does not depend on the time at which the file is read: without `from`, it
/// begins before any other time.
fn parse(window: &WindowText) -> Result<MaintenancePlan, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut draft = MaintenanceDraft {
        all: window.all,
        projects: window.projects.clone(),
        tags: window.tags.clone(),
        from: time("from", window.from.as_deref(), &mut faults),
        until: time("until", window.until.as_deref(), &mut faults),
        duration: duration("duration", window.duration.as_deref(), &mut faults),
        weekly: None,
        reason: window.reason.clone(),
    };
    if let Some(weekly) = &window.weekly {
        draft.weekly = Some(WeeklyDraft {
            days: weekly.days.clone(),
            at: weekly.at.clone(),
            duration: duration("weekly.duration", Some(&weekly.duration), &mut faults),
            zone: weekly.zone.clone(),
        });
    }
    if draft.duration.is_some() && draft.from.is_none() && faults.is_empty() {
        faults.push(Fault::new("from", "nothing", "the time at which the duration begins"));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    draft.parse(OffsetDateTime::UNIX_EPOCH, &BundledTimeZones)
}

fn time(field: &str, text: Option<&str>, faults: &mut Vec<Fault>) -> Option<OffsetDateTime> {
    parse_observed_at(field, text?).map_err(|fault| faults.push(fault)).ok()
}

fn duration(field: &str, text: Option<&str>, faults: &mut Vec<Fault>) -> Option<Duration> {
    let text = text?;
    let parsed = parse_period(text);
    if parsed.is_none() {
        faults.push(Fault::new(field, text, "a duration such as 90m or 2h"));
    }
    parsed
}
