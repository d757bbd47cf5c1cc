-- The catalog and its change log.
--
-- Times are RFC 3339 texts in UTC, always with six decimals and `Z`, so that people can read them and
-- texts sort like times. STRICT enforces the type of each column.

CREATE TABLE projects (
    -- AUTOINCREMENT never reuses the id of a removed project.
    id                    INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug                  TEXT    NOT NULL UNIQUE CHECK (length(slug) BETWEEN 1 AND 50),
    name                  TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    hub_url               TEXT    NOT NULL CHECK (length(hub_url) <= 500),
    mesh_namespace        TEXT    CHECK (length(mesh_namespace) <= 100),
    status                TEXT    NOT NULL DEFAULT 'offline'
                                  CHECK (status IN ('online', 'offline', 'degraded')),
    tags                  TEXT    CHECK (json_valid(tags)),
    last_heartbeat_at     TEXT,
    created_at            TEXT    NOT NULL,
    updated_at            TEXT    NOT NULL,
    heartbeat_interval_ms INTEGER,
    allow_fanout          TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(allow_fanout)),
    last_heartbeat_source TEXT,
    reports               TEXT    CHECK (json_valid(reports))
) STRICT;

CREATE INDEX projects_status_idx ON projects (status);

-- There is no foreign key, because the log outlives the projects.
CREATE TABLE project_changes (
    revision    INTEGER PRIMARY KEY NOT NULL,
    slug        TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    from_status TEXT    CHECK (from_status IN ('online', 'offline', 'degraded')),
    to_status   TEXT    CHECK (to_status IN ('online', 'offline', 'degraded')),
    at          TEXT    NOT NULL,
    cause       TEXT    NOT NULL CHECK (json_valid(cause))
) STRICT;

CREATE INDEX project_changes_slug_idx ON project_changes (slug, revision);

-- A single row with the newest revision. It survives a truncated log, so no revision is reused.
CREATE TABLE catalog_state (
    id       INTEGER PRIMARY KEY NOT NULL DEFAULT 1 CHECK (id = 1),
    revision INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO catalog_state DEFAULT VALUES;

-- Latest listening period of each source of heartbeats, as of its last checkpoint.
CREATE TABLE listening (
    source      TEXT PRIMARY KEY NOT NULL,
    heard_from  TEXT NOT NULL,
    heard_until TEXT NOT NULL
) STRICT;
