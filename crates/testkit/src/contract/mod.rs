//! What every [`CatalogStore`](federation_domain::CatalogStore) must do, as tests.
//!
//! Each rule is a function of a fresh store. [`catalog_store_contract!`](crate::catalog_store_contract)
//! makes a test of each; the fake, SQLite and Postgres all run it. A new rule is a function here
//! and a line in the macro.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a store that breaks a promise fails the test by a panic"
)]

pub mod checkpointing;
pub mod committing;
pub mod conditions;
pub mod finding;
pub mod history;
pub mod listening;
pub mod logging;
pub mod registering;
pub mod removing;
pub mod samples;
pub mod snapshots;

/// Makes a `#[tokio::test]` of every rule of the port.
///
/// Takes the path of an `async fn() -> (Arc<dyn CatalogStore>, guard)`, which makes an empty,
/// migrated store; the guard (a temporary folder, a database) is dropped when the rule has run.
/// The calling crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! catalog_store_contract {
    ($make_store:path) => {
        $crate::catalog_store_contract! { @tests $make_store;
            registering::a_new_project_is_offline_and_logged;
            registering::every_field_is_kept;
            registering::other_metadata_is_replaced_and_the_rest_stays;
            registering::the_same_metadata_logs_nothing;
            registering::what_is_not_given_stays;
            registering::a_batch_is_applied_in_its_order;
            registering::a_reader_sees_a_batch_whole_or_not_at_all;
            registering::a_heartbeat_introduces_a_newcomer;
            registering::an_introduction_by_heartbeat_replaces_nothing;
            registering::of_a_registration_and_an_introduction_at_once_the_registration_stays;
            registering::an_empty_batch_does_nothing;
            registering::sixteen_callers_register_one_new_slug_at_once;
            conditions::what_must_be_absent_is_created_once;
            conditions::what_must_be_present_is_not_created;
            conditions::a_changed_project_is_not_replaced;
            conditions::a_heartbeat_is_no_change_of_the_registration;
            conditions::a_project_that_took_the_slug_is_another;
            conditions::of_a_batch_with_a_refusal_nothing_is_applied;
            conditions::each_condition_meets_the_row_as_those_before_left_it;
            conditions::a_replacement_resets_what_it_does_not_give;
            conditions::a_patch_changes_its_parts;
            conditions::a_changed_project_is_not_removed;
            conditions::of_writers_with_the_same_reading_one_wins;
            conditions::patches_of_different_parts_at_once_all_stand;
            removing::a_removed_project_is_gone_and_its_log_stays;
            removing::an_unknown_project_is_not_logged;
            removing::the_id_of_a_removed_project_is_never_used_again;
            committing::a_transition_that_stands_is_stored_and_logged;
            committing::a_transition_from_another_status_is_stale;
            committing::a_transition_that_knows_an_older_heartbeat_is_stale;
            committing::a_transition_of_a_removed_project_is_told_so;
            committing::each_transition_meets_the_row_as_those_before_left_it;
            committing::what_follows_on_a_refused_transition_is_refused_too;
            committing::what_is_told_again_since_its_answer_was_lost_is_logged_once;
            committing::reports_alone_are_stored_and_not_logged;
            committing::a_heartbeat_that_is_not_newer_keeps_its_source;
            committing::of_two_replicas_with_one_finding_one_is_accepted;
            committing::a_thousand_transitions_are_one_call;
            checkpointing::times_move_forward_only;
            checkpointing::of_several_marks_of_a_project_the_newest_counts;
            checkpointing::nothing_is_logged;
            checkpointing::projects_that_are_gone_are_passed_over;
            checkpointing::ten_thousand_projects_are_one_call;
            checkpointing::replicas_that_write_at_once_do_not_stand_in_each_others_way;
            finding::projects_are_found_as_they_are_now;
            finding::a_slug_that_is_given_twice_is_found_once;
            finding::forty_thousand_slugs_are_one_call;
            history::it_comes_newest_first_and_of_one_project;
            history::it_comes_in_pages;
            history::a_removed_project_has_its_history;
            listening::spells_that_overlap_or_touch_are_one;
            listening::spells_are_joined_in_whatever_order_they_come;
            listening::each_source_has_spells_of_its_own;
            listening::spells_are_found_by_their_end;
            listening::replicas_that_note_spells_at_once_join_them_all;
            listening::a_spell_is_forgotten_once_it_ended_long_before_the_newest;
            listening::a_snapshot_has_of_each_source_the_spell_that_ends_last;
            logging::every_cause_reads_as_it_was_written;
            logging::changes_come_in_pages;
            logging::revisions_have_no_gaps_under_concurrent_writers;
            logging::who_follows_the_log_misses_nothing;
            snapshots::an_empty_store_has_an_empty_snapshot;
            snapshots::projects_come_by_id;
            snapshots::projects_and_revision_are_of_one_moment;
            snapshots::times_keep_their_microseconds;
        }
    };
    (@tests $make_store:path; $($group:ident::$rule:ident;)*) => {
        $(
            #[::tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let (store, _guard) = $make_store().await;
                $crate::contract::$group::$rule(&store).await;
            }
        )*
    };
}
