//! The requests of a measurement, encoded before it begins.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::kind::QueryKind;
use crate::target::Target;
use crate::{fleet, lifecycle};

/// Maximum number of encoded requests. Of more projects, only the first ones are used.
const MAX_ENCODED: u32 = 100_000;

/// The requests that all connections together send, one after the other. Cheap to clone.
#[derive(Clone)]
pub(super) struct Requests {
    encoded: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    registrations: Option<Arc<Registrations>>,
}

/// Registrations of new projects, encoded when they are sent.
struct Registrations {
    target: Target,
    prefix: String,
}

impl Requests {
    pub(super) fn new(target: &Target, kind: QueryKind, projects: u32, path: Option<&str>) -> Self {
        let each = |encode: &dyn Fn(&str) -> Vec<u8>| {
            (1..=projects.min(MAX_ENCODED)).map(|number| encode(&fleet::slug(number))).collect()
        };
        let encoded = match kind {
            QueryKind::List => {
                vec![target.request("GET", path.unwrap_or(lifecycle::COLLECTION), None)]
            }
            QueryKind::One => each(&|slug| target.request("GET", &lifecycle::path(slug), None)),
            QueryKind::Heartbeat => each(&|slug| {
                target.request("POST", &format!("{}/heartbeat", lifecycle::path(slug)), None)
            }),
            QueryKind::Register => Vec::new(),
        };
        let registrations = (kind == QueryKind::Register).then(|| {
            let prefix = format!("bench-r-{:08x}", fastrand::u32(..));
            Arc::new(Registrations { target: target.clone(), prefix })
        });
        Self { encoded: Arc::new(encoded), next: Arc::default(), registrations }
    }

    /// Returns the next request.
    pub(super) fn next(&self) -> Cow<'_, [u8]> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        match &self.registrations {
            Some(registrations) => Cow::Owned(registrations.request(number)),
            None => Cow::Borrowed(&self.encoded[number % self.encoded.len()]),
        }
    }

    /// Returns the slugs of all registrations that were sent.
    pub(super) fn registered(&self) -> Vec<String> {
        let sent = self.next.load(Ordering::Relaxed);
        let slugs = |all: &Arc<Registrations>| (0..sent).map(|number| all.slug(number)).collect();
        self.registrations.as_ref().map(slugs).unwrap_or_default()
    }
}

impl Registrations {
    fn slug(&self, number: usize) -> String {
        format!("{}-{number}", self.prefix)
    }

    fn request(&self, number: usize) -> Vec<u8> {
        let body = fleet::registration(&self.slug(number), None);
        self.target.request("POST", lifecycle::COLLECTION, Some(&body))
    }
}
