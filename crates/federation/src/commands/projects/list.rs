//! `federation projects list`.

use std::num::NonZeroUsize;

use anyhow::{Context as _, ensure};
use federation_domain::ProjectStatus;
use url::form_urlencoded::Serializer;

use super::client::{Client, ServiceResponse};
use super::marks::Marks;
use super::{COLLECTION, accepted, table};
use crate::output;
use crate::settings::value::whole_number;

/// Largest page of the service.
const PAGE: usize = 1_000;

/// Arguments of `projects list`. The service checks the values.
#[derive(Debug, Default, clap::Args)]
pub struct ListArgs {
    /// Show only projects with these statuses, comma-separated: online, degraded, offline.
    #[arg(long, value_delimiter = ',', value_parser = ProjectStatus::parse)]
    status: Vec<ProjectStatus>,

    /// Show only projects with this tag. If repeated, projects must have all tags.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Show only projects with this tag. If repeated, projects must have at least one of the tags.
    #[arg(long, value_name = "TAG")]
    any_tag: Vec<String>,

    /// Show only projects whose slug or name contains this text, in any case.
    #[arg(long, short = 'q', value_name = "TEXT")]
    search: Option<String>,

    /// Show only projects whose registration or status changed since this time, such as
    /// 2026-11-23T14:41:13Z.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,

    /// Sort by id, slug, name, status, updated_at, last_heartbeat_at or created_at. A leading -
    /// sorts in descending order [default: id].
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    sort: Option<String>,

    /// Show at most this many projects [default: all].
    #[arg(long, value_name = "N", value_parser = whole_number::<NonZeroUsize>)]
    limit: Option<NonZeroUsize>,

    /// Print only these keys of each project, comma-separated. Requires --json.
    #[arg(long, value_name = "KEYS")]
    fields: Option<String>,
}

impl ListArgs {
    /// Returns the JSON of the service or a table.
    pub(super) fn run(&self, client: &Client, json: bool) -> anyhow::Result<String> {
        ensure!(
            json || self.fields.is_none(),
            "--fields: expected --json, because the table has fixed columns"
        );
        let (pages, has_more) = self.fetch(client)?;
        if json {
            return Ok(joined(&pages));
        }
        let mut projects = Vec::new();
        for page in &pages {
            let page = page
                .json()
                .context("expected JSON in the response; is this URL the federation service?")?;
            projects.extend(page.as_array().cloned().unwrap_or_default());
        }
        let marks = Marks::fetch(client).unwrap_or_else(|error| {
            eprintln!("warning: incidents and maintenance are not shown: {error:#}");
            Marks::default()
        });
        let table = table::list(&projects, &marks, table::now(), output::columns());
        let hint = if has_more { "\n\nMore projects match; raise --limit." } else { "" };
        Ok(table + hint)
    }

    /// Reads one page after another, up to the limit. Returns whether more projects match than the
    /// limit allows. Without a limit, all projects are on one page.
    fn fetch(&self, client: &Client) -> anyhow::Result<(Vec<ServiceResponse>, bool)> {
        let Some(limit) = self.limit else {
            let whole = accepted(client.get(&self.path(None))?)?;
            return Ok((vec![whole], false));
        };
        let (mut pages, mut left) = (Vec::new(), limit.get());
        let mut path = self.path(Some(left.min(PAGE)));
        loop {
            let page = accepted(client.get(&path)?)?;
            let next = page.next().map(str::to_owned);
            pages.push(page);
            left = left.saturating_sub(PAGE);
            match next {
                // The next page has the size of this one, but the last may need fewer projects.
                Some(next) if left > 0 => path = shortened(&next, left),
                next => return Ok((pages, next.is_some())),
            }
        }
    }

    fn path(&self, limit: Option<usize>) -> String {
        let mut query = Serializer::new(String::new());
        if !self.status.is_empty() {
            let names: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
            // A query may contain an unescaped comma.
            query = Serializer::new(format!("status={}", names.join(",")));
        }
        query.extend_pairs(self.tag.iter().map(|tag| ("tag", tag)));
        query.extend_pairs(self.any_tag.iter().map(|tag| ("any_tag", tag)));
        let limit = limit.map(|limit| limit.to_string());
        for (name, value) in [
            ("q", &self.search),
            ("updated_since", &self.updated_since),
            ("sort", &self.sort),
            ("fields", &self.fields),
            ("limit", &limit),
        ] {
            query.extend_pairs(value.iter().map(|value| (name, value)));
        }
        match query.finish() {
            query if query.is_empty() => COLLECTION.to_owned(),
            query => format!("{COLLECTION}?{query}"),
        }
    }
}

/// Returns the path of a page, limited to the number of projects that are left.
fn shortened(path: &str, left: usize) -> String {
    if left < PAGE {
        path.replace(&format!("limit={PAGE}"), &format!("limit={left}"))
    } else {
        path.to_owned()
    }
}

/// Joins the arrays of all pages. A single page is returned unchanged.
fn joined(pages: &[ServiceResponse]) -> String {
    let inside = |page: &ServiceResponse| {
        let body = page.body().trim();
        body.strip_prefix('[').and_then(|body| body.strip_suffix(']')).map(str::to_owned)
    };
    match pages {
        [one] => one.body().to_owned(),
        pages => {
            let parts: Vec<_> =
                pages.iter().filter_map(inside).filter(|part| !part.is_empty()).collect();
            format!("[{}]", parts.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_page_is_limited_to_what_is_left() {
        let path = "/api/fed/projects?q=limit%3D1000&limit=1000&cursor=x";
        assert_eq!(shortened(path, 2_000), path);
        assert_eq!(shortened(path, 100), "/api/fed/projects?q=limit%3D1000&limit=100&cursor=x");
    }

    #[test]
    fn the_arguments_become_the_query() {
        assert_eq!(ListArgs::default().path(None), "/api/fed/projects");
        let args = ListArgs {
            status: vec![ProjectStatus::Online, ProjectStatus::Degraded],
            tag: vec!["a b".to_owned(), "c&d".to_owned()],
            any_tag: vec!["e".to_owned()],
            search: Some("Zür".to_owned()),
            updated_since: Some("2026-11-23T14:41:13+01:00".to_owned()),
            sort: Some("-name".to_owned()),
            limit: NonZeroUsize::new(5),
            fields: Some("slug,id".to_owned()),
        };
        assert_eq!(
            args.path(Some(5)),
            "/api/fed/projects?status=online,degraded&tag=a+b&tag=c%26d&any_tag=e&q=Z%C3%BCr\
             &updated_since=2026-11-23T14%3A41%3A13%2B01%3A00&sort=-name&fields=slug%2Cid&limit=5"
        );
    }
}
