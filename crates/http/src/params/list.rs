//! Query parameters of lists.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use federation_application::{
    FigureQuery, FigureSort, Position, ProjectFilter, ProjectQuery, SearchText, Sort,
};
use federation_domain::{InvalidValue, ProjectStatus};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::form_urlencoded::Serializer;

use super::cursor;
use super::filters::{OrCollect as _, statuses, tags};
use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;
use crate::wire::project::fields::Fields;

/// Filter, order, page and fields of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListQuery {
    pub(crate) projects: ProjectQuery,
    /// Order and filter by the risk and by key figures. With it, the order of `projects` is the default.
    pub(crate) figures: FigureQuery,
    pub(crate) fields: Fields,
    pub(crate) include: Include,
    /// Maximum number of projects on a page. `None` returns the whole list.
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<Position>,
    /// The parameters of `projects` in normal form, for links and cursors.
    selection: String,
}

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()).map_err(ApiError::Invalid))
    }
}

impl ListQuery {
    /// Returns the query for all fields of all projects, or of those with this status.
    pub(crate) fn of_status(status: Option<ProjectStatus>) -> Self {
        let filter = ProjectFilter::of_status(status);
        Self { projects: ProjectQuery { filter, ..ProjectQuery::default() }, ..Self::default() }
    }

    /// Returns the status if the query is that of [`of_status`](Self::of_status): `Some(None)` for
    /// all projects, and `None` for any other query.
    pub(crate) fn plain_status(&self) -> Option<Option<ProjectStatus>> {
        let status = match self.projects.filter.statuses[..] {
            [] => None,
            [status] => Some(status),
            _ => return None,
        };
        let is_plain = self.limit.is_none()
            && self.after.is_none()
            && self.fields == Fields::default()
            && self.include == Include::default()
            && self.figures.is_empty()
            && self.projects == Self::of_status(status).projects;
        is_plain.then_some(status)
    }

    /// Returns the header `Link` of a page whose successor starts after `next`.
    pub(crate) fn link(&self, next: Option<&Position>) -> Option<String> {
        self.limit?;
        let first = format!("<{}>; rel=\"first\"", self.url(None));
        Some(match next {
            Some(next) => format!("<{}>; rel=\"next\", {first}", self.url(Some(next))),
            None => first,
        })
    }

    fn url(&self, after: Option<&Position>) -> String {
        let mut query = Serializer::new(self.selection.clone());
        if let Some(names) = self.fields.names() {
            query.append_pair("fields", &names);
        }
        if let Some(names) = self.include.names() {
            query.append_pair("include", &names);
        }
        if let Some(limit) = self.limit {
            query.append_pair("limit", &limit.to_string());
        }
        if let Some(after) = after {
            query.append_pair("cursor", &cursor::encode(after, &self.selection));
        }
        format!("/api/fed/projects?{}", query.finish())
    }

    /// Parses the filter.
    pub(super) fn filter(pairs: &Pairs<'_>, faults: &mut Vec<InvalidValue>) -> ProjectFilter {
        ProjectFilter {
            statuses: statuses(pairs).or_collect(faults),
            all_tags: tags(pairs, "tag").or_collect(faults),
            any_tags: tags(pairs, "any_tag").or_collect(faults),
            text: text(pairs).or_collect(faults),
            updated_since: moment(pairs).or_collect(faults),
        }
    }

