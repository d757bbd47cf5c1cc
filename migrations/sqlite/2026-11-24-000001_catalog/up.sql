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

-- The log of all durable changes, of projects and of other entities. Payloads and kinds are open: a
-- reader passes on those that it does not know. There is no foreign key, because the log outlives the
-- projects. There is no index on `at`, because revisions are nearly in the order of time.
CREATE TABLE changes (
    revision INTEGER PRIMARY KEY NOT NULL,
    at       TEXT    NOT NULL,
    entity   TEXT    NOT NULL CHECK (length(entity) BETWEEN 1 AND 50),
    key      TEXT    NOT NULL CHECK (length(key) <= 200),
    kind     TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 50),
    payload  TEXT    NOT NULL CHECK (json_valid(payload)),
    actor    TEXT    NOT NULL CHECK (length(actor) <= 100)
) STRICT;

CREATE INDEX changes_key_idx ON changes (entity, key, revision);

-- A single row with the newest revision. It survives a truncated log, so no revision is reused.
--
-- `epoch` tells this log from one that replaces it. From `oldest_revision` on the log is complete.
CREATE TABLE catalog_state (
    id              INTEGER PRIMARY KEY NOT NULL DEFAULT 1 CHECK (id = 1),
    revision        INTEGER NOT NULL DEFAULT 0,
    epoch           TEXT    NOT NULL DEFAULT (lower(hex(randomblob(6)))),
    oldest_revision INTEGER NOT NULL DEFAULT 1
) STRICT;

INSERT INTO catalog_state DEFAULT VALUES;

-- Latest listening period of each source of heartbeats, as of its last checkpoint.
CREATE TABLE listening (
    source      TEXT PRIMARY KEY NOT NULL,
    heard_from  TEXT NOT NULL,
    heard_until TEXT NOT NULL
) STRICT;
