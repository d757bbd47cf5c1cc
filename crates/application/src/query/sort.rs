use std::borrow::Cow;
use std::cmp::Ordering;

use federation_domain::{InvalidValue, Project, ProjectId, ProjectStatus};
use time::OffsetDateTime;

/// By what a list is in order. What is equal in it is by id, and who has no value comes last, in
/// both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// The value that counts.
    pub key: SortKey,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// What projects can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// The number.
    #[default]
    Id,
    /// The slug, by character.
    Slug,
    /// The name, by character: `Z` is before `a`.
    Name,
    /// The status, the best one first.
    Status,
    /// When the last logged change happened.
    UpdatedAt,
    /// When the newest heartbeat arrived.
    LastHeartbeatAt,
    /// When the project was first registered.
    CreatedAt,
}

impl SortKey {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Id,
        Self::Slug,
        Self::Name,
        Self::Status,
        Self::UpdatedAt,
        Self::LastHeartbeatAt,
        Self::CreatedAt,
    ];

    /// The name, as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Slug => "slug",
            Self::Name => "name",
            Self::Status => "status",
            Self::UpdatedAt => "updated_at",
            Self::LastHeartbeatAt => "last_heartbeat_at",
            Self::CreatedAt => "created_at",
        }
    }
}

/// The value of a project by which it has its place; of which kind, the key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue<'a> {
    /// The id alone, which each position has.
    Id,
    /// A slug or a name.
    Text(Cow<'a, str>),
    /// A status.
    Status(ProjectStatus),
    /// A moment, if there was one.
    Time(Option<OffsetDateTime>),
}

/// A place in a sorted list: that of a project, which need not be there any more. A list goes on
/// after it as if it were: whatever comes and goes, a project that stays as it is is neither shown
/// twice nor left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The value by which the project had its place.
    pub value: SortValue<'static>,
    /// Its id.
    pub id: ProjectId,
}

