//! Edges: which project uses which other project, and who says so.
//!
//! An edge is identified by its [`EdgeKey`]. Each source that knows the edge keeps its own
//! [`EdgeClaim`], and readers see the union of the claims ([`UnitedClaims`]). Edges name slugs, not
//! rows, so an edge may lead to a project that is not registered yet.

mod aging;
mod change;
mod claim;
mod details;
mod key;
mod kind;
mod plan;
mod record;
mod source;
mod strength;
mod tag;
mod write;

pub use aging::{EXPIRES_AFTER, EdgeAge, OBSERVATION_WRITTEN_EVERY, STALE_AFTER};
pub use change::{EDGE, EdgeChangeKind, NewEdgeChange};
pub use claim::{EdgeClaim, UnitedClaims};
pub use details::EdgeDetails;
pub use key::EdgeKey;
pub use kind::EdgeKind;
pub use plan::{EdgePlan, EdgeRejection, EdgeResult, MAX_EDGES_PER_PROJECT};
pub use record::EdgeRecord;
pub use source::EdgeSource;
pub use strength::Strength;
pub use tag::{EdgePrecondition, EdgeTag};
pub use write::{DeclaredEdge, EdgeAction, EdgeDraft, EdgeWrite};
