//! The requests of a measurement, spelled before it begins.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Kind;
use crate::commands::bench::target::Target;
use crate::commands::bench::{fleet, lifecycle};

/// The most requests that are spelled out; more projects than this are asked for in part.
const MOST_SPELLED: u32 = 100_000;

/// What is asked, one after the other, by all connections together. Cheap to clone.
#[derive(Clone)]
pub(super) struct Requests {
    spelled: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    fresh: Option<Arc<Fresh>>,
}

/// Registrations are each another one.
struct Fresh {
    target: Target,
    prefix: String,
}

impl Requests {
    pub(super) fn new(target: &Target, kind: Kind, projects: u32, path: Option<&str>) -> Self {
        let each = |spell: &dyn Fn(&str) -> Vec<u8>| {
            (1..=projects.min(MOST_SPELLED)).map(|number| spell(&fleet::slug(number))).collect()
        };
        let spelled = match kind {
            Kind::List => vec![target.request("GET", path.unwrap_or(lifecycle::COLLECTION), None)],
            Kind::One => each(&|slug| target.request("GET", &lifecycle::path(slug), None)),
            Kind::Heartbeat => each(&|slug| {
                target.request("POST", &format!("{}/heartbeat", lifecycle::path(slug)), None)
            }),
            Kind::Register => Vec::new(),
        };
        let fresh = (kind == Kind::Register).then(|| {
            let prefix = format!("bench-r-{:08x}", fastrand::u32(..));
            Arc::new(Fresh { target: target.clone(), prefix })
        });
        Self { spelled: Arc::new(spelled), next: Arc::default(), fresh }
    }

    /// The next one.
    pub(super) fn next(&self) -> Cow<'_, [u8]> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        match &self.fresh {
            Some(fresh) => Cow::Owned(fresh.request(number)),
            None => Cow::Borrowed(&self.spelled[number % self.spelled.len()]),
        }
    }

    /// The slugs of all registrations that were asked for.
    pub(super) fn registered(&self) -> Vec<String> {
        let asked = self.next.load(Ordering::Relaxed);
        let slugs = |fresh: &Arc<Fresh>| (0..asked).map(|number| fresh.slug(number)).collect();
        self.fresh.as_ref().map(slugs).unwrap_or_default()
    }
}

impl Fresh {
    fn slug(&self, number: usize) -> String {
        format!("{}-{number}", self.prefix)
    }

    fn request(&self, number: usize) -> Vec<u8> {
        let body = fleet::registration(&self.slug(number), None);
        self.target.request("POST", lifecycle::COLLECTION, Some(&body))
    }
}
