//! Tables. A test compares this with the schema of a migrated database.

diesel::table! {
    projects (id) {
        id -> BigInt,
        slug -> Text,
        name -> Text,
        hub_url -> Text,
        mesh_namespace -> Nullable<Text>,
        status -> Text,
        tags -> Nullable<Text>,
        last_heartbeat_at -> Nullable<Text>,
        created_at -> Text,
        updated_at -> Text,
        heartbeat_interval_ms -> Nullable<BigInt>,
        allow_fanout -> Text,
        last_heartbeat_source -> Nullable<Text>,
        reports -> Nullable<Text>,
        auto_registered -> BigInt,
    }
}

diesel::table! {
    changes (revision) {
        revision -> BigInt,
        at -> Text,
        entity -> Text,
        key -> Text,
        kind -> Text,
        payload -> Text,
        actor -> Text,
    }
}

diesel::table! {
    catalog_state (id) {
        id -> BigInt,
        revision -> BigInt,
        epoch -> Text,
        oldest_revision -> BigInt,
    }
}

diesel::table! {
    uptime_days (slug, day) {
        slug -> Text,
        day -> Text,
        online_us -> BigInt,
        degraded_us -> BigInt,
        offline_us -> BigInt,
        unobserved_us -> BigInt,
        opens -> Nullable<Text>,
        closes -> Nullable<Text>,
        first_revision -> BigInt,
        last_revision -> BigInt,
    }
}

diesel::table! {
    heard_days (source, day) {
        source -> Text,
        day -> Text,
        heard_us -> BigInt,
    }
}

diesel::table! {
    roll_up (id) {
        id -> BigInt,
        revision -> BigInt,
        until -> Nullable<Text>,
        until_revision -> BigInt,
    }
}

diesel::table! {
    edges (id) {
        id -> BigInt,
        from_project -> Text,
        to_project -> Text,
        kind -> Text,
        source -> Text,
        strength -> Double,
        details -> Nullable<Text>,
        first_seen_at -> Text,
        last_seen_at -> Text,
        stale -> BigInt,
    }
}

diesel::table! {
    outbox (id) {
        id -> BigInt,
        incident -> Text,
        sequence -> BigInt,
        channel -> Text,
        event -> Text,
        summary -> Text,
        grouped -> BigInt,
        state -> Text,
        message -> Nullable<BigInt>,
        attempts -> BigInt,
        created_at -> Text,
        due_at -> Text,
        expires_at -> Text,
        finished_at -> Nullable<Text>,
        last_error -> Nullable<Text>,
        leased_by -> Nullable<Text>,
    }
}

diesel::table! {
    project_instances (project_id) {
        project_id -> BigInt,
        version -> Nullable<Text>,
        tools -> Text,
        capabilities -> Text,
        seen_at -> Text,
    }
}

diesel::table! {
    incidents (id) {
        id -> BigInt,
        kind -> Text,
        severity -> Text,
        status -> Text,
        root -> Nullable<Text>,
        rule -> Nullable<Text>,
        finding -> Nullable<Text>,
        started_at -> Text,
        opened_at -> Text,
        resolved_at -> Nullable<Text>,
        resolved_by -> Nullable<Text>,
        acknowledged_at -> Nullable<Text>,
        acknowledged_by -> Nullable<Text>,
        merged_into -> Nullable<BigInt>,
        silences -> BigInt,
        updated_at -> Text,
    }
}

diesel::table! {
    incident_members (incident_id, project) {
        incident_id -> BigInt,
        project -> Text,
        via -> Nullable<Text>,
        status -> Text,
        down_since -> Text,
        joined_at -> Text,
        recovered_at -> Nullable<Text>,
        left_at -> Nullable<Text>,
    }
}

diesel::table! {
    incident_state (id) {
        id -> BigInt,
        next_id -> BigInt,
        version -> BigInt,
        owner -> Nullable<Text>,
        claimed_until -> Nullable<Text>,
        cursor_epoch -> Nullable<Text>,
        cursor_revision -> Nullable<BigInt>,
    }
}

diesel::table! {
    maintenance_windows (id) {
        id -> BigInt,
        source -> Text,
        covers_all -> BigInt,
        projects -> Text,
        tags -> Text,
        starts_at -> Text,
        ends_at -> Nullable<Text>,
        weekly -> Nullable<Text>,
        reason -> Text,
        created_by -> Text,
        created_at -> Text,
        updated_at -> Text,
    }
}

diesel::table! {
    listening_periods (source, heard_from) {
        source -> Text,
        heard_from -> Text,
        heard_until -> Text,
    }
}

diesel::table! {
    action_runs (id) {
        id -> Text,
        action -> Text,
        params -> Text,
        timeout_ms -> BigInt,
        max_concurrency -> BigInt,
        idempotent -> BigInt,
        include_offline -> BigInt,
        status -> Text,
        actor -> Text,
        created_at -> Text,
        ended_at -> Nullable<Text>,
        owner -> Nullable<Text>,
        lease_until -> Nullable<Text>,
        counts -> Text,
    }
}

diesel::table! {
    action_targets (run_id, project) {
        run_id -> Text,
        project -> Text,
        outcome -> Nullable<Text>,
        asked_at -> Nullable<Text>,
        accepted -> BigInt,
        percent -> Nullable<BigInt>,
        ended_at -> Nullable<Text>,
        result -> Nullable<Text>,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    action_requests (actor, key) {
        actor -> Text,
        key -> Text,
        digest -> Text,
        run_id -> Text,
        created_at -> Text,
    }
}
