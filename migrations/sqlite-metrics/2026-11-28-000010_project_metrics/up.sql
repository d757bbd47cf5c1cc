-- Metrics that projects report, in a file of their own, so that they never wait for the writer of the
-- catalog. A row is a run: the samples of one window, or of several windows of a UTC day in which the
-- value repeats. `value_number` or `value_text` is the latest value, `observed_at` and `until_at` are the
-- times of the first and the last sample.
--
-- The tables with an ending have the same runs in wider windows, which are kept for longer. Days up to
-- the one in `metric_rollup` are rolled up to them.
CREATE TABLE project_metrics (
    id           INTEGER PRIMARY KEY,
    project_id   INTEGER NOT NULL,
    metric_type  TEXT    NOT NULL,
    value_number REAL,
    value_text   TEXT,
    observed_at  TEXT    NOT NULL,
    until_at     TEXT    NOT NULL,
    window_at    TEXT    NOT NULL,
    samples      INTEGER NOT NULL,
    value_sum    REAL,
    value_min    REAL,
    value_max    REAL,
    is_constant  INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    UNIQUE (project_id, metric_type, window_at)
) STRICT;

CREATE TABLE project_metrics_5m (
    id           INTEGER PRIMARY KEY,
    project_id   INTEGER NOT NULL,
    metric_type  TEXT    NOT NULL,
    value_number REAL,
    value_text   TEXT,
    observed_at  TEXT    NOT NULL,
    until_at     TEXT    NOT NULL,
    window_at    TEXT    NOT NULL,
    samples      INTEGER NOT NULL,
    value_sum    REAL,
    value_min    REAL,
    value_max    REAL,
    is_constant  INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    UNIQUE (project_id, metric_type, window_at)
) STRICT;

CREATE TABLE project_metrics_1h (
    id           INTEGER PRIMARY KEY,
    project_id   INTEGER NOT NULL,
    metric_type  TEXT    NOT NULL,
    value_number REAL,
    value_text   TEXT,
    observed_at  TEXT    NOT NULL,
    until_at     TEXT    NOT NULL,
    window_at    TEXT    NOT NULL,
    samples      INTEGER NOT NULL,
    value_sum    REAL,
    value_min    REAL,
    value_max    REAL,
    is_constant  INTEGER NOT NULL,
    source       TEXT    NOT NULL,
    UNIQUE (project_id, metric_type, window_at)
) STRICT;

CREATE TABLE metric_rollup (
    id           INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    rolled_until TEXT    NOT NULL
) STRICT;
