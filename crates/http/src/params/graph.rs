//! Query parameters of the graph.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::ACCEPT;
use actix_web::{FromRequest, HttpRequest};
use federation_application::{
    Around, EdgeSelection, GraphQuery, GroupBy, ProjectFilter, ReachDirection,
};
use federation_domain::{EdgeKind, EdgeSource, InvalidValue, Slug, Strength};

use super::filters::{OrCollect as _, listed, statuses, tags};
use super::number::number;
use super::pairs::Pairs;
use crate::error::ApiError;

/// Maximum depth of a neighbourhood.
pub(crate) const MAX_DEPTH: i64 = 20;

/// Default and maximum number of projects in an answer about what a project reaches.
const REACH_LIMIT: usize = 1_000;
const MAX_REACH_LIMIT: i64 = 10_000;

/// Format of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) enum GraphFormat {
    #[default]
    Json,
    Dot,
    GraphMl,
    Mermaid,
}

impl GraphFormat {
    const ALL: [Self; 4] = [Self::Json, Self::Dot, Self::GraphMl, Self::Mermaid];

    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Dot => "dot",
            Self::GraphMl => "graphml",
            Self::Mermaid => "mermaid",
        }
    }

    /// Returns the media type.
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Dot => "text/vnd.graphviz",
            Self::GraphMl => "application/graphml+xml",
            Self::Mermaid => "text/vnd.mermaid",
        }
    }

    /// Returns the value of `Content-Type`.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Dot => "text/vnd.graphviz; charset=utf-8",
            Self::GraphMl => "application/graphml+xml",
            Self::Mermaid => "text/vnd.mermaid; charset=utf-8",
        }
    }

    /// Returns the format that the parameter `format` names, or that the header `Accept` names first.
    fn of(request: &HttpRequest, pairs: &Pairs<'_>) -> Result<Self, InvalidValue> {
        let allowed = "json, dot, graphml or mermaid";
        if let Some(name) = pairs.once("format")? {
            let named = Self::ALL.into_iter().find(|format| format.name() == name);
            return named.ok_or_else(|| InvalidValue::new("format", &name, allowed));
        }
        let accepted = request.headers().get_all(ACCEPT);
        let accepted = accepted.filter_map(|value| value.to_str().ok());
        let types = accepted.flat_map(|value| value.split(','));
        let types = types.map(|range| range.split(';').next().unwrap_or_default().trim());
        let of_type = |range: &str| Self::ALL.into_iter().find(|one| one.media_type() == range);
        Ok(types.filter_map(of_type).next().unwrap_or_default())
    }
}

/// The query of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GraphParams {
    pub(crate) query: GraphQuery,
    /// Return groups instead of projects.
    pub(crate) group: Option<GroupBy>,
    /// Add key figures to each project.
    pub(crate) with_kpis: bool,
    pub(crate) format: GraphFormat,
}

impl FromRequest for GraphParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Pairs::of(request.query_string());
        let mut faults = Vec::new();
        let query = GraphQuery {
            projects: ProjectFilter {
                statuses: statuses(&pairs).or_collect(&mut faults),
                all_tags: tags(&pairs, "tag").or_collect(&mut faults),
                ..ProjectFilter::default()
            },
            edges: selection(&pairs, &mut faults),
            around: around(&pairs, &mut faults),
        };
        let group = group(&pairs).or_collect(&mut faults);
        let with_kpis = includes_kpis(&pairs);
        if group.is_some() && (query.around.is_some() || with_kpis) {
            let given = if query.around.is_some() { "around" } else { "include=kpis" };
            faults.push(InvalidValue {
                field: "group".to_owned(),
                given: format!("it together with {given}"),
                allowed: "it without around and include=kpis".to_owned(),
            });
        }
        let format = GraphFormat::of(request, &pairs).or_collect(&mut faults);
        ready(valid(Self { query, group, with_kpis, format }, faults))
    }
}

/// The selection of edges of a search from a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReachParams {
    pub(crate) selection: EdgeSelection,
    pub(crate) limit: usize,
}

impl FromRequest for ReachParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Pairs::of(request.query_string());
        let mut faults = Vec::new();
        let selection = EdgeSelection { unresolved: true, ..selection(&pairs, &mut faults) };
        let allowed = "a whole number from 1 to 10000";
        let limit = number(&pairs, "limit", 1..=MAX_REACH_LIMIT, allowed).or_collect(&mut faults);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(REACH_LIMIT);
        ready(valid(Self { selection, limit }, faults))
    }
}

