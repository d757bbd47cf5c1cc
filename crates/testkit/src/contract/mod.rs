//! Contract of [`Store`](federation_domain::Store) and its ports, as tests.
//!
//! Each rule is a function that takes an empty store. [`store_contract!`](crate::store_contract)
//! expands to a test for each rule. The fake, SQLite and Postgres run all of them. A new rule is a
//! function here and a line in the macro.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a store that breaks the contract fails the test by a panic"
)]

pub mod actions;
pub mod checkpointing;
pub mod committing;
pub mod conditions;
pub mod edges;
pub mod finding;
pub mod history;
pub mod incidents;
pub mod instances;
pub mod listening;
pub mod logging;
pub mod maintenance;
pub mod metrics;
pub mod outbox;
pub mod registering;
pub mod removing;
pub mod samples;
pub mod snapshots;
pub mod upkeep;

/// Expands to a `#[tokio::test]` for every rule of the contract.
///
/// Takes the path of an `async fn() -> (Arc<dyn Store>, guard)` that creates an empty, migrated
/// store. The guard (a temporary folder, a database) is dropped after the rule has run. The calling
/// crate needs tokio with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! store_contract {
    ($make_store:path) => {
        $crate::store_contract! { @tests $make_store;
            registering::a_new_project_is_offline_and_logged;
            registering::every_field_is_kept;
            registering::other_metadata_is_replaced_and_the_rest_stays;
            registering::the_same_metadata_logs_nothing;
            registering::a_registration_keeps_fields_that_it_lacks;
            registering::a_batch_is_applied_in_its_order;
            registering::a_reader_sees_a_batch_whole_or_not_at_all;
            registering::a_heartbeat_registers_an_unknown_project;
            registering::a_registration_by_heartbeat_replaces_nothing;
            registering::a_project_is_auto_registered_until_it_is_claimed;
            registering::a_registration_wins_over_a_concurrent_one_by_heartbeat;
            registering::an_empty_batch_does_nothing;
            registering::sixteen_concurrent_callers_register_one_new_slug;
            conditions::a_precondition_of_absence_creates_once;
            conditions::a_precondition_of_presence_creates_nothing;
            conditions::a_changed_project_is_not_replaced;
            conditions::a_heartbeat_keeps_the_registration_tag;
            conditions::a_successor_with_the_same_slug_has_another_tag;
            conditions::a_failed_precondition_rejects_the_whole_batch;
            conditions::a_precondition_applies_to_the_row_as_earlier_writes_left_it;
            conditions::a_replacement_resets_fields_that_it_lacks;
            conditions::a_patch_changes_only_its_fields;
            conditions::a_changed_project_is_not_removed;
            conditions::one_of_several_writers_with_the_same_tag_wins;
            conditions::concurrent_patches_of_different_fields_all_apply;
            removing::a_removed_project_is_gone_and_its_log_stays;
            removing::an_unknown_project_is_not_logged;
            removing::the_id_of_a_removed_project_is_never_used_again;
            committing::a_transition_that_stands_is_stored_and_logged;
            committing::a_transition_from_another_status_is_stale;
            committing::a_transition_that_knows_an_older_heartbeat_is_stale;
            committing::a_transition_of_a_removed_project_is_gone;
            committing::a_transition_applies_to_the_row_as_earlier_ones_left_it;
            committing::a_transition_after_a_rejected_one_is_rejected_too;
            committing::a_transition_repeated_after_a_lost_answer_is_logged_once;
            committing::a_change_of_reports_alone_is_stored_and_not_logged;
            committing::a_heartbeat_that_is_not_newer_keeps_its_source;
            committing::one_of_two_equal_transitions_of_replicas_is_accepted;
            committing::one_call_commits_a_thousand_transitions;
            checkpointing::heartbeats_move_forward_only;
            checkpointing::the_newest_of_several_marks_of_a_project_counts;
            checkpointing::a_checkpoint_logs_nothing;
            checkpointing::a_checkpoint_ignores_removed_projects;
            checkpointing::one_call_stores_ten_thousand_heartbeats;
            checkpointing::concurrent_replicas_do_not_deadlock;
            actions::a_run_is_kept_with_every_field;
            actions::runs_in_progress_are_limited;
            actions::a_repeated_request_creates_one_run;
            actions::concurrent_repetitions_create_one_run;
            actions::runs_are_listed_newest_first;
            actions::a_lease_is_taken_over_after_it_expires;
            actions::one_of_several_replicas_gets_a_lease;
            actions::a_dispatch_is_recorded_once;
            actions::a_stored_outcome_never_changes;
            actions::a_run_ends_with_its_last_target;
            actions::a_cancelled_run_asks_no_further_targets;
            actions::targets_are_read_in_pages;
            actions::old_runs_are_deleted;
            actions::a_run_has_ten_thousand_targets;
            edges::a_declared_edge_is_kept_with_every_field;
            edges::changes_of_edges_are_logged;
            edges::a_declaration_replaces_the_claim_of_its_source;
            edges::a_repeated_observation_is_not_logged;
            edges::an_observation_grows_stale_and_expires;
            edges::a_call_is_applied_whole_or_not_at_all_if_asked;
            edges::edges_are_found_by_their_start;
            edges::removing_a_project_keeps_its_claims;
            edges::concurrent_writers_lose_no_edge;
            edges::one_call_writes_a_thousand_edges;
            finding::projects_are_found_as_they_are_now;
            finding::a_repeated_slug_is_found_once;
            finding::one_call_finds_forty_thousand_slugs;
            history::history_is_newest_first_and_of_one_project;
            history::history_is_read_in_pages;
            history::a_removed_project_has_its_history;
            instances::facts_are_kept_with_every_field;
            instances::a_change_of_version_is_logged_once;
            instances::an_older_report_replaces_nothing;
            instances::facts_end_with_their_project;
            incidents::an_incident_is_kept_with_its_members_and_logged;
            incidents::a_change_replaces_what_it_names;
            incidents::a_decision_about_older_incidents_is_not_stored;
            incidents::one_of_two_evaluators_stores_its_decision;
            incidents::one_replica_evaluates_at_a_time;
            incidents::old_incidents_are_not_loaded;
            incidents::an_edit_is_applied_to_the_stored_incident;
            incidents::one_call_stores_ten_thousand_members;
            listening::periods_that_overlap_or_touch_are_joined;
            listening::periods_are_joined_in_any_order;
            listening::each_source_has_periods_of_its_own;
            listening::periods_are_found_by_their_end;
            listening::concurrent_replicas_join_all_periods;
            listening::a_period_expires_after_the_retention;
            logging::every_cause_is_read_as_written;
            logging::changes_are_read_in_pages;
            logging::revisions_have_no_gaps_under_concurrent_writers;
            logging::a_follower_of_the_log_misses_nothing;
            logging::every_entry_has_its_actor;
            logging::the_epoch_of_a_log_changes_only_when_it_is_renewed;
            outbox::a_notification_is_kept_with_every_field;
            outbox::a_notification_is_stored_once;
            outbox::only_due_deliveries_are_leased;
            outbox::grouped_deliveries_are_leased_as_one_message;
            outbox::a_later_event_waits_for_the_earlier_one;
            outbox::a_delivery_is_leased_by_one_owner_until_the_lease_ends;
            outbox::a_failed_message_is_repeated_whole_when_it_is_due_again;
            outbox::an_owner_without_the_lease_settles_nothing;
            outbox::a_dead_message_is_retried_whole;
            outbox::a_dead_message_is_not_retried_after_a_later_one;
            outbox::deliveries_are_read_newest_first_and_filtered;
            outbox::depth_counts_what_is_not_delivered;
            outbox::finished_deliveries_are_dropped_and_orphans_given_up;
            outbox::concurrent_owners_lease_each_delivery_once;
            maintenance::a_window_is_kept_with_every_field_and_logged;
            maintenance::a_window_is_changed_by_its_source;
            maintenance::a_window_of_the_file_is_stored_once;
            snapshots::an_empty_store_has_an_empty_snapshot;
            snapshots::projects_are_ordered_by_id;
            snapshots::projects_and_revision_are_consistent;
            snapshots::times_keep_their_microseconds;
            upkeep::each_step_of_a_roll_up_takes_effect_once;
            upkeep::days_are_read_newest_first;
            upkeep::steps_are_read_newest_first_between_two_revisions;
            upkeep::old_entries_are_dropped_except_the_newest_of_each_project;
            upkeep::no_entry_after_the_given_one_is_dropped;
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
