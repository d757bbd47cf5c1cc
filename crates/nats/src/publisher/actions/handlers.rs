//! Handlers by subject and action.

use std::sync::Arc;

use federation_domain::{ActionName, ActionSubjects, InvalidValue};
use futures_util::future::BoxFuture;
use serde_json::Value;

use super::call::ActionCall;

/// Handler of an action.
pub(crate) type Handler =
    Arc<dyn Fn(ActionCall) -> BoxFuture<'static, Result<Value, String>> + Send + Sync>;

/// The handlers of a project.
#[derive(Clone, Default)]
pub(crate) struct Handlers(Vec<(String, ActionName, Handler)>);

impl Handlers {
    /// Maximum number of handlers, which is that of the actions that a project may allow.
    const MAX: usize = 50;

    /// Adds a handler. Replaces that of the same action.
    pub(crate) fn add(
        &mut self,
        subjects: &ActionSubjects,
        action: &str,
        handler: Handler,
    ) -> Result<(), InvalidValue> {
        let name = ActionName::parse(action)?;
        let subject = subjects.subject_of(&name).ok_or_else(|| {
            InvalidValue::new("action", action, "two words joined by a dot, such as cache.clear")
        })?;
        self.0.retain(|(_, known, _)| *known != name);
        if self.0.len() == Self::MAX {
            return Err(InvalidValue::new("action", action, "at most 50 actions"));
        }
        self.0.push((subject, name, handler));
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over subjects and actions.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ActionName)> {
        self.0.iter().map(|(subject, action, _)| (subject.as_str(), action))
    }

    pub(crate) fn find(&self, subject: &str, action: &str) -> Option<Handler> {
        let is_wanted = |(of, name, _): &&(String, ActionName, Handler)| {
            of == subject && name.as_str() == action
        };
        self.0.iter().find(is_wanted).map(|(_, _, handler)| Arc::clone(handler))
    }
}
