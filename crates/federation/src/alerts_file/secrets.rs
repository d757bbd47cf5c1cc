//! Values from the environment and from files.

use std::path::{Path, PathBuf};

use crate::files;

/// Size limit of a file with a secret, in bytes.
const MAX_SECRET_BYTES: u64 = 4_096;

/// Sources of values that do not stand in the file itself.
pub(super) struct Secrets<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    /// Folder that relative paths start from.
    folder: PathBuf,
}

impl<'a> Secrets<'a> {
    #[cfg(test)]
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>, folder: &Path) -> Self {
        Self { variable, folder: folder.to_owned() }
    }

    /// Uses the environment of the process, and files relative to this folder.
    pub(super) fn of_process(folder: &Path) -> Self {
        Self { variable: &|name| std::env::var(name).ok(), folder: folder.to_owned() }
    }

    /// Replaces each `${NAME}` by the variable of this name.
    ///
    /// # Errors
    /// Fails if a variable is not set or empty, or if a `${` has no end.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            expanded.push_str(&rest[..start]);
            let Some(length) = rest[start..].find('}') else {
                return Err("expected `}` after `${`".to_owned());
            };
            let name = &rest[start + 2..start + length];
            let value = (self.variable)(name).filter(|value| !value.is_empty());
            let unset =
                || format!("the environment variable {name} is not set; set it, or use a file");
            expanded.push_str(value.ok_or_else(unset)?.trim());
            rest = &rest[start + length + 1..];
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    /// Reads a file and returns its text without white space around it.
    ///
    /// # Errors
    /// Fails if the file cannot be read, is too large, or is not UTF-8.
    pub(super) fn read(&self, path: &str) -> Result<String, String> {
        let path = self.folder.join(path);
        let shown = path.display();
        let bytes = files::read_at_most(&path, MAX_SECRET_BYTES)
            .map_err(|error| format!("cannot read {shown}: {error}"))?
            .ok_or_else(|| format!("{shown} has more than {MAX_SECRET_BYTES} bytes"))?;
        let text = String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))?;
        Ok(text.trim().to_owned())
    }

    /// Returns the value of a key, or of the file in its `_file` variant.
    ///
    /// # Errors
    /// Returns the key at fault and the problem. Having both keys is one.
    pub(super) fn value(
        &self,
        (key, given): (&'static str, Option<&str>),
        (file_key, file): (&'static str, Option<&str>),
    ) -> Result<Option<String>, (&'static str, String)> {
        match (given, file) {
            (Some(_), Some(_)) => Err((file_key, format!("expected either {key} or {file_key}"))),
            (Some(text), None) => self.expand(text).map(Some).map_err(|error| (key, error)),
            (None, Some(path)) => self.read(path).map(Some).map_err(|error| (file_key, error)),
            (None, None) => Ok(None),
        }
    }
}