/// The ends of a path and the selection of its edges.
#[derive(Debug)]
pub(crate) struct PathParams {
    pub(crate) from: Slug,
    pub(crate) to: Slug,
    pub(crate) selection: EdgeSelection,
}

impl FromRequest for PathParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Pairs::of(request.query_string());
        let mut faults = Vec::new();
        let mut end = |name| {
            let given = required_slug(&pairs, name);
            given.map_err(|fault| faults.push(fault)).ok()
        };
        let (from, to) = (end("from"), end("to"));
        let selection = EdgeSelection { unresolved: true, ..selection(&pairs, &mut faults) };
        ready(match (from, to) {
            (Some(from), Some(to)) => valid(Self { from, to, selection }, faults),
            _ => Err(ApiError::Invalid(faults)),
        })
    }
}

/// The filter of a list of claims.
#[derive(Debug, Default)]
pub(crate) struct EdgeListParams {
    pub(crate) from: Option<Slug>,
    pub(crate) to: Option<Slug>,
    pub(crate) source: Option<EdgeSource>,
}

impl FromRequest for EdgeListParams {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let pairs = Pairs::of(request.query_string());
        let mut faults = Vec::new();
        let from = slug(&pairs, "from").or_collect(&mut faults);
        let to = slug(&pairs, "to").or_collect(&mut faults);
        let source = pairs
            .once("source")
            .and_then(|name| name.map(|name| EdgeSource::parse(&name)).transpose());
        let source = source.or_collect(&mut faults);
        ready(valid(Self { from, to, source }, faults))
    }
}

fn valid<T>(value: T, faults: Vec<InvalidValue>) -> Result<T, ApiError> {
    if faults.is_empty() { Ok(value) } else { Err(ApiError::Invalid(faults)) }
}

fn selection(pairs: &Pairs<'_>, faults: &mut Vec<InvalidValue>) -> EdgeSelection {
    let [stale, unresolved] = included(pairs).or_collect(faults);
    EdgeSelection {
        kinds: listed(pairs, "kind", EdgeKind::parse).or_collect(faults),
        min_strength: min_strength(pairs).or_collect(faults),
        sources: listed(pairs, "source", EdgeSource::parse).or_collect(faults),
        stale,
        unresolved,
    }
}

fn group(pairs: &Pairs<'_>) -> Result<Option<GroupBy>, InvalidValue> {
    let Some(name) = pairs.once("group")? else { return Ok(None) };
    let named = GroupBy::ALL.into_iter().find(|by| by.as_str() == name);
    named.map(Some).ok_or_else(|| InvalidValue::new("group", &name, "tag or mesh_namespace"))
}

/// Returns whether `include` names the key figures. [`included`] reports invalid values.
fn includes_kpis(pairs: &Pairs<'_>) -> bool {
    let given = pairs.all("include").unwrap_or_default();
    given.iter().flat_map(|value| value.split(',')).any(|name| name == "kpis")
}

/// Parses `include`. Returns whether stale and unresolved edges are included.
fn included(pairs: &Pairs<'_>) -> Result<[bool; 2], InvalidValue> {
    let parse = |name: &str| match name {
        "stale" => Ok(0),
        "unresolved" => Ok(1),
        "kpis" => Ok(2),
        other => Err(InvalidValue::new("include", other, "stale, unresolved or kpis")),
    };
    let mut included = [false; 3];
    for place in listed(pairs, "include", parse)? {
        included[place] = true;
    }
    let [stale, unresolved, _] = included;
    Ok([stale, unresolved])
}

fn min_strength(pairs: &Pairs<'_>) -> Result<Option<Strength>, InvalidValue> {
    let Some(text) = pairs.once("min_strength")? else { return Ok(None) };
    let strength = text.parse().map_or_else(|_| Strength::new(f64::NAN), Strength::new);
    strength.map(Some).map_err(|_| InvalidValue::new("min_strength", &text, "a number from 0 to 1"))
}

fn around(pairs: &Pairs<'_>, faults: &mut Vec<InvalidValue>) -> Option<Around> {
    let center = slug(pairs, "around").or_collect(faults);
    let allowed = "a whole number from 1 to 20";
    let depth = number(pairs, "depth", 1..=MAX_DEPTH, allowed).or_collect(faults);
    let direction = direction(pairs).or_collect(faults);
    let Some(center) = center else {
        let is_given = |name: &str| pairs.all(name).is_ok_and(|values| !values.is_empty());
        for name in ["depth", "direction"].into_iter().filter(|name| is_given(name)) {
            faults.push(InvalidValue {
                field: name.to_owned(),
                given: "none".to_owned(),
                allowed: "a request that also has around".to_owned(),
            });
        }
        return None;
    };
    let depth = depth.and_then(|depth| usize::try_from(depth).ok()).unwrap_or(1);
    Some(Around { center, depth, direction: direction.unwrap_or(ReachDirection::Both) })
}

