//! The list as it was applied, and what stands between it and its newest form.

use std::collections::BTreeSet;

use federation_application::{Catalog, CatalogError, Metrics, Service, SystemClock};
use federation_domain::{Clock as _, Origin, Registration, Slug, error_chain};

use super::plan::Plan;
use crate::projects_file::ProjectsFileError;
use crate::settings::ServeSettings;

/// Brings changes of the list to the catalog, each whole or not at all, and the newest last.
pub(super) struct List {
    catalog: Catalog,
    metrics: Metrics,
    prune: bool,
    applied: Vec<Registration>,
    /// A newer form, which is not applied yet.
    wanted: Option<Vec<Registration>>,
    /// Who is to be removed.
    leaving: BTreeSet<Slug>,
    /// Whether somebody waits to hear that the list is applied, even if that changes nothing.
    is_awaited: bool,
    /// What was said of the file last; empty when it was good.
    said_of_file: String,
    /// What was said of the store last; empty when it took what it was given.
    said_of_store: String,
}

impl List {
    /// The list as it is applied at the start; none where there is no file.
    pub(super) fn new(
        service: &Service,
        settings: &ServeSettings,
        listed: Option<Vec<Registration>>,
    ) -> Self {
        let said_of_file = match &listed {
            Some(_) => String::new(),
            None => sentence(&ProjectsFileError::Missing(settings.projects_file.clone())),
        };
        Self {
            catalog: service.catalog.clone(),
            metrics: service.metrics.clone(),
            prune: settings.projects_file_prune,
            applied: listed.unwrap_or_default(),
            wanted: None,
            leaving: BTreeSet::new(),
            is_awaited: false,
            said_of_file,
            said_of_store: String::new(),
        }
    }

    /// The list as it was applied last.
    pub(super) fn applied(&self) -> &[Registration] {
        &self.applied
    }

    /// Takes in what was found in the file, if anything. What is wrong with it is said once, or
    /// again when somebody asked.
    pub(super) fn take(
        &mut self,
        found: Option<Result<Vec<Registration>, ProjectsFileError>>,
        is_asked: bool,
    ) {
        let error = match found {
            None => return,
            Some(Ok(projects)) => return self.want(projects, is_asked),
            // Nobody was listed before either.
            Some(Err(ProjectsFileError::NoList(_))) if self.newest().is_empty() => {
                return self.want(Vec::new(), is_asked);
            }
            Some(Err(error)) => error,
        };
        let trouble = sentence(&error);
        if is_asked || trouble != self.said_of_file {
            self.metrics.projects_file_refused();
            if matches!(error, ProjectsFileError::Missing(_)) {
                tracing::warn!(error = trouble, "the list of projects is gone; it stays applied");
            } else {
                tracing::error!(
                    error = trouble,
                    "the list of projects is refused; nothing changes"
                );
            }
        }
        self.said_of_file = trouble;
    }

    fn want(&mut self, projects: Vec<Registration>, is_asked: bool) {
        self.is_awaited |= is_asked || !self.said_of_file.is_empty();
        self.said_of_file.clear();
        self.wanted = Some(projects);
    }

    fn newest(&self) -> &[Registration] {
        self.wanted.as_ref().unwrap_or(&self.applied)
    }

    /// Does what is to be done, as far as the store lets it; the rest stays for the next call.
    pub(super) async fn apply(&mut self) {
        let Some(wanted) = self.wanted.take() else {
            return self.finish().await;
        };
        let plan = Plan::between(&self.applied, &wanted);
        if let Err(error) = self.register(&plan).await {
            let is_over = matches!(&error, CatalogError::Store(error) if !error.is_unavailable());
            if is_over {
                // Who is back in the newest list is not to go, even if it is of no use else.
                self.keep(&wanted);
            } else {
                self.wanted = Some(wanted);
            }
            return self.say_of_store(&error, is_over);
        }
        self.keep(&wanted);
        self.applied = wanted;
        self.let_go(&plan.left);
        let removed = self.remove_leaving().await;
        self.note_applied();
        self.report(&plan, removed);
    }

    /// Removes who could not be removed before.
    async fn finish(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let removed = self.remove_leaving().await;
        self.note_applied();
        if self.leaving.is_empty() {
            tracing::info!(removed, "who left the list of projects is removed");
        }
    }

    async fn register(&mut self, plan: &Plan) -> Result<(), CatalogError> {
        if !plan.register.is_empty() {
            self.catalog.register_all_if(plan.register.clone(), Origin::File).await?;
            self.said_of_store.clear();
        }
        Ok(())
    }

    /// Whoever is in this list is not to be removed any more.
    fn keep(&mut self, list: &[Registration]) {
        for project in list {
            self.leaving.remove(&project.slug);
        }
    }

    fn let_go(&mut self, left: &[Slug]) {
        if self.prune {
            self.leaving.extend(left.iter().cloned());
            return;
        }
        for slug in left {
            tracing::info!(
                project.slug = %slug,
                "left the list of projects and stays in the catalog (PROJECTS_FILE_PRUNE is false)"
            );
        }
    }

    /// Removes who is to be removed; who cannot be stays for later. Gives how many were there.
    async fn remove_leaving(&mut self) -> usize {
        let mut removed = 0;
        for slug in self.leaving.clone() {
            match self.catalog.remove(&slug).await {
                Ok(()) => removed += 1,
                // Another replica, or a person, was faster.
                Err(CatalogError::NotFound(_)) => {}
                Err(error) => {
                    self.say_of_store(&error, false);
                    break;
                }
            }
            self.leaving.remove(&slug);
            self.said_of_store.clear();
        }
        removed
    }

    fn note_applied(&self) {
        if self.leaving.is_empty() {
            self.metrics.projects_file_applied(SystemClock::start().utc());
        } else {
            self.metrics.projects_file_waits();
        }
    }

    fn report(&mut self, plan: &Plan, removed: usize) {
        let is_awaited = std::mem::take(&mut self.is_awaited);
        if is_awaited || !plan.register.is_empty() || !plan.left.is_empty() {
            tracing::info!(
                registered = plan.new,
                updated = plan.updated,
                unchanged = plan.unchanged,
                left = plan.left.len(),
                removed,
                "the list of projects is applied"
            );
        }
    }

    fn say_of_store(&mut self, error: &CatalogError, is_over: bool) {
        let trouble = error_chain(error);
        if is_over {
            self.metrics.projects_file_refused();
            tracing::error!(error = trouble, "the store refuses the list of projects");
        } else {
            self.metrics.projects_file_waits();
            if trouble != self.said_of_store {
                tracing::warn!(error = trouble, "the list of projects waits for the store");
            }
        }
        self.said_of_store = trouble;
    }
}

/// All that is wrong with the file, in one line.
fn sentence(error: &ProjectsFileError) -> String {
    error_chain(error).replace('\n', "; ")
}
