use federation_application::{
    GraphQuery, GroupBy, Position, ProjectFilter, ProjectQuery, SearchText, Sort, Strips,
};
use federation_domain::ProjectStatus::{Degraded, Offline, Online};
use federation_domain::{Actor, Origin, Precondition, Project};

use crate::world::{World, registration, slug};

fn by(sort: &str) -> ProjectQuery {
    ProjectQuery { sort: Sort::parse(sort).unwrap(), ..ProjectQuery::default() }
}

fn holding(text: &str) -> ProjectFilter {
    ProjectFilter { text: Some(SearchText::parse(text).unwrap()), ..ProjectFilter::default() }
}

/// A part of a list: its slugs and the position after which the list continues.
fn part(
    world: &World,
    query: &ProjectQuery,
    after: Option<&Position>,
    at_most: usize,
) -> (Vec<String>, Option<Position>) {
    let mut slugs = Vec::new();
    let mut show = |project: &Project, _| slugs.push(project.slug.to_string());
    let next = world.service.catalog.list_next(query, after, at_most, &mut show).unwrap();
    (slugs, next)
}

pub(crate) fn whole(world: &World, query: &ProjectQuery) -> Vec<String> {
    let (mut slugs, mut after) = part(world, query, None, usize::MAX);
    while let Some(place) = after {
        let (more, next) = part(world, query, Some(&place), usize::MAX);
        slugs.extend(more);
        after = next;
    }
    slugs
}

#[tokio::test]
async fn everything_that_looks_at_the_whole_catalog_sees_more_than_one_part_of_it() {
    let world = World::with(&[]).await;
    let slugs: Vec<String> = (0..2_500).map(|number| format!("p{number:04}")).collect();
    let all = slugs.iter().map(|slug| registration(slug)).collect();
    world.service.catalog.register_all(all, Origin::Api).await.unwrap();
    let mut seen = Vec::new();
    let mut show = |project: &Project, _| seen.push(project.slug.to_string());
    world.service.catalog.list_all(&ProjectQuery::default(), &mut show).unwrap();
    assert_eq!(seen, slugs);
    let (catalog, changes) = (world.service.catalog.clone(), world.service.changes.clone());
    let strips = Strips::new(catalog, changes).get().await.unwrap();
    assert!(strips.get(&slug("p2499")).is_some());
    let groups = world.service.graph.grouped(&GraphQuery::default(), GroupBy::Tag, 10).unwrap();
    assert_eq!(groups.nodes.iter().map(|group| group.projects).sum::<usize>(), 2_500);
}

#[tokio::test]
async fn lists_are_in_the_requested_order() {
    let world = World::with(&["c", "a", "b"]).await;
    world.beat("a").unwrap();
    assert_eq!(whole(&world, &by("id")), ["c", "a", "b"]);
    assert_eq!(whole(&world, &by("-id")), ["b", "a", "c"]);
    assert_eq!(whole(&world, &by("slug")), ["a", "b", "c"]);
    assert_eq!(whole(&world, &by("-name")), ["c", "b", "a"]);
    assert_eq!(
        whole(&world, &by("last_heartbeat_at")),
        ["a", "c", "b"],
        "by the heartbeats heard here"
    );
}

#[tokio::test]
async fn a_list_selects_by_the_current_state() {
    let world = World::with(&["c", "a", "b"]).await;
    world.beat("a").unwrap();
    let filter = ProjectFilter { statuses: vec![Online, Degraded], ..ProjectFilter::default() };
    assert_eq!(whole(&world, &ProjectQuery { filter, ..by("slug") }), ["a"]);
    assert_eq!(whole(&world, &ProjectQuery { filter: holding("B"), ..by("id") }), ["b"]);
}

