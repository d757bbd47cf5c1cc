//! Rules of `CatalogStore::find`.

use std::sync::Arc;

use federation_domain::{Actor, Precondition, Project, ProjectStatus, Slug, Store};

use super::samples::{moment, register_all, registration, transition};

fn slugs(names: &[&str]) -> Vec<Slug> {
    names.iter().map(|name| Slug::parse(name).expect("a valid slug")).collect()
}

/// Sorts by id, because the order of the result is not defined.
async fn found(store: &dyn Store, slugs: &[Slug]) -> Vec<Project> {
    let mut found = store.find(slugs).await.unwrap();
    found.sort_unstable_by_key(|project| project.id);
    found
}

/// Unknown and removed projects are not in the result.
pub async fn projects_are_found_as_they_are_now(store: &Arc<dyn Store>) {
    let batch = ["a", "b", "c", "gone"].map(registration);
    let projects = register_all(store.as_ref(), &batch).await;
    let online = transition(&projects[2], ProjectStatus::Online, moment(1));
    store.commit(&[online]).await.unwrap();
    store.remove(&projects[3].slug, &Precondition::Always, &Actor::API, moment(2)).await.unwrap();
    let stored = store.load().await.unwrap().projects;
    assert_eq!(stored[2].status, ProjectStatus::Online);
    let asked = slugs(&["never-there", "c", "gone", "a"]);
    assert_eq!(found(store.as_ref(), &asked).await, [stored[0].clone(), stored[2].clone()]);
    assert_eq!(found(store.as_ref(), &[]).await, []);
}

/// This holds even if the occurrences are far apart.
pub async fn a_repeated_slug_is_found_once(store: &Arc<dyn Store>) {
    let project = register_all(store.as_ref(), &[registration("a")]).await.remove(0);
    let mut asked = slugs(&["a", "a"]);
    asked.extend((0..5_000).map(|n| registration(&format!("other-{n}")).slug));
    asked.extend(slugs(&["a"]));
    assert_eq!(found(store.as_ref(), &asked).await, [project]);
}

/// This exceeds the number of parameters that a database accepts.
pub async fn one_call_finds_forty_thousand_slugs(store: &Arc<dyn Store>) {
    let registrations: Vec<_> = (0..2_000).map(|n| registration(&format!("p-{n}"))).collect();
    let projects = register_all(store.as_ref(), &registrations).await;
    let asked: Vec<Slug> = (0..40_000)
        .map(|n| Slug::parse(&format!("p-{}", n * 7 % 40_000)).expect("a valid slug"))
        .collect();
    assert_eq!(found(store.as_ref(), &asked).await, projects);
}
