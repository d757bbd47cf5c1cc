//! Edges that a publisher declares.

use federation_application::ObservedEdge;
use federation_domain::{EdgeKind, InvalidValue, MAX_EDGES_PER_PROJECT, Slug, Strength};
use tokio::sync::watch;

/// Declares which projects the project uses. The publisher sends all edges when it connects, when one
/// is declared, and every 10 minutes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EdgeDeclarer {
    pub(super) slug: Slug,
    pub(super) edges: watch::Sender<Vec<ObservedEdge>>,
}

impl EdgeDeclarer {
    /// Declares that the project uses another one, with the default strength.
    ///
    /// # Errors
    /// Fails if the text is not the slug of another project, or if there are too many edges.
    pub fn declare(&self, to: &str, kind: EdgeKind) -> Result<(), InvalidValue> {
        self.declare_strong(to, kind, Strength::default())
    }

    /// Declares that the project uses another one, with this strength. Replaces an edge of the same
    /// kind to the same project.
    ///
    /// # Errors
    /// Fails if the text is not the slug of another project, or if there are too many edges.
    pub fn declare_strong(
        &self,
        to: &str,
        kind: EdgeKind,
        strength: Strength,
    ) -> Result<(), InvalidValue> {
        let renamed = |fault| InvalidValue { field: "to".to_owned(), ..fault };
        let to = Slug::parse(to).map_err(renamed)?;
        if to == self.slug {
            return Err(InvalidValue::new("to", to.as_str(), "another project"));
        }
        let edge = ObservedEdge { to, kind, strength, details: None };
        let mut is_full = false;
        self.edges.send_if_modified(|edges| {
            if edges.contains(&edge) {
                return false;
            }
            let is_same = |known: &ObservedEdge| known.to == edge.to && known.kind == edge.kind;
            match edges.iter().position(is_same) {
                Some(place) => edges[place] = edge.clone(),
                None if edges.len() < MAX_EDGES_PER_PROJECT => edges.push(edge.clone()),
                None => is_full = true,
            }
            !is_full
        });
        if is_full {
            let allowed = format!("at most {MAX_EDGES_PER_PROJECT} edges");
            return Err(InvalidValue::new("to", edge.to.as_str(), allowed));
        }
        Ok(())
    }

    /// Stops sending an edge. The service keeps it until it expires.
    pub fn forget(&self, to: &str, kind: &EdgeKind) {
        self.edges.send_if_modified(|edges| {
            let before = edges.len();
            edges.retain(|edge| edge.to.as_str() != to || edge.kind != *kind);
            edges.len() < before
        });
    }
}
