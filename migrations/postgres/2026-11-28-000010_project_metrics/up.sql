-- Metrics that projects report. A row is a run: the samples of one window, or of several windows of a
-- UTC day in which the value repeats. `value_number` or `value_text` is the latest value, `observed_at`
-- and `until_at` are the times of the first and the last sample.
--
-- The tables with an ending have the same runs in wider windows, which are kept for longer. Days up to
-- the one in `metric_rollup` are rolled up to them.
--
-- Partitioned by UTC day, the last one by month, so that a day is dropped by one statement. The service
-- creates the partitions. There is no foreign key to `projects`, because a deletion would have to visit
-- each partition; ids of projects are never used again.
CREATE SEQUENCE project_metrics_id_seq;

CREATE TABLE project_metrics (
    id           bigint                   NOT NULL DEFAULT nextval('project_metrics_id_seq'),
    project_id   bigint                   NOT NULL,
    metric_type  varchar(100) COLLATE "C" NOT NULL,
    value_number double precision,
    value_text   varchar(500),
    observed_at  timestamp with time zone NOT NULL,
    until_at     timestamp with time zone NOT NULL,
    window_at    timestamp with time zone NOT NULL,
    samples      bigint                   NOT NULL,
    value_sum    double precision,
    value_min    double precision,
    value_max    double precision,
    is_constant  boolean                  NOT NULL,
    source       varchar(10)              NOT NULL,
    PRIMARY KEY (project_id, metric_type, window_at)
) PARTITION BY RANGE (window_at);


CREATE TABLE project_metrics_5m (
    id           bigint                   NOT NULL DEFAULT nextval('project_metrics_id_seq'),
    project_id   bigint                   NOT NULL,
    metric_type  varchar(100) COLLATE "C" NOT NULL,
    value_number double precision,
    value_text   varchar(500),
    observed_at  timestamp with time zone NOT NULL,
    until_at     timestamp with time zone NOT NULL,
    window_at    timestamp with time zone NOT NULL,
    samples      bigint                   NOT NULL,
    value_sum    double precision,
    value_min    double precision,
    value_max    double precision,
    is_constant  boolean                  NOT NULL,
    source       varchar(10)              NOT NULL,
    PRIMARY KEY (project_id, metric_type, window_at)
) PARTITION BY RANGE (window_at);

CREATE TABLE project_metrics_1h (
    id           bigint                   NOT NULL DEFAULT nextval('project_metrics_id_seq'),
    project_id   bigint                   NOT NULL,
    metric_type  varchar(100) COLLATE "C" NOT NULL,
    value_number double precision,
    value_text   varchar(500),
    observed_at  timestamp with time zone NOT NULL,
    until_at     timestamp with time zone NOT NULL,
    window_at    timestamp with time zone NOT NULL,
    samples      bigint                   NOT NULL,
    value_sum    double precision,
    value_min    double precision,
    value_max    double precision,
    is_constant  boolean                  NOT NULL,
    source       varchar(10)              NOT NULL,
    PRIMARY KEY (project_id, metric_type, window_at)
) PARTITION BY RANGE (window_at);

CREATE TABLE metric_rollup (
    id           smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    rolled_until date     NOT NULL
);
