-- Runs of actions, their targets, and the keys by which clients recognize their own requests.
--
-- Targets name slugs, because a run outlives the projects that it asked. A run belongs to the replica
-- that holds its lease. `counts` has the targets by outcome once the run has ended.
CREATE TABLE action_runs (
    id              TEXT    PRIMARY KEY NOT NULL CHECK (length(id) = 32),
    action          TEXT    NOT NULL CHECK (length(action) BETWEEN 1 AND 100),
    params          TEXT    NOT NULL CHECK (json_valid(params)),
    timeout_ms      INTEGER NOT NULL,
    max_concurrency INTEGER NOT NULL,
    idempotent      INTEGER NOT NULL CHECK (idempotent IN (0, 1)),
    include_offline INTEGER NOT NULL CHECK (include_offline IN (0, 1)),
    status          TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    created_at      TEXT    NOT NULL,
    ended_at        TEXT,
    owner           TEXT,
    lease_until     TEXT,
    counts          TEXT    NOT NULL
) STRICT;
CREATE INDEX action_runs_in_progress ON action_runs (id) WHERE ended_at IS NULL;
CREATE INDEX action_runs_ended ON action_runs (ended_at);

CREATE TABLE action_targets (
    run_id   TEXT    NOT NULL REFERENCES action_runs (id) ON DELETE CASCADE,
    project  TEXT    NOT NULL CHECK (length(project) BETWEEN 1 AND 50),
    outcome  TEXT,
    asked_at TEXT,
    accepted INTEGER NOT NULL DEFAULT 0 CHECK (accepted IN (0, 1)),
    percent  INTEGER,
    ended_at TEXT,
    result   TEXT    CHECK (json_valid(result)),
    error    TEXT,
    PRIMARY KEY (run_id, project)
) STRICT;

CREATE TABLE action_requests (
    actor      TEXT NOT NULL,
    key        TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    digest     TEXT NOT NULL,
    run_id     TEXT NOT NULL REFERENCES action_runs (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT;
CREATE INDEX action_requests_created ON action_requests (created_at);
CREATE INDEX action_requests_run ON action_requests (run_id);