    /// Reports every invalid parameter.
    pub(crate) fn parse(query: &str) -> Result<Self, Vec<InvalidValue>> {
        let pairs = Pairs::of(query);
        let mut faults = Vec::new();
        let filter = Self::filter(&pairs, &mut faults);
        let (sort, by_figure) = sort(&pairs).or_collect(&mut faults);
        let min_risk = number(&pairs, "min_risk", 0..=100, "a whole number from 0 to 100");
        let min_risk = min_risk.or_collect(&mut faults).and_then(|risk| u32::try_from(risk).ok());
        let figures = FigureQuery { sort: by_figure, min_risk };
        let limit = number(&pairs, "limit", 1..=1000, "a whole number from 1 to 1000");
        let limit = limit.or_collect(&mut faults);
        let fields = fields(&pairs).or_collect(&mut faults);
        let include = Include::of(&pairs).or_collect(&mut faults);
        let projects = ProjectQuery { filter, sort };
        let selection = selection(&projects, &pairs);
        let after = match pairs.once("cursor") {
            // An invalid query cannot be compared with that of the cursor.
            Ok(Some(cursor)) if faults.is_empty() => {
                let fits = |position: &Position| {
                    if figures.is_empty() { sort.has(position) } else { figures.has(position) }
                };
                cursor::decode(&cursor, &selection, fits).map(Some)
            }
            given => given.map(|_| None),
        };
        let after = after.or_collect(&mut faults);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        if min_risk.is_some() && by_figure.is_none() && sort != Sort::default() {
            let allowed = "id, risk or a key figure together with min_risk";
            faults.push(InvalidValue::new("sort", sort.key.as_str(), allowed));
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self { projects, figures, fields, include, limit, after, selection })
    }
}

/// The parameter `fields`.
#[derive(Debug)]
pub(crate) struct FieldsParam(pub(crate) Fields);

impl FromRequest for FieldsParam {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let fields = fields(&Pairs::of(request.query_string()));
        ready(fields.map(Self).map_err(|fault| ApiError::Invalid(vec![fault])))
    }
}

fn text(pairs: &Pairs<'_>) -> Result<Option<SearchText>, InvalidValue> {
    let text = pairs.once("q")?.map(|text| SearchText::parse(&text)).transpose();
    text.map_err(|fault| InvalidValue { field: "q".to_owned(), ..fault })
}

fn moment(pairs: &Pairs<'_>) -> Result<Option<OffsetDateTime>, InvalidValue> {
    const NAME: &str = "updated_since";
    let Some(text) = pairs.once(NAME)? else { return Ok(None) };
    let moment = OffsetDateTime::parse(&text, &Rfc3339);
    moment.map(Some).map_err(|_| {
        let allowed = "an RFC 3339 time with a zone, such as 2026-11-23T14:41:13Z or \
                       2026-11-23T15:41:13.5+01:00 (encode + as %2B)";
        InvalidValue::new(NAME, &text, allowed)
    })
}

fn sort(pairs: &Pairs<'_>) -> Result<(Sort, Option<FigureSort>), InvalidValue> {
    let Some(text) = pairs.once("sort")? else { return Ok(Default::default()) };
    if let Some(by_figure) = FigureSort::parse(&text)? {
        return Ok((Sort::default(), Some(by_figure)));
    }
    let sort = Sort::parse(&text).map_err(|fault| {
        let others = "one of risk, kpis.coverage_percent and the like, ";
        let allowed = fault.allowed.replacen("one of ", others, 1);
        InvalidValue { allowed, ..fault }
    });
    sort.map(|sort| (sort, None))
}

fn fields(pairs: &Pairs<'_>) -> Result<Fields, InvalidValue> {
    pairs.once("fields")?.map_or_else(|| Ok(Fields::default()), |text| Fields::parse(&text))
}

/// The parameter `include`: keys that are added to each project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Include {
    /// Facts about the instance.
    pub(crate) instance: bool,
    /// Key figures and the risk.
    pub(crate) kpis: bool,
}

impl Include {
    /// The values of the parameter.
    pub(crate) const NAMES: [&str; 2] = ["instance", "kpis"];

    fn of(pairs: &Pairs<'_>) -> Result<Self, InvalidValue> {
        let mut include = Self::default();
        let Some(text) = pairs.once("include")? else { return Ok(include) };
        for name in text.split(',') {
            match name {
                "instance" => include.instance = true,
                "kpis" => include.kpis = true,
                other => {
                    return Err(InvalidValue::new("include", other, "instance, kpis or both"));
                }
            }
        }
        Ok(include)
    }

