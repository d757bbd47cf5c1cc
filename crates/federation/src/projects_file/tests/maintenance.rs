use time::macros::datetime;

use super::{problems, project};

#[test]
fn a_window_has_the_keys_of_the_api() {
    let text = format!(
        "projects:\n{}maintenance:
  - projects: [a]
    from: 2026-12-01T22:00:00Z
    duration: 2h
    reason: new disks
  - tags: [db]
    weekly: {{days: [sat, sun], at: 02:30, duration: 90m, zone: Europe/Berlin}}
    reason: backups
  - {{all: true, until: 2026-12-01T22:00:00Z, reason: move}}
  - {{all: true, until: 2026-12-01T22:00:00Z, reason: move}}
",
        project("a")
    );
    let list = super::super::parse("p.yaml", text.as_bytes()).unwrap().unwrap();
    let [disks, backups, last] = &list.maintenance[..] else { panic!("{:?}", list.maintenance) };
    assert_eq!(disks.until, Some(datetime!(2026-12-02 00:00 UTC)));
    assert!(backups.weekly.is_some() && backups.until.is_none(), "{backups:?}");
    assert!(last.all && last.reason == "move", "a window that stands twice counts once");
}

#[test]
fn an_invalid_window_is_reported_at_its_own_line() {
    let text = "projects: []
maintenance:
  - projects: [A]
    until: tomorrow
    reason: x
  - {all: true, duration: 2h, reason: x}
  - all: true
    reason: x
    weekly: {days: [sat], at: 02:30, duration: 2h, zone: Mars}
";
    let starts = [
        "p.yaml:4:12: maintenance[0].until: expected",
        "p.yaml:6:5: maintenance[1].from: expected the time at which the duration begins",
        "p.yaml:9:58: maintenance[2].weekly.zone: expected",
    ];
    let found = problems(text);
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (fault, start) in found.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
    let unknown = problems("projects: []\nmaintenance:\n  - {all: true, why: x}\n");
    assert!(unknown[0].contains("unknown field `why`"), "{unknown:?}");
}
