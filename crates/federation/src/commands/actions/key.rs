//! `federation actions key`.

use anyhow::Context as _;
use federation_domain::Slug;
use federation_nats::MasterKeys;

use crate::settings::Secret;

/// Arguments of `actions key`.
#[derive(Debug, clap::Args)]
pub(super) struct KeyArgs {
    /// Slug of the project.
    #[arg(value_parser = Slug::parse)]
    slug: Slug,

    /// Derive the key from this one, as in the settings of the service.
    #[arg(long, env, value_name = "KEY", hide_env_values = true)]
    mesh_hmac_key: Option<Secret>,
}

impl KeyArgs {
    /// Returns the keys of the project, joined by a comma, as its setting `MESH_HMAC_KEY`.
    pub(super) fn render(&self) -> anyhow::Result<String> {
        let key = self.mesh_hmac_key.as_ref();
        let key = key.context("MESH_HMAC_KEY: expected the key of the service, got nothing")?;
        let keys = MasterKeys::parse(key.expose()).context("MESH_HMAC_KEY")?;
        Ok(keys.of_project(&self.slug).texts().join(","))
    }
}
