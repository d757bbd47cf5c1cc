-- All listening periods of the sources of heartbeats instead of the latest one, because the history of
-- a project excludes time that was not observed.
--
-- The periods of a source do not meet, so they have the same order by beginning and by end, and the
-- primary key serves queries by either.
CREATE TABLE listening_periods (
    source      TEXT NOT NULL,
    heard_from  TEXT NOT NULL,
    heard_until TEXT NOT NULL,
    PRIMARY KEY (source, heard_from)
) STRICT, WITHOUT ROWID;

INSERT INTO listening_periods (source, heard_from, heard_until)
SELECT source, heard_from, heard_until FROM listening;

DROP TABLE listening;