#[tokio::test]
async fn a_full_part_has_a_next_position_only_if_more_projects_follow() {
    let world = World::with(&["c", "a", "b"]).await;
    for (sort, expected) in [("id", "a"), ("-id", "a"), ("slug", "b"), ("-slug", "b")] {
        let (first, next) = part(&world, &by(sort), None, 2);
        assert_eq!((first.len(), &*first[1]), (2, expected), "{sort}");
        let (rest, end) = part(&world, &by(sort), next.as_ref(), 2);
        assert_eq!((rest.len(), end), (1, None), "{sort}");
        assert_eq!(part(&world, &by(sort), None, 3).1, None, "{sort}");
        // The rest does not match the filter.
        let statuses = vec![Online];
        world.beat(&first[0]).unwrap();
        let filter = ProjectFilter { statuses, ..ProjectFilter::default() };
        let online = whole(&world, &ProjectQuery { filter: filter.clone(), ..by(sort) });
        let query = ProjectQuery { filter, ..by(sort) };
        assert_eq!(part(&world, &query, None, online.len()), (online, None), "{sort}");
    }
}

#[tokio::test]
async fn a_list_continues_after_a_removed_project() {
    let world = World::with(&["c", "a", "b"]).await;
    for sort in ["id", "slug"] {
        let (first, next) = part(&world, &by(sort), None, 1);
        world
            .service
            .catalog
            .remove(&slug(&first[0]), Precondition::Always, Actor::API)
            .await
            .unwrap();
        let (rest, end) = part(&world, &by(sort), next.as_ref(), 9);
        assert_eq!((rest, end), (whole(&world, &by(sort)), None), "{sort}");
    }
}

#[tokio::test]
async fn a_long_list_is_complete_in_every_order() {
    let world = World::with(&[]).await;
    let slugs: Vec<String> = (0..2_500).map(|number| format!("p{number:04}")).collect();
    let registrations = slugs.iter().map(|slug| registration(slug)).collect();
    world.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let backwards: Vec<String> = slugs.iter().rev().cloned().collect();
    for (sort, expected) in [("id", &slugs), ("slug", &slugs), ("-id", &backwards)] {
        assert_eq!(whole(&world, &by(sort)), *expected, "{sort}");
        let (page, next) = part(&world, &by(sort), None, 1_700);
        assert_eq!(page.len(), if sort.ends_with("id") { 1_000 } else { 1_700 });
        assert!(next.is_some());
    }
    // The only selected project comes after many others.
    let query = ProjectQuery { filter: holding("p2499"), ..by("id") };
    let (mut found, mut after) = part(&world, &query, None, 1);
    assert!(found.is_empty() && after.is_some(), "a part scans a thousand projects");
    while let Some(position) = after {
        let (slugs, next) = part(&world, &query, Some(&position), 1);
        found.extend(slugs);
        after = next;
    }
    assert_eq!(found, ["p2499"]);
}

#[tokio::test]
async fn an_order_is_computed_once_and_filtered_again_when_shown() {
    let world = World::with(&["c", "a", "b", "d"]).await;
    world.beat("a").unwrap();
    let catalog = &world.service.catalog;
    let filter = ProjectFilter { statuses: vec![Offline], ..ProjectFilter::default() };
    let query = ProjectQuery { filter, ..by("-slug") };
    let (ids, next) = catalog.order(&query, None).unwrap();
    assert_eq!((ids.len(), next), (3, None));
    let shown = || {
        let mut slugs = Vec::new();
        let mut show = |project: &Project, _| slugs.push(project.slug.to_string());
        catalog.list_these(&query.filter, &ids, &mut show);
        slugs
    };
    assert_eq!(shown(), ["d", "c", "b"]);
    world.beat("c").unwrap();
    world.service.catalog.remove(&slug("d"), Precondition::Always, Actor::API).await.unwrap();
    assert_eq!(shown(), ["b"]);
    let (_, after_b) = part(&world, &by("slug"), None, 2);
    let (rest, _) = catalog.order(&by("slug"), after_b.as_ref()).unwrap();
    assert_eq!(rest.len(), 1, "it continues after a position");
}