    fn names(self) -> Option<String> {
        let given = [self.instance, self.kpis];
        let names = Self::NAMES.into_iter().zip(given).filter(|(_, given)| *given);
        let names: Vec<&str> = names.map(|(name, _)| name).collect();
        (!names.is_empty()).then(|| names.join(","))
    }
}

/// Encodes the filter and sort parameters in a fixed order.
fn selection(query: &ProjectQuery, pairs: &Pairs<'_>) -> String {
    let mut selection = Serializer::new(String::new());
    let statuses: Vec<&str> = query.filter.statuses.iter().map(|status| status.as_str()).collect();
    if !statuses.is_empty() {
        selection.append_pair("status", &statuses.join(","));
    }
    for name in ["tag", "any_tag", "q", "updated_since", "min_risk", "sort"] {
        for value in pairs.all(name).unwrap_or_default() {
            selection.append_pair(name, &value);
        }
    }
    selection.finish()
}

#[cfg(test)]
mod tests {
    use federation_application::SortValue;
    use federation_domain::ProjectId;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_complete_lists_of_all_projects_or_one_status_are_plain() {
        let plain = |query| ListQuery::parse(query).unwrap().plain_status();
        assert_eq!(plain(""), Some(None));
        assert_eq!(plain("x=y&sort=id"), Some(None));
        assert_eq!(plain("status=online&status=online"), Some(Some(ProjectStatus::Online)));
        for other in [
            "status=online,offline",
            "tag=a",
            "any_tag=a",
            "q=a",
            "updated_since=2026-11-23T14:41:13Z",
            "sort=-id",
            "limit=1000",
            "fields=slug",
            "include=kpis",
            "sort=-risk",
            "sort=kpis.audits_fail",
            "min_risk=1",
            "cursor=AS0GgAU405TCAAAAAAAAAAFp",
        ] {
            assert_eq!(plain(other), None, "{other}");
        }
    }

    #[test]
    fn equal_queries_have_equal_selections() {
        let selection = |query| ListQuery::parse(query).unwrap().selection;
        assert_eq!(
            selection("sort=slug&q=a%20b&limit=5&status=offline&x=y&status=online"),
            selection("status=online,offline&q=a+b&sort=slug&fields=id"),
        );
    }

    proptest! {
        #[test]
        fn any_query_is_parsed_or_rejected(
            name in "status|tag|any_tag|q|updated_since|sort|limit|cursor|fields|%..?",
            value in "\\PC*", more in "\\PC*",
        ) {
            let _ = ListQuery::parse(&format!("{name}={value}&{more}"));
            let _ = ListQuery::parse(&more);
        }

        #[test]
        fn a_link_continues_the_same_list(
            tags in proptest::collection::hash_set("[ -~ä]{0,5}x", 0..4), text in "[ -~ü]{1,9}",
            limit in 1_usize..=1000, id: i64, slug in "[a-z]{1,9}",
        ) {
            let mut query = Serializer::new(String::new());
            query.append_pair("q", &text).append_pair("sort", "-slug");
            query.append_pair("limit", &limit.to_string()).append_pair("fields", "slug,id");
            query.append_pair("include", "kpis,instance");
            query.extend_pairs(tags.iter().map(|tag| ("any_tag", tag)));
            let query = ListQuery::parse(&query.finish()).unwrap();
            let after = Position { value: SortValue::Text(slug.into()), id: ProjectId(id) };
            let url = query.url(Some(&after));
            prop_assert!(url.is_ascii() && !url.contains(['<', '>', '"', ' ']), "{url}");
            let next = ListQuery::parse(url.split_once('?').unwrap().1).unwrap();
            prop_assert_eq!(next, ListQuery { after: Some(after), ..query });
        }
    }
}
