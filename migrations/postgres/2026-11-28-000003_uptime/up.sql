-- Uptime by UTC days, so that the history of a project is cheap however often its status changed, and
-- survives the entries of the log.
--
-- There is a row only for a day in which the status of the project changed. Any other day follows from
-- the days around it and from the listening time of its source, so a large fleet that changes rarely
-- costs few rows. Times are in microseconds.
CREATE TABLE uptime_days (
    slug           varchar(50) NOT NULL,
    day            date        NOT NULL,
    online_us      bigint      NOT NULL,
    degraded_us    bigint      NOT NULL,
    offline_us     bigint      NOT NULL,
    unobserved_us  bigint      NOT NULL,
    opens          varchar(10),
    closes         varchar(10),
    first_revision bigint      NOT NULL,
    last_revision  bigint      NOT NULL,
    PRIMARY KEY (slug, day)
);

-- For dropping old days.
CREATE INDEX uptime_days_day_idx ON uptime_days (day);

CREATE TABLE heard_days (
    source   varchar(10) NOT NULL,
    day      date        NOT NULL,
    heard_us bigint      NOT NULL,
    PRIMARY KEY (source, day)
);

-- A single row with the progress of the roll-up.
CREATE TABLE roll_up (
    id             smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    revision       bigint   NOT NULL DEFAULT 0,
    until          date,
    until_revision bigint   NOT NULL DEFAULT 0
);

INSERT INTO roll_up DEFAULT VALUES;
