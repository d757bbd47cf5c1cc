use actix_web::http::Method;
use federation_application::{ProjectQuery, Sort};
use federation_domain::{Origin, Registration, RegistrationDraft};
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use super::*;
use crate::project::ProjectBody;
use crate::testing::Api;

fn moment(generation: u64, millis: u64) -> Moment {
    Moment { generation, at: Monotonic(Duration::from_millis(millis)) }
}

fn keep(place: &Place, begun: Moment) {
    let list = Arc::new(Written::new(Bytes::from_static(b"[]"), None));
    place.0.lock().kept = Some(Kept { list, begun });
}

fn is_taken(place: &Place, asked: Moment) -> bool {
    matches!(place.turn(asked), Turn::Take(_))
}

#[test]
fn a_list_is_given_out_for_200_ms_while_nothing_changes() {
    let place = Place::default();
    keep(&place, moment(7, 1_000));
    assert!(is_taken(&place, moment(7, 1_199)));
    assert!(!is_taken(&place, moment(7, 1_200)));
    assert!(!is_taken(&place, moment(8, 1_000)), "the caller may know of a change");
}

#[test]
fn who_asked_before_a_list_was_begun_takes_it() {
    let place = Place::default();
    keep(&place, moment(9, 5_000));
    assert!(is_taken(&place, moment(7, 1_000)));
}

#[test]
fn who_asks_while_a_list_is_made_waits_and_takes_it_only_if_it_knows_enough() {
    let place = Place::default();
    let Turn::Make(made) = place.turn(moment(1, 0)) else { panic!("there is none yet") };
    assert!(matches!(place.turn(moment(1, 0)), Turn::Wait(_)));
    assert!(matches!(place.turn(moment(2, 0)), Turn::Wait(_)), "one is made at a time");
    keep(&place, moment(1, 0));
    drop(made);
    assert!(is_taken(&place, moment(1, 0)));
    assert!(matches!(place.turn(moment(2, 0)), Turn::Make(_)), "it was begun before the change");
}

#[test]
fn a_making_that_failed_does_not_keep_others_waiting() {
    let place = Place::default();
    drop(place.turn(moment(1, 0)));
    assert!(matches!(place.turn(moment(1, 0)), Turn::Make(_)));
}

/// For which lists are long soon.
pub(crate) fn short_lists() -> Lists {
    Lists { most_kept_bytes: 1_000, ..Lists::default() }
}

async fn whole(api: &Api, status: Option<ProjectStatus>) -> Bytes {
    match api.state.lists.list(&api.state, &ListQuery::of_status(status)).await {
        Ok(List::Whole(written)) => written.json().clone(),
        _ => panic!("there is no whole list"),
    }
}

#[actix_web::test]
async fn all_who_ask_at_once_take_the_same_list() {
    let api = Api::new().await;
    api.register("a").await;
    let lists = join_all((0..16).map(|_| whole(&api, None))).await;
    assert!(lists.iter().all(|list| list.as_ptr() == lists[0].as_ptr()), "it was copied");
    api.post("/api/fed/projects/a/heartbeat", "").await;
    let newer = join_all((0..16).map(|_| whole(&api, None))).await;
    assert!(newer.iter().all(|list| list.as_ptr() == newer[0].as_ptr() && *list != lists[0]));
}

#[actix_web::test]
async fn a_caller_that_goes_away_leaves_the_list_to_those_who_wait() {
    let api = Api::new().await;
    api.register("a").await;
    let gone = tokio::time::timeout(Duration::ZERO, whole(&api, None));
    let (_, list) = tokio::join!(gone, whole(&api, None));
    assert!(list.starts_with(b"[{"));
}

