//! `federation projects list`: which projects, and in which order.

use std::num::NonZeroUsize;

use anyhow::{Context as _, ensure};
use federation_domain::ProjectStatus;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::client::{Answer, Client};
use super::{COLLECTION, accepted, table};

/// The most projects of one page.
const PAGE: usize = 1_000;

/// Which projects to list. The service checks what is given.
#[derive(Debug, Default, clap::Args)]
pub struct ListArgs {
    /// Only those: online, degraded or offline; several with commas between them.
    #[arg(long, value_delimiter = ',', value_parser = ProjectStatus::parse)]
    status: Vec<ProjectStatus>,

    /// Only those with this tag; given several times: with all of them.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,

    /// Only those with this tag; given several times: with any of them.
    #[arg(long, value_name = "TAG")]
    any_tag: Vec<String>,

    /// Only those whose slug or name holds this text, in upper or lower case.
    #[arg(long, short = 'q', value_name = "TEXT")]
    search: Option<String>,

    /// Only those whose registration or status changed since then: 2026-11-23T14:41:13Z.
    #[arg(long, value_name = "TIME")]
    updated_since: Option<String>,

    /// The order: id, slug, name, status, updated_at, last_heartbeat_at or created_at, with - in
    /// front for descending [default: id].
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    sort: Option<String>,

    /// The most projects to list, the first ones [default: all].
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,

    /// Only these keys of each project, with commas between them; with --json.
    #[arg(long, value_name = "KEYS")]
    fields: Option<String>,
}

impl ListArgs {
    /// The list as it is for programs, or as a table.
    pub(super) fn run(&self, client: &Client, json: bool) -> anyhow::Result<String> {
        ensure!(
            json || self.fields.is_none(),
            "--fields needs --json: the table has its own columns"
        );
        let (pages, has_more) = self.fetch(client)?;
        if json {
            return Ok(joined(&pages));
        }
        let mut projects = Vec::new();
        for page in &pages {
            let page =
                page.json().context("the answer is not JSON; is this the federation service?")?;
            projects.extend(page.as_array().cloned().unwrap_or_default());
        }
        let table = table::list(&Value::Array(projects), table::now());
        let hint = if has_more { "\n\nThere are more: --limit" } else { "" };
        Ok(table + hint)
    }

    /// Asks for page after page, and says whether there are more than were asked for. Without a
    /// limit all come at once.
    fn fetch(&self, client: &Client) -> anyhow::Result<(Vec<Answer>, bool)> {
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
                // A page is as long as the one that led to it; the last one may be asked for less.
                Some(next) if left > 0 => path = shortened(&next, left),
                next => return Ok((pages, next.is_some())),
            }
        }
    }

    fn path(&self, limit: Option<usize>) -> String {
        let mut query = Serializer::new(String::new());
        if !self.status.is_empty() {
            let names: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
            // A comma may stand in a query as it is.
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

/// The path of a page with so many projects, if that is fewer than it would have.
fn shortened(path: &str, left: usize) -> String {
    if left < PAGE {
        path.replace(&format!("limit={PAGE}"), &format!("limit={left}"))
    } else {
        path.to_owned()
    }
}

/// The arrays of all pages in one, otherwise as they came.
fn joined(pages: &[Answer]) -> String {
    let inside = |page: &Answer| {
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
    fn a_page_is_asked_for_no_more_than_is_left() {
        let path = "/api/fed/projects?q=limit%3D1000&limit=1000&cursor=x";
        assert_eq!(shortened(path, 2_000), path);
        assert_eq!(shortened(path, 100), "/api/fed/projects?q=limit%3D1000&limit=100&cursor=x");
    }

    #[test]
    fn what_is_asked_for_stands_in_the_query() {
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