impl Sort {
    /// Parses a key, with `-` in front for the greatest first: `name`, `-updated_at`.
    ///
    /// # Errors
    /// When there is no such key.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let key = SortKey::ALL.into_iter().find(|key| key.as_str() == name);
        key.map(|key| Self { key, descending }).ok_or_else(|| {
            let names = SortKey::ALL.map(SortKey::as_str).join(", ");
            let allowed = format!("one of {names}, with - in front for descending");
            InvalidValue::new("sort", text, allowed)
        })
    }

    /// Whether the position can be one of a list in this order.
    #[must_use]
    pub fn has(self, position: &Position) -> bool {
        use SortKey::{CreatedAt, Id, LastHeartbeatAt, Name, Slug, Status, UpdatedAt};
        matches!(
            (self.key, &position.value),
            (Id, SortValue::Id)
                | (Slug | Name, SortValue::Text(_))
                | (Status, SortValue::Status(_))
                | (LastHeartbeatAt, SortValue::Time(_))
                | (UpdatedAt | CreatedAt, SortValue::Time(Some(_)))
        )
    }

    /// Where the project has its place.
    #[must_use]
    pub fn position(self, project: &Project) -> Position {
        let value = match self.value(project) {
            SortValue::Id => SortValue::Id,
            SortValue::Text(text) => SortValue::Text(Cow::Owned(text.into_owned())),
            SortValue::Status(status) => SortValue::Status(status),
            SortValue::Time(time) => SortValue::Time(time),
        };
        Position { value, id: project.id }
    }

    /// Whether the project comes after the position.
    #[must_use]
    pub fn is_after(self, project: &Project, position: &Position) -> bool {
        let place = (&self.value(project), project.id);
        self.order(place, (&position.value, position.id)).is_gt()
    }

    /// Which of two projects comes first.
    #[must_use]
    pub fn compare(self, one: &Project, other: &Project) -> Ordering {
        self.order((&self.value(one), one.id), (&self.value(other), other.id))
    }

    /// Which of two places comes first.
    pub(super) fn compare_places(self, one: &Position, other: &Position) -> Ordering {
        self.order((&one.value, one.id), (&other.value, other.id))
    }

    fn value(self, project: &Project) -> SortValue<'_> {
        match self.key {
            SortKey::Id => SortValue::Id,
            SortKey::Slug => SortValue::Text(Cow::Borrowed(project.slug.as_str())),
            SortKey::Name => SortValue::Text(Cow::Borrowed(project.name.as_str())),
            SortKey::Status => SortValue::Status(project.status),
            SortKey::UpdatedAt => SortValue::Time(Some(project.updated_at)),
            SortKey::LastHeartbeatAt => SortValue::Time(project.last_heartbeat_at),
            SortKey::CreatedAt => SortValue::Time(Some(project.created_at)),
        }
    }

    fn order(
        self,
        (one, one_id): (&SortValue<'_>, ProjectId),
        (other, other_id): (&SortValue<'_>, ProjectId),
    ) -> Ordering {
        let by_id = one_id.cmp(&other_id);
        let is_absent = |value: &SortValue<'_>| *value == SortValue::Time(None);
        let by_value = match (one, other) {
            (SortValue::Id, SortValue::Id) => by_id,
            (SortValue::Text(one), SortValue::Text(other)) => one.cmp(other),
            (SortValue::Status(one), SortValue::Status(other)) => one.cmp(other),
            (SortValue::Time(one), SortValue::Time(other)) => one.cmp(other),
            // Two kinds of value have no order; `has` keeps them apart.
            _ => Ordering::Equal,
        };
        is_absent(one)
            .cmp(&is_absent(other))
            .then(if self.descending { by_value.reverse() } else { by_value })
            .then(by_id)
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;
    use crate::testing::{CREATED_AT, project};

    /// The ids in the order of this sort.
    fn sorted(by: &str, mut projects: Vec<Project>) -> Vec<i64> {
        let sort = Sort::parse(by).unwrap();
        projects.sort_by(|one, other| sort.compare(one, other));
        projects.iter().map(|project| project.id.0).collect()
    }

    #[test]
    fn every_key_is_spelled_as_it_is_parsed() {
        for key in SortKey::ALL {
            let name = key.as_str();
            assert_eq!(Sort::parse(name).unwrap(), Sort { key, descending: false });
            assert_eq!(Sort::parse(&format!("-{name}")).unwrap(), Sort { key, descending: true });
        }
        for bad in ["", "-", "--id", "+id", "ID", "id ", "tags"] {
            assert_eq!(Sort::parse(bad).unwrap_err().field, "sort", "{bad}");
        }
    }

    #[test]
    fn what_is_equal_is_by_id_in_both_directions() {
        let projects = || vec![project(3), project(1), project(2)];
        assert_eq!(sorted("created_at", projects()), [1, 2, 3]);
        assert_eq!(sorted("-created_at", projects()), [1, 2, 3]);
        assert_eq!(sorted("-id", projects()), [3, 2, 1]);
    }

    #[test]
    fn who_was_never_heard_comes_last_in_both_directions() {
        let heard = |id, second| {
            let at = Some(CREATED_AT + Duration::seconds(second));
            Project { last_heartbeat_at: at, ..project(id) }
        };
        let projects = || vec![project(1), heard(2, 9), heard(3, 5), project(4)];
        assert_eq!(sorted("last_heartbeat_at", projects()), [3, 2, 1, 4]);
        assert_eq!(sorted("-last_heartbeat_at", projects()), [2, 3, 1, 4]);
    }

    #[test]
    fn the_best_status_comes_first() {
        use ProjectStatus::{Degraded, Online};
        let projects = || {
            let status = |id, status| Project { status, ..project(id) };
            vec![project(1), status(2, Degraded), status(3, Online)]
        };
        assert_eq!(sorted("status", projects()), [3, 2, 1]);
        assert_eq!(sorted("-status", projects()), [1, 2, 3]);
    }

    #[test]
    fn a_position_is_one_of_its_own_order_and_of_no_other() {
        for key in SortKey::ALL {
            let sort = Sort { key, descending: true };
            let position = sort.position(&project(1));
            assert!(sort.has(&position) && !sort.is_after(&project(1), &position));
            let id = Sort::default();
            assert_eq!(id.has(&position), key == SortKey::Id);
        }
    }
}
