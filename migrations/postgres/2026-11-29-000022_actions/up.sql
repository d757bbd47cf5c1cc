-- Runs of actions, their targets, and the keys by which clients recognize their own requests.
--
-- Targets name slugs, because a run outlives the projects that it asked. A run belongs to the replica
-- that holds its lease. `counts` has the targets by outcome once the run has ended.
CREATE TABLE action_runs (
    id              varchar(32)              PRIMARY KEY,
    action          varchar(100)             NOT NULL,
    params          json                     NOT NULL,
    timeout_ms      bigint                   NOT NULL,
    max_concurrency bigint                   NOT NULL,
    idempotent      boolean                  NOT NULL,
    include_offline boolean                  NOT NULL,
    status          varchar(20)              NOT NULL,
    actor           varchar(100)             NOT NULL,
    created_at      timestamp with time zone NOT NULL,
    ended_at        timestamp with time zone,
    owner           varchar(32),
    lease_until     timestamp with time zone,
    counts          varchar(200)             NOT NULL
);
CREATE INDEX action_runs_in_progress ON action_runs (id) WHERE ended_at IS NULL;
CREATE INDEX action_runs_ended ON action_runs (ended_at);

CREATE TABLE action_targets (
    run_id   varchar(32)              NOT NULL REFERENCES action_runs (id) ON DELETE CASCADE,
    project  varchar(50)              NOT NULL,
    outcome  varchar(20),
    asked_at timestamp with time zone,
    accepted boolean                  NOT NULL DEFAULT false,
    percent  bigint,
    ended_at timestamp with time zone,
    result   json,
    error    varchar(1100),
    PRIMARY KEY (run_id, project)
);

CREATE TABLE action_requests (
    actor      varchar(100)             NOT NULL,
    key        varchar(255)             NOT NULL,
    digest     varchar(64)              NOT NULL,
    run_id     varchar(32)              NOT NULL REFERENCES action_runs (id) ON DELETE CASCADE,
    created_at timestamp with time zone NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX action_requests_created ON action_requests (created_at);
CREATE INDEX action_requests_run ON action_requests (run_id);
