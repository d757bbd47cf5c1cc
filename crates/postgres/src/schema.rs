//! Tables. A test compares this with the schema of a migrated database.

pub(crate) mod sql_types {
    /// The enum `project_status`. `table!` requires it to be public within this private module.
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "project_status"))]
    pub struct ProjectStatus;
}

diesel::table! {
    use diesel::sql_types::{BigInt, Json, Nullable, Timestamptz, Varchar};
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
    listening_periods (source, heard_from) {
        source -> Varchar,
        heard_from -> Timestamptz,
        heard_until -> Timestamptz,
    }
}
