use std::borrow::Cow;
use std::cmp::Ordering;

use federation_domain::{InvalidValue, Project, ProjectId, ProjectStatus};
use time::OffsetDateTime;

/// Sort order of a list. Ties are broken by ascending id, and projects without a value come last,
/// in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sort {
    /// Value to sort by.
    pub key: SortKey,
    /// Lists the greatest value first.
    pub descending: bool,
}

/// Value by which projects can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    /// The id.
    #[default]
    Id,
    /// The slug, by character.
    Slug,
    /// The name, by character: `Z` comes before `a`.
    Name,
    /// The status, the best one first.
    Status,
    /// Time of the last logged change.
    UpdatedAt,
    /// Time of the newest heartbeat.
    LastHeartbeatAt,
    /// Time of the first registration.
    CreatedAt,
}

impl SortKey {
    /// All keys.
    pub const ALL: [Self; 7] = [
        Self::Id,
        Self::Slug,
        Self::Name,
        Self::Status,
        Self::UpdatedAt,
        Self::LastHeartbeatAt,
        Self::CreatedAt,
    ];

    /// Name of the key in the API.
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

/// Value of a project for a [`SortKey`], which determines the variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortValue<'a> {
    /// No value besides the id, which each position has.
    Id,
    /// A slug or a name.
    Text(Cow<'a, str>),
    /// A status.
    Status(ProjectStatus),
    /// A time, if there was one.
    Time(Option<OffsetDateTime>),
    /// The risk or a key figure, if it is known. No [`SortKey`] has it; see
    /// [`FigureSort`](crate::FigureSort).
    Figure(Option<Figure>),
}

/// A number in total order.
#[derive(Debug, Clone, Copy)]
pub struct Figure(f64);

impl Figure {
    /// Creates a figure.
    #[must_use]
    pub fn new(value: f64) -> Self {
        Self(value)
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Ord for Figure {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Figure {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Figure {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Figure {}

/// Position of a project in a sorted list. The project need not exist any more.
///
/// A list continues after a position, not after a number of projects. So a project that does not
/// change is neither repeated nor skipped, even if other projects change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Value of the project at that time.
    pub value: SortValue<'static>,
    /// Id of the project.
    pub id: ProjectId,
}

impl Sort {
    /// Parses a key, with a leading `-` for descending order: `name`, `-updated_at`.
    ///
    /// # Errors
    /// If there is no such key.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let key = SortKey::ALL.into_iter().find(|key| key.as_str() == name);
        key.map(|key| Self { key, descending }).ok_or_else(|| {
            let names = SortKey::ALL.map(SortKey::as_str).join(", ");
            let allowed = format!("one of {names}, with - in front for descending");
            InvalidValue::new("sort", text, allowed)
        })
    }

    /// Returns `true` if the position can belong to a list in this order.
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

    /// Position of a project in this order.
    #[must_use]
    pub fn position(self, project: &Project) -> Position {
        let value = match self.value(project) {
            SortValue::Id => SortValue::Id,
            SortValue::Text(text) => SortValue::Text(Cow::Owned(text.into_owned())),
            SortValue::Status(status) => SortValue::Status(status),
            SortValue::Time(time) => SortValue::Time(time),
            SortValue::Figure(figure) => SortValue::Figure(figure),
        };
        Position { value, id: project.id }
    }

    /// Returns `true` if the project comes after the position.
    #[must_use]
    pub fn is_after(self, project: &Project, position: &Position) -> bool {
        let place = (&self.value(project), project.id);
        self.order(place, (&position.value, position.id)).is_gt()
    }

    /// Compares two projects in this order.
    #[must_use]
    pub fn compare(self, one: &Project, other: &Project) -> Ordering {
        self.order((&self.value(one), one.id), (&self.value(other), other.id))
    }

    /// Compares two positions in this order.
    pub(super) fn compare_positions(self, one: &Position, other: &Position) -> Ordering {
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
            // Values of different kinds have no order. `has` keeps them apart.
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
    fn every_key_parses_from_its_name() {
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
    fn ties_are_broken_by_id_in_both_directions() {
        let projects = || vec![project(3), project(1), project(2)];
        assert_eq!(sorted("created_at", projects()), [1, 2, 3]);
        assert_eq!(sorted("-created_at", projects()), [1, 2, 3]);
        assert_eq!(sorted("-id", projects()), [3, 2, 1]);
    }

    #[test]
    fn projects_that_were_never_heard_come_last_in_both_directions() {
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
    fn a_position_belongs_to_its_own_order_only() {
        for key in SortKey::ALL {
            let sort = Sort { key, descending: true };
            let position = sort.position(&project(1));
            assert!(sort.has(&position) && !sort.is_after(&project(1), &position));
            let id = Sort::default();
            assert_eq!(id.has(&position), key == SortKey::Id);
        }
    }
}
