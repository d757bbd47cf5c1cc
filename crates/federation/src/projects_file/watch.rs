//! Notices that the file has become another.

use std::fs;
use std::io;
use std::path::PathBuf;

use federation_domain::Registration;

use super::{ProjectsFileError, bytes, parse};
use crate::files::Stamp;

/// What the file looks like from outside. Links are followed to their end, since configuration that
/// is mounted is replaced by turning a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Not known yet.
    Unknown,
    Missing,
    Unreadable(io::ErrorKind),
    There(Stamp),
}

/// Watches one file by looking at it from time to time.
pub(crate) struct Watch {
    path: PathBuf,
    /// As it was at the last look.
    seen: Looks,
    /// As it was when its content, or its absence, was last told.
    told: Looks,
}

impl Watch {
    /// A watch that tells of the file once as it is, then of each change.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, seen: Looks::Unknown, told: Looks::Unknown }
    }

    /// The file, if it has changed. It is read when it looks the same as at the look before, so that
    /// one which is being written is left in peace. Blocks.
    ///
    /// # Errors
    /// Why the changed file cannot be used. What cannot be read now is tried again at each look.
    pub(crate) fn look(&mut self) -> Option<Result<Vec<Registration>, ProjectsFileError>> {
        let now = self.looks();
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || now == self.told {
            return None;
        }
        let read = self.read();
        // Changed while it was read, it is not whole: the next looks will see.
        if self.looks() != now {
            return None;
        }
        if !matches!(read, Err(ProjectsFileError::Unreadable { .. })) {
            self.told = now;
        }
        Some(read)
    }

    /// The file as it is now. Blocks.
    ///
    /// # Errors
    /// Why it cannot be used; one without a list cannot.
    pub(crate) fn read(&self) -> Result<Vec<Registration>, ProjectsFileError> {
        let projects = parse(&self.path.display().to_string(), &bytes(&self.path)?)?;
        projects.ok_or_else(|| ProjectsFileError::NoList(self.path.clone()))
    }

    fn looks(&self) -> Looks {
        match fs::metadata(&self.path) {
            Ok(file) => Looks::There(Stamp::of(&file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Looks::Missing,
            Err(error) => Looks::Unreadable(error.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const A: &str = "projects: [{slug: a, name: A, hub_url: 'http://a', mesh_namespace: hub.a}]";

    fn slugs(found: Option<Result<Vec<Registration>, ProjectsFileError>>) -> Vec<String> {
        let projects = found.expect("nothing was told").unwrap();
        projects.into_iter().map(|project| project.slug.to_string()).collect()
    }

    #[test]
    fn each_state_of_the_file_is_told_once_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        let mut watch = Watch::new(file.clone());
        assert!(watch.look().is_none());
        assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Missing(_)))));
        assert!(watch.look().is_none());
        fs::write(&file, A).unwrap();
        assert!(watch.look().is_none(), "it may still be being written");
        assert_eq!(slugs(watch.look()), ["a"]);
        assert!(watch.look().is_none());
        fs::write(&file, "projects: [").unwrap();
        assert!(watch.look().is_none());
        fs::write(&file, "projects: []").unwrap();
        assert!(watch.look().is_none(), "it has changed again since the last look");
        assert!(slugs(watch.look()).is_empty());
        fs::write(&file, "projects: [").unwrap();
        watch.look();
        assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Invalid(_)))));
        fs::write(&file, "").unwrap();
        watch.look();
        assert!(matches!(watch.look(), Some(Err(ProjectsFileError::NoList(_)))));
        fs::remove_file(&file).unwrap();
        watch.look();
        assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Missing(_)))));
    }

    #[test]
    fn a_link_that_is_turned_to_another_folder_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("1", "projects: []"), ("2", A)] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("p.yaml"), text).unwrap();
        }
        symlink("1", at("data")).unwrap();
        symlink("data/p.yaml", at("p.yaml")).unwrap();
        let mut watch = Watch::new(at("p.yaml"));
        watch.look();
        assert!(slugs(watch.look()).is_empty());
        symlink("2", at("new")).unwrap();
        fs::rename(at("new"), at("data")).unwrap();
        watch.look();
        assert_eq!(slugs(watch.look()), ["a"]);
    }

    #[test]
    fn what_cannot_be_read_is_tried_again_at_each_look() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path().to_owned());
        watch.look();
        for _ in 0..2 {
            assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Unreadable { .. }))));
        }
    }
}