#[actix_web::test]
async fn each_filter_has_a_list_of_its_own() {
    let api = Api::new().await;
    api.register("a").await;
    let filters = || ProjectStatus::ALL.map(Some).into_iter().chain([None]);
    for _ in 0..2 {
        let lists = join_all(filters().map(|status| whole(&api, status))).await;
        let empty: Vec<bool> = lists.iter().map(|list| &list[..] == b"[]").collect();
        assert_eq!(empty, [true, true, false, false]);
    }
}

pub(crate) fn registration(number: usize) -> Registration {
    let draft = RegistrationDraft {
        slug: format!("p{number}"),
        name: format!("Project {number}"),
        hub_url: "http://localhost:8000".to_owned(),
        mesh_namespace: "hub.p".to_owned(),
        tags: Vec::new(),
        heartbeat_interval_seconds: None,
        allow_fanout: None,
    };
    draft.parse().unwrap()
}

#[actix_web::test]
async fn a_long_list_is_the_same_to_the_byte_and_is_not_kept() {
    let mut api = Api::new().await;
    let catalog = api.service.catalog.clone();
    catalog.register_all((0..3_500).map(registration).collect(), Origin::Api).await.unwrap();
    let states = catalog.list(None).unwrap();
    let bodies: Vec<_> = states.iter().map(ProjectBody::from).collect();
    let expected = serde_json::to_string(&bodies).unwrap();
    assert!(whole(&api, None).await == expected, "the whole list");

    api.state.lists = Arc::new(short_lists());
    let answer = api.get("/api/fed/projects").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.body == expected, "the list in parts");
    assert!(api.state.lists.places[0].0.lock().kept.is_none(), "it is kept");
    assert_eq!(api.get("/api/fed/projects?status=online").await.body, "[]");
    assert_eq!(api.send(Method::HEAD, "/api/fed/projects").await.status, 200);
}

#[actix_web::test]
async fn of_a_list_that_turns_out_to_be_long_only_a_part_stays_in_memory() {
    let api = Api::new().await;
    let registrations = (0..6_000).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let lists = Lists { most_kept_bytes: 1_500_000, ..Lists::default() };
    for sort in ["id", "slug"] {
        let projects = ProjectQuery { sort: Sort::parse(sort).unwrap(), ..ProjectQuery::default() };
        let states = api.service.catalog.query(&projects).unwrap();
        let bodies: Vec<_> = states.iter().map(ProjectBody::from).collect();
        let expected = serde_json::to_vec(&bodies).unwrap();
        let query = ListQuery::parse(&format!("sort={sort}")).unwrap();
        let Ok(List::Long(first, draft)) = lists.list(&api.state, &query).await else {
            panic!("a list of {} bytes is long", expected.len());
        };
        assert!(draft::PART_BYTES <= first.len() && first.len() < 2 * draft::PART_BYTES);
        let parts: Vec<Bytes> = draft.rest().map(Result::unwrap).collect().await;
        assert!(parts.iter().all(|part| part.len() < 2 * draft::PART_BYTES), "{sort}");
        assert!([first].iter().chain(&parts).flatten().eq(&expected), "{sort}");
    }
}

#[actix_web::test]
async fn who_moves_while_a_long_sorted_list_is_sent_is_in_it_once() {
    let api = Api::new().await;
    let registrations = (0..3_000).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let query = ListQuery::parse("sort=-name&fields=name").unwrap();
    let Ok(List::Long(first, draft)) = short_lists().list(&api.state, &query).await else {
        panic!("it is long");
    };
    // From the first part to where the last one is.
    let moved = Registration { name: " 0".parse().unwrap(), ..registration(999) };
    api.service.catalog.register(moved, Origin::Api).await.unwrap();
    let rest: Vec<Bytes> = draft.rest().map(Result::unwrap).collect().await;
    let list = [vec![first], rest].concat().concat();
    let names: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
    assert_eq!(names.len(), 3_000);
}

/// How many costly lists are being written.
pub(crate) fn costly_drafts(lists: &Lists) -> usize {
    Arc::strong_count(&lists.turns) - 1
}