fn direction(pairs: &Pairs<'_>) -> Result<Option<ReachDirection>, InvalidValue> {
    let Some(name) = pairs.once("direction")? else { return Ok(None) };
    match &*name {
        "in" => Ok(Some(ReachDirection::Dependents)),
        "out" => Ok(Some(ReachDirection::Dependencies)),
        "both" => Ok(Some(ReachDirection::Both)),
        other => Err(InvalidValue::new("direction", other, "in, out or both")),
    }
}

fn slug(pairs: &Pairs<'_>, name: &str) -> Result<Option<Slug>, InvalidValue> {
    let given = pairs.once(name)?;
    let slug = given.map(|text| Slug::parse(&text)).transpose();
    slug.map_err(|fault| InvalidValue { field: name.to_owned(), ..fault })
}

fn required_slug(pairs: &Pairs<'_>, name: &str) -> Result<Slug, InvalidValue> {
    slug(pairs, name)?.ok_or_else(|| InvalidValue {
        field: name.to_owned(),
        given: "nothing".to_owned(),
        allowed: "the slug of a project".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn parse(query: &str, accept: &[&str]) -> Result<GraphParams, String> {
        let mut request = TestRequest::with_uri(&format!("/?{query}"));
        for value in accept {
            request = request.append_header(("accept", *value));
        }
        let parsed = GraphParams::extract(&request.to_http_request()).into_inner();
        parsed.map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_selects_current_edges_between_registered_projects() {
        let params = parse("x=y", &[]).unwrap();
        let (query, format) = (GraphQuery::default(), GraphFormat::Json);
        assert_eq!(params, GraphParams { query, group: None, with_kpis: false, format });
    }

    #[test]
    fn every_parameter_is_parsed() {
        let query = "status=online&tag=a&kind=api,queue&min_strength=0.5&source=file&source=api\
                     &include=stale,unresolved&around=veria&depth=2&direction=in&format=dot";
        let GraphParams { query, format, .. } = parse(query, &[]).unwrap();
        assert_eq!(
            query.edges,
            EdgeSelection {
                kinds: vec![EdgeKind::Api, EdgeKind::Queue],
                min_strength: Strength::new(0.5).ok(),
                sources: vec![EdgeSource::File, EdgeSource::Api],
                stale: true,
                unresolved: true,
            }
        );
        let around = query.around.unwrap();
        assert_eq!((around.center.as_str(), around.depth), ("veria", 2));
        assert_eq!((around.direction, format), (ReachDirection::Dependents, GraphFormat::Dot));
    }

    #[test]
    fn every_invalid_parameter_is_reported() {
        let query = "status=x&kind=A&min_strength=2&source=x&include=x&around=X&depth=0&direction=up\
                     &format=svg";
        let error = parse(query, &[]).unwrap_err();
        for name in
            ["status", "kind", "min_strength", "source", "include", "around", "depth", "direction"]
        {
            assert!(error.contains(&format!("{name}: expected ")), "{name}: {error}");
        }
        assert!(error.contains("format: expected json, dot, graphml or mermaid"), "{error}");
        assert!(parse("group=x", &[]).unwrap_err().contains("group: expected tag or mesh_name"));
        let error = parse("group=tag&around=a", &[]).unwrap_err();
        assert!(error.starts_with("group: expected it without around"), "{error}");
        let error = parse("depth=2", &[]).unwrap_err();
        assert_eq!(error, "depth: expected a request that also has around, got none");
    }

    #[test]
    fn the_format_is_the_first_known_type_that_the_client_accepts() {
        let format = |accept: &[&str]| parse("", accept).unwrap().format;
        assert_eq!(format(&["text/vnd.graphviz"]), GraphFormat::Dot);
        assert_eq!(format(&["text/html, application/graphml+xml;q=0.9"]), GraphFormat::GraphMl);
        assert_eq!(format(&["image/png", "text/vnd.mermaid"]), GraphFormat::Mermaid);
        assert_eq!(format(&["*/*"]), GraphFormat::Json);
        let chosen = parse("format=json", &["text/vnd.graphviz"]).unwrap().format;
        assert_eq!(chosen, GraphFormat::Json);
    }
}
