-- Uptime by UTC days, so that the history of a project is cheap however often its status changed, and
-- survives the entries of the log.
--
-- There is a row only for a day in which the status of the project changed. Any other day follows from
-- the days around it and from the listening time of its source, so a large fleet that changes rarely
-- costs few rows. Days are texts such as 2026-11-24. Times are in microseconds.
CREATE TABLE uptime_days (
    slug           TEXT    NOT NULL,
    day            TEXT    NOT NULL,
    online_us      INTEGER NOT NULL,
    degraded_us    INTEGER NOT NULL,
    offline_us     INTEGER NOT NULL,
    unobserved_us  INTEGER NOT NULL,
    opens          TEXT,
    closes         TEXT,
    first_revision INTEGER NOT NULL,
    last_revision  INTEGER NOT NULL,
    PRIMARY KEY (slug, day)
) STRICT, WITHOUT ROWID;

-- For dropping old days.
CREATE INDEX uptime_days_day_idx ON uptime_days (day);

CREATE TABLE heard_days (
    source   TEXT    NOT NULL,
    day      TEXT    NOT NULL,
    heard_us INTEGER NOT NULL,
    PRIMARY KEY (source, day)
) STRICT, WITHOUT ROWID;

-- A single row with the progress of the roll-up.
CREATE TABLE roll_up (
    id             INTEGER PRIMARY KEY NOT NULL DEFAULT 1 CHECK (id = 1),
    revision       INTEGER NOT NULL DEFAULT 0,
    until          TEXT,
    until_revision INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO roll_up DEFAULT VALUES;
