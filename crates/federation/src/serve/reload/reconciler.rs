//! The applied list of projects and the changes that are still to be applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_application::{
    Catalog, CatalogError, FileEdges, FileWindows, Graph, Maintenance, Metrics, Service,
};
use federation_domain::{
    Actor, Clock, Origin, Precondition, Prospect, Registration, Slug, error_chain,
};

use super::plan::Plan;
use crate::projects_file::{ProjectsFileError, ProjectsList};
use crate::settings::ServeSettings;

/// Applies new versions of the projects file to the catalog, each as a whole or not at all.
pub(super) struct ListReconciler {
    catalog: Catalog,
    graph: Graph,
    maintenance: Maintenance,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
    prune: bool,
    applied: ProjectsList,
    /// A newer list that is not applied yet.
    wanted: Option<ProjectsList>,
    /// Projects to remove.
    leaving: BTreeSet<Slug>,
    /// Log the outcome even if nothing changes.
    is_awaited: bool,
    /// The last logged error of the file; empty if it was valid.
    file_error: String,
    /// The last logged error of the store; empty if it accepted the changes.
    store_error: String,
}

impl ListReconciler {
    /// Creates the list applied at the start. `listed` is the error, already logged, if the service
    /// starts without a list.
    pub(super) fn new(
        service: &Service,
        settings: &ServeSettings,
        clock: Arc<dyn Clock>,
        listed: Result<ProjectsList, ProjectsFileError>,
    ) -> Self {
        let file_error = listed.as_ref().err().map(sentence).unwrap_or_default();
        Self {
            catalog: service.catalog.clone(),
            graph: service.graph.clone(),
            maintenance: service.maintenance.clone(),
            metrics: service.metrics.clone(),
            clock,
            prune: settings.projects_file_prune,
            applied: listed.unwrap_or_default(),
            wanted: None,
            leaving: BTreeSet::new(),
            is_awaited: false,
            file_error,
            store_error: String::new(),
        }
    }

    /// Returns the list as last applied. Returns `None` while the file has no valid list.
    pub(super) fn listed(&self) -> Option<&ProjectsList> {
        self.file_error.is_empty().then_some(&self.applied)
    }

    /// Accepts the content of the file, if it was read. Logs an error once, or again if `is_asked`.
    pub(super) fn take(
        &mut self,
        found: Option<Result<ProjectsList, ProjectsFileError>>,
        is_asked: bool,
    ) {
        let error = match found {
            None => return,
            Some(Ok(list)) => return self.want(list, is_asked),
            Some(Err(error)) => error,
        };
        let trouble = sentence(&error);
        if is_asked || trouble != self.file_error {
            self.metrics.projects_file_refused();
            if matches!(error, ProjectsFileError::Missing(_)) {
                tracing::warn!(error = trouble, "projects file is missing; its projects are kept");
            } else {
                tracing::error!(error = trouble, "projects file is invalid; nothing changes");
            }
        }
        self.file_error = trouble;
    }

    fn want(&mut self, list: ProjectsList, is_asked: bool) {
        self.is_awaited |= is_asked || !self.file_error.is_empty();
        self.file_error.clear();
        self.wanted = Some(list);
    }

    /// Applies the pending changes. Changes that the store does not accept remain pending until the
    /// next call.
    pub(super) async fn apply(&mut self) {
        let Some(wanted) = self.wanted.take() else {
            return self.finish().await;
        };
        let plan = Plan::between(&self.applied.projects, &wanted.projects);
        let written = match self.write(&plan, &wanted).await {
            Ok(written) => written,
            Err(error) => {
                let is_over = match &error {
                    CatalogError::Store(error) => error.prospect() == Prospect::Permanent,
                    error => matches!(error, CatalogError::Full { .. }),
                };
                if is_over {
                    // A project that is back in the newest list must not be removed, even if that
                    // list fails.
                    self.keep(&wanted.projects);
                } else {
                    self.wanted = Some(wanted);
                }
                return self.log_store_error(&error, is_over);
            }
        };
        self.keep(&wanted.projects);
        self.applied = wanted;
        self.note_departed(&plan.left);
        let removed = self.remove_leaving().await;
        self.note_applied();
        self.report(&plan, written, removed);
    }

    /// Retries pending removals.
    async fn finish(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let removed = self.remove_leaving().await;
        self.note_applied();
        if self.leaving.is_empty() {
            tracing::info!(removed, "projects that are no longer in the projects file are removed");
        }
    }

