-- Incidents, the projects that they are about, and the windows in which none opens.
--
-- Incidents name slugs and outlive the projects. Their numbers are given out by `incident_state`, which
-- also says which process evaluates the rules. Every write of incidents adds 1 to its version, so that a
-- decision that is based on older ones is not stored.
CREATE TABLE incidents (
    id              INTEGER PRIMARY KEY NOT NULL,
    kind            TEXT    NOT NULL CHECK (length(kind) <= 10),
    severity        TEXT    NOT NULL CHECK (length(severity) <= 10),
    status          TEXT    NOT NULL CHECK (length(status) <= 12),
    root            TEXT    CHECK (length(root) BETWEEN 1 AND 50),
    rule            TEXT    CHECK (length(rule) <= 100),
    finding         TEXT    CHECK (length(finding) <= 500),
    started_at      TEXT    NOT NULL,
    opened_at       TEXT    NOT NULL,
    resolved_at     TEXT,
    resolved_by     TEXT,
    acknowledged_at TEXT,
    acknowledged_by TEXT,
    merged_into     INTEGER,
    silences        INTEGER NOT NULL DEFAULT 0 CHECK (silences IN (0, 1)),
    updated_at      TEXT    NOT NULL
) STRICT;

-- Few incidents are open.
CREATE INDEX incidents_live_idx ON incidents (id) WHERE status <> 'resolved' OR silences;
CREATE INDEX incidents_resolved_idx ON incidents (resolved_at);

CREATE TABLE incident_members (
    incident_id  INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    project      TEXT    NOT NULL CHECK (length(project) BETWEEN 1 AND 50),
    via          TEXT    CHECK (length(via) BETWEEN 1 AND 50),
    status       TEXT    NOT NULL,
    down_since   TEXT    NOT NULL,
    joined_at    TEXT    NOT NULL,
    recovered_at TEXT,
    left_at      TEXT,
    PRIMARY KEY (incident_id, project)
) STRICT;

CREATE TABLE incident_state (
    id              INTEGER PRIMARY KEY NOT NULL CHECK (id = 1),
    next_id         INTEGER NOT NULL DEFAULT 1,
    version         INTEGER NOT NULL DEFAULT 0,
    owner           TEXT,
    claimed_until   TEXT,
    cursor_epoch    TEXT,
    cursor_revision INTEGER
) STRICT;
INSERT INTO incident_state (id) VALUES (1);

CREATE TABLE maintenance_windows (
    id         INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    source     TEXT    NOT NULL CHECK (source IN ('file', 'api')),
    covers_all INTEGER NOT NULL DEFAULT 0 CHECK (covers_all IN (0, 1)),
    projects   TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(projects)),
    tags       TEXT    NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
    starts_at  TEXT    NOT NULL,
    ends_at    TEXT,
    weekly     TEXT    CHECK (json_valid(weekly)),
    reason     TEXT    NOT NULL CHECK (length(reason) <= 500),
    created_by TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    updated_at TEXT    NOT NULL
) STRICT;
