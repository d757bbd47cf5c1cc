//! Settings of fan-out.

use federation_domain::ActionSubjects;
use federation_nats::MasterKeys;

use super::value::{Secret, SettingError, boolean};

/// Settings of fan-out, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Actions")]
pub struct FanoutArgs {
    /// Let clients request actions of many projects at once; requires MESH_HMAC_KEY.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub fanout: bool,

    /// Sign requests with this key of at least 32 characters, or with two keys, comma-separated, during
    /// a rotation.
    #[arg(long, env, value_name = "KEY", hide_env_values = true)]
    pub mesh_hmac_key: Option<Secret>,

    /// Send actions on these subjects: `action=subject`, comma-separated. Others are sent on the
    /// subject that follows from their name.
    #[arg(long, env, value_name = "LIST", default_value = "")]
    pub fanout_subjects: String,
}

/// Checked settings of fan-out.
#[derive(Debug, Clone)]
pub struct FanoutSettings {
    /// Keys that sign requests.
    pub keys: MasterKeys,
    /// Subjects of actions.
    pub subjects: ActionSubjects,
}

impl FanoutArgs {
    /// Checks all settings. Returns `None` if fan-out is off.
    ///
    /// # Errors
    /// Returns the first invalid setting.
    pub fn resolve(&self, has_bus: bool) -> Result<Option<FanoutSettings>, SettingError> {
        let subjects = subjects(&self.fanout_subjects)?;
        let keys = self.mesh_hmac_key.as_ref().map(|key| MasterKeys::parse(key.expose()));
        let keys = keys.transpose().map_err(|error| SettingError::new("MESH_HMAC_KEY", error))?;
        if !self.fanout {
            return Ok(None);
        }
        if !has_bus {
            let problem = "expected false without NATS, got true; set NATS_URL or remove FANOUT";
            return Err(SettingError::new("FANOUT", problem));
        }
        let keys = keys.ok_or_else(|| {
            let problem = "expected a key of at least 32 characters because FANOUT=true, got nothing; \
                           create one with `openssl rand -hex 32`";
            SettingError::new("MESH_HMAC_KEY", problem)
        })?;
        Ok(Some(FanoutSettings { keys, subjects }))
    }
}

/// Parses FANOUT_SUBJECTS.
pub(crate) fn subjects(text: &str) -> Result<ActionSubjects, SettingError> {
    let entries: Vec<&str> =
        text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
    ActionSubjects::parse(&entries).map_err(|fault| {
        let problem = format!("expected {}, got {}", fault.allowed, fault.given);
        SettingError::new("FANOUT_SUBJECTS", problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        fanout: FanoutArgs,
    }

    fn resolve(args: &[&str], has_bus: bool) -> Result<Option<FanoutSettings>, SettingError> {
        let args = std::iter::once("test").chain(args.iter().copied());
        Command::try_parse_from(args).unwrap().fanout.resolve(has_bus)
    }

    #[test]
    fn fan_out_is_off_unless_switched_on() {
        assert!(resolve(&[], true).unwrap().is_none());
        assert!(resolve(&["--mesh-hmac-key", KEY], true).unwrap().is_none());
        assert!(resolve(&["--fanout", "--mesh-hmac-key", KEY], true).unwrap().is_some());
    }

    #[test]
    fn fan_out_needs_a_key_and_a_bus() {
        for (args, has_bus, name) in [
            (&["--fanout"][..], true, "MESH_HMAC_KEY"),
            (&["--fanout", "--mesh-hmac-key", "hunter2"], true, "MESH_HMAC_KEY"),
            (&["--mesh-hmac-key", "hunter2"], true, "MESH_HMAC_KEY"),
            (&["--fanout", "--mesh-hmac-key", KEY], false, "FANOUT"),
            (&["--fanout-subjects", "deploy"], true, "FANOUT_SUBJECTS"),
        ] {
            let error = resolve(args, has_bus).unwrap_err();
            assert_eq!(error.name, name);
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