    /// Registers the projects of the plan, then declares the edges of the wanted list and its
    /// maintenance windows.
    async fn write(
        &mut self,
        plan: &Plan,
        wanted: &ProjectsList,
    ) -> Result<(FileEdges, FileWindows), CatalogError> {
        if !plan.register.is_empty() {
            let left_out =
                self.catalog.register_accepted(plan.register.clone(), Origin::File).await?;
            self.store_error.clear();
            if !left_out.is_empty() {
                tracing::error!(
                    projects = left_out.len(),
                    "store rejects projects of the projects file; they are left out until their \
                     entries change"
                );
            }
        }
        let scope = edge_scope(&self.applied).chain(edge_scope(wanted)).cloned().collect();
        let edges = self.graph.apply_file(&scope, &wanted.edges).await?;
        let windows = self.maintenance.apply_file(&wanted.maintenance).await?;
        self.store_error.clear();
        Ok((edges, windows))
    }

    /// Cancels the removal of every project in this list.
    fn keep(&mut self, list: &[Registration]) {
        for project in list {
            self.leaving.remove(&project.slug);
        }
    }

    fn note_departed(&mut self, left: &[Slug]) {
        if self.prune {
            self.leaving.extend(left.iter().cloned());
            return;
        }
        for slug in left {
            tracing::info!(
                project.slug = %slug,
                "project left out of the projects file is kept (PROJECTS_FILE_PRUNE is false)"
            );
        }
    }

    /// Removes the projects pending removal and returns how many existed. Failures stay pending.
    async fn remove_leaving(&mut self) -> usize {
        let mut removed = 0;
        for slug in self.leaving.clone() {
            match self.catalog.remove(&slug, Precondition::Always, Actor::FILE).await {
                Ok(()) => removed += 1,
                // Already removed by another replica or a person.
                Err(CatalogError::NotFound(_)) => {}
                Err(error) => {
                    self.log_store_error(&error, false);
                    break;
                }
            }
            self.leaving.remove(&slug);
            self.store_error.clear();
        }
        removed
    }

    fn note_applied(&self) {
        if self.leaving.is_empty() {
            self.metrics.projects_file_applied(self.clock.utc());
        } else {
            self.metrics.projects_file_waits();
        }
    }

    fn report(&mut self, plan: &Plan, (edges, windows): (FileEdges, FileWindows), removed: usize) {
        let is_awaited = std::mem::take(&mut self.is_awaited);
        warn_of_rejected(edges, windows);
        let has_changed = !plan.register.is_empty()
            || !plan.left.is_empty()
            || edges != FileEdges::default()
            || windows != FileWindows::default();
        if is_awaited || has_changed {
            tracing::info!(
                registered = plan.new,
                updated = plan.updated,
                unchanged = plan.unchanged,
                left = plan.left.len(),
                removed,
                edges_declared = edges.declared,
                edges_withdrawn = edges.withdrawn,
                windows_created = windows.created,
                windows_removed = windows.removed,
                "projects file is applied"
            );
        }
    }

    fn log_store_error(&mut self, error: &CatalogError, is_over: bool) {
        let trouble = error_chain(error);
        if is_over {
            self.metrics.projects_file_refused();
            tracing::error!(error = trouble, "projects file is rejected; nothing changes");
        } else {
            self.metrics.projects_file_waits();
            if trouble != self.store_error {
                tracing::warn!(error = trouble, "projects file waits for the store");
            }
        }
        self.store_error = trouble;
    }
}

/// Returns the projects whose outgoing edges a version of the file decides.
pub(in crate::serve) fn edge_scope(list: &ProjectsList) -> impl Iterator<Item = &Slug> {
    let projects = list.projects.iter().map(|project| &project.slug);
    projects.chain(list.edges.iter().map(|edge| edge.key.from()))
}

/// Logs what of a version of the file has no room.
pub(in crate::serve) fn warn_of_rejected(edges: FileEdges, windows: FileWindows) {
    if edges.rejected > 0 {
        tracing::warn!(
            edges = edges.rejected,
            "edges of the projects file are rejected, because their projects have too many edges"
        );
    }
    if windows.rejected > 0 {
        tracing::warn!(
            windows = windows.rejected,
            "maintenance windows of the projects file are rejected, because there are too many"
        );
    }
}

/// Joins all errors of the file in one line.
fn sentence(error: &ProjectsFileError) -> String {
    error_chain(error).replace('\n', "; ")
}
