//! Checks the edges of the file.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{
    DeclaredEdge, EdgeDraft, EdgeKey, InvalidValue as Fault, MAX_EDGES_PER_PROJECT, Slug,
};

use super::document::ProjectDraft;
use super::{InvalidValue, Reason, path, steps};

/// Parses all edges and appends the invalid ones. Edges of projects whose slug is not valid are left
/// out, because the slug is reported already.
pub(super) fn check(
    projects: &[ProjectDraft],
    edges: &[EdgeDraft],
    invalid: &mut Vec<InvalidValue>,
) -> Vec<DeclaredEdge> {
    let mut valid = ValidEdges::default();
    for (project, ProjectDraft { registration, depends_on }) in projects.iter().enumerate() {
        if Slug::parse(&registration.slug).is_err() {
            continue;
        }
        for (at, draft) in depends_on.iter().enumerate() {
            let draft = EdgeDraft { from: registration.slug.clone(), ..draft.clone() };
            for fault in valid.add(&draft).err().into_iter().flatten() {
                let field = if fault.field == "to" { "project" } else { &fault.field };
                let field = format!("depends_on[{at}].{field}");
                let path = path(project, &field);
                let sentence = Fault { field, ..fault }.to_string();
                invalid
                    .push(InvalidValue { path, reason: Reason::NotAllowed { project, sentence } });
            }
        }
    }
    for (at, draft) in edges.iter().enumerate() {
        for fault in valid.add(draft).err().into_iter().flatten() {
            let field = format!("edges[{at}].{}", fault.field);
            let path = steps(&field).collect();
            let sentence = Fault { field, ..fault }.to_string();
            invalid.push(InvalidValue { path, reason: Reason::OutsideProjects(sentence) });
        }
    }
    valid.edges
}

/// The valid edges so far.
#[derive(Default)]
struct ValidEdges {
    edges: Vec<DeclaredEdge>,
    seen: BTreeSet<EdgeKey>,
    counts: BTreeMap<Slug, usize>,
}

impl ValidEdges {
    fn add(&mut self, draft: &EdgeDraft) -> Result<(), Vec<Fault>> {
        let edge = draft.parse()?;
        let refuse = |allowed: String| Err(vec![Fault::new("to", edge.key.to().as_str(), allowed)]);
        if !self.seen.insert(edge.key.clone()) {
            return refuse("each edge once".to_owned());
        }
        let count = self.counts.entry(edge.key.from().clone()).or_default();
        *count += 1;
        if *count > MAX_EDGES_PER_PROJECT {
            return refuse(format!("at most {MAX_EDGES_PER_PROJECT} edges of one project"));
        }
        self.edges.push(edge);
        Ok(())
    }
}
