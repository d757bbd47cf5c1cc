//! Tables. A test compares this with the schema of a migrated database.

pub(crate) mod sql_types {
    /// The enum `project_status`. `table!` requires it to be public within this private module.
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "project_status"))]
    pub struct ProjectStatus;
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};
    use super::sql_types::ProjectStatus;

    projects (id) {
        id -> BigInt,
        slug -> Varchar,
        name -> Varchar,
        hub_url -> Varchar,
        mesh_namespace -> Nullable<Varchar>,
        status -> ProjectStatus,
        tags -> Nullable<Json>,
        last_heartbeat_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        heartbeat_interval_ms -> Nullable<BigInt>,
        allow_fanout -> Json,
        last_heartbeat_source -> Nullable<Varchar>,
        reports -> Nullable<Json>,
        auto_registered -> Bool,
    }
}

diesel::table! {
    changes (revision) {
        revision -> BigInt,
        at -> Timestamptz,
        entity -> Varchar,
        key -> Varchar,
        kind -> Varchar,
        payload -> Json,
        actor -> Varchar,
    }
}

diesel::table! {
    catalog_state (id) {
        id -> SmallInt,
        revision -> BigInt,
        epoch -> Varchar,
        oldest_revision -> BigInt,
    }
}

diesel::table! {
    uptime_days (slug, day) {
        slug -> Varchar,
        day -> Date,
        online_us -> BigInt,
        degraded_us -> BigInt,
        offline_us -> BigInt,
        unobserved_us -> BigInt,
        opens -> Nullable<Varchar>,
        closes -> Nullable<Varchar>,
        first_revision -> BigInt,
        last_revision -> BigInt,
    }
}

diesel::table! {
    heard_days (source, day) {
        source -> Varchar,
        day -> Date,
        heard_us -> BigInt,
    }
}

diesel::table! {
    roll_up (id) {
        id -> SmallInt,
        revision -> BigInt,
        until -> Nullable<Date>,
        until_revision -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Double, Json, Nullable, Timestamptz, Varchar};

    edges (id) {
        id -> BigInt,
        from_project -> Varchar,
        to_project -> Varchar,
        kind -> Varchar,
        source -> Varchar,
        strength -> Double,
        details -> Nullable<Json>,
        first_seen_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        stale -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    outbox (id) {
        id -> BigInt,
        incident -> Varchar,
        sequence -> BigInt,
        channel -> Varchar,
        event -> Varchar,
        summary -> Json,
        grouped -> Bool,
        state -> Varchar,
        message -> Nullable<BigInt>,
        attempts -> BigInt,
        created_at -> Timestamptz,
        due_at -> Timestamptz,
        expires_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        last_error -> Nullable<Varchar>,
        leased_by -> Nullable<Varchar>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Json, Nullable, Timestamptz, Varchar};

    project_instances (project_id) {
        project_id -> BigInt,
        version -> Nullable<Varchar>,
        tools -> Json,
        capabilities -> Json,
        seen_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    incidents (id) {
        id -> BigInt,
        kind -> Varchar,
        severity -> Varchar,
        status -> Varchar,
        root -> Nullable<Varchar>,
        rule -> Nullable<Varchar>,
        finding -> Nullable<Varchar>,
        started_at -> Timestamptz,
        opened_at -> Timestamptz,
        resolved_at -> Nullable<Timestamptz>,
        resolved_by -> Nullable<Varchar>,
        acknowledged_at -> Nullable<Timestamptz>,
        acknowledged_by -> Nullable<Varchar>,
        merged_into -> Nullable<BigInt>,
        silences -> Bool,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    incident_members (incident_id, project) {
        incident_id -> BigInt,
        project -> Varchar,
        via -> Nullable<Varchar>,
        status -> Varchar,
        down_since -> Timestamptz,
        joined_at -> Timestamptz,
        recovered_at -> Nullable<Timestamptz>,
        left_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    incident_state (id) {
        id -> SmallInt,
        next_id -> BigInt,
        version -> BigInt,
        owner -> Nullable<Varchar>,
        claimed_until -> Nullable<Timestamptz>,
        cursor_epoch -> Nullable<Varchar>,
        cursor_revision -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    maintenance_windows (id) {
        id -> BigInt,
        source -> Varchar,
        covers_all -> Bool,
        projects -> Json,
        tags -> Json,
        starts_at -> Timestamptz,
        ends_at -> Nullable<Timestamptz>,
        weekly -> Nullable<Json>,
        reason -> Varchar,
        created_by -> Varchar,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    listening_periods (source, heard_from) {
        source -> Varchar,
        heard_from -> Timestamptz,
        heard_until -> Timestamptz,
    }
}

diesel::table! {
    project_metrics (project_id, metric_type, window_at) {
        id -> BigInt,
        project_id -> BigInt,
        metric_type -> Varchar,
        value_number -> Nullable<Double>,
        value_text -> Nullable<Varchar>,
        observed_at -> Timestamptz,
        until_at -> Timestamptz,
        window_at -> Timestamptz,
        samples -> BigInt,
        value_sum -> Nullable<Double>,
        value_min -> Nullable<Double>,
        value_max -> Nullable<Double>,
        is_constant -> Bool,
        source -> Varchar,
    }
}

diesel::table! {
    project_metrics_5m (project_id, metric_type, window_at) {
        id -> BigInt,
        project_id -> BigInt,
        metric_type -> Varchar,
        value_number -> Nullable<Double>,
        value_text -> Nullable<Varchar>,
        observed_at -> Timestamptz,
        until_at -> Timestamptz,
        window_at -> Timestamptz,
        samples -> BigInt,
        value_sum -> Nullable<Double>,
        value_min -> Nullable<Double>,
        value_max -> Nullable<Double>,
        is_constant -> Bool,
        source -> Varchar,
    }
}

diesel::table! {
    project_metrics_1h (project_id, metric_type, window_at) {
        id -> BigInt,
        project_id -> BigInt,
        metric_type -> Varchar,
        value_number -> Nullable<Double>,
        value_text -> Nullable<Varchar>,
        observed_at -> Timestamptz,
        until_at -> Timestamptz,
        window_at -> Timestamptz,
        samples -> BigInt,
        value_sum -> Nullable<Double>,
        value_min -> Nullable<Double>,
        value_max -> Nullable<Double>,
        is_constant -> Bool,
        source -> Varchar,
    }
}

diesel::table! {
    metric_rollup (id) {
        id -> SmallInt,
        rolled_until -> Date,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    action_runs (id) {
        id -> Varchar,
        action -> Varchar,
        params -> Json,
        timeout_ms -> BigInt,
        max_concurrency -> BigInt,
        idempotent -> Bool,
        include_offline -> Bool,
        status -> Varchar,
        actor -> Varchar,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        owner -> Nullable<Varchar>,
        lease_until -> Nullable<Timestamptz>,
        counts -> Varchar,
    }
}

diesel::table! {
    use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};

    action_targets (run_id, project) {
        run_id -> Varchar,
        project -> Varchar,
        outcome -> Nullable<Varchar>,
        asked_at -> Nullable<Timestamptz>,
        accepted -> Bool,
        percent -> Nullable<BigInt>,
        ended_at -> Nullable<Timestamptz>,
        result -> Nullable<Json>,
        error -> Nullable<Varchar>,
    }
}

diesel::table! {
    action_requests (actor, key) {
        actor -> Varchar,
        key -> Varchar,
        digest -> Varchar,
        run_id -> Varchar,
        created_at -> Timestamptz,
    }
}
