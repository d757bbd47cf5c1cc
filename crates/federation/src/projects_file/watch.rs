//! Detection of changes of the list.

use std::path::PathBuf;

use super::{ProjectsFileError, ProjectsList, read};
use crate::files;

/// Watches the list of projects.
pub(crate) type Watch = files::Watch<ProjectsList, ProjectsFileError>;

/// Creates a watch that reports the list once and then after each change.
pub(crate) fn watch(path: PathBuf) -> Watch {
    Watch::new(path, read, |error| matches!(error, ProjectsFileError::Unreadable { .. }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const A: &str = "projects: [{slug: a, name: A, hub_url: 'http://a', mesh_namespace: hub.a}]";

    fn slugs(found: Option<Result<ProjectsList, ProjectsFileError>>) -> Vec<String> {
        let projects = found.expect("no change was reported").unwrap().projects;
        projects.into_iter().map(|project| project.slug.to_string()).collect()
    }

    #[test]
    fn each_state_of_the_file_is_reported_once_when_it_has_settled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.yaml");
        let mut watch = super::watch(file.clone());
        assert!(watch.look().is_none());
        assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Missing(_)))));
        assert!(watch.look().is_none());
        fs::write(&file, A).unwrap();
        assert!(watch.look().is_none(), "the file may still be written");
        assert_eq!(slugs(watch.look()), ["a"]);
        assert!(watch.look().is_none());
        fs::write(&file, "projects: [").unwrap();
        assert!(watch.look().is_none());
        fs::write(&file, "projects: []").unwrap();
        assert!(watch.look().is_none(), "the file has changed again since the last check");
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
    fn a_link_to_another_folder_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, text) in [("1", "projects: []"), ("2", A)] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("p.yaml"), text).unwrap();
        }
        symlink("1", at("data")).unwrap();
        symlink("data/p.yaml", at("p.yaml")).unwrap();
        let mut watch = super::watch(at("p.yaml"));
        watch.look();
        assert!(slugs(watch.look()).is_empty());
        symlink("2", at("new")).unwrap();
        fs::rename(at("new"), at("data")).unwrap();
        watch.look();
        assert_eq!(slugs(watch.look()), ["a"]);
    }

    #[test]
    fn an_unreadable_file_is_retried_at_each_check() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = super::watch(folder.path().to_owned());
        watch.look();
        for _ in 0..2 {
            assert!(matches!(watch.look(), Some(Err(ProjectsFileError::Unreadable { .. }))));
        }
    }
}
