//! Rights of keys to request actions, for the whole time of a run.

use federation_domain::{ActionName, ActionRights, Actor, Slug};

use super::authenticator::Auth;
use super::scope::Scope;

impl ActionRights for Auth {
    fn refusal(
        &self,
        actor: &Actor,
        action: &ActionName,
        project: Option<&Slug>,
    ) -> Option<String> {
        let Some(key) = self.keys.by_id(actor.as_str()) else {
            return Some("the API key of the run no longer exists".to_owned());
        };
        if let Err(error) = self.admit(&key, Scope::Act) {
            return Some(error.to_string());
        }
        let permits_action = key.actions.as_ref().is_none_or(|actions| actions.contains(action));
        if !permits_action {
            return Some(format!("the API key permits other actions, but not {action}"));
        }
        let permits_project = project.is_none_or(|project| key.reaches(project.as_str()));
        (!permits_project)
            .then(|| "the API key permits other projects, but not this one".to_owned())
    }
}
