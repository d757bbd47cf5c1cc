-- All listening periods of the sources of heartbeats instead of the latest one, because the history of
-- a project excludes time that was not observed.
--
-- The periods of a source do not meet, so they have the same order by beginning and by end, and the
-- primary key serves queries by either. `heard_until` is in no index, so that the growth of a period,
-- which nearly every checkpoint writes, is an update in place.
CREATE TABLE listening_periods (
    source      varchar(10)              NOT NULL,
    heard_from  timestamp with time zone NOT NULL,
    heard_until timestamp with time zone NOT NULL,
    PRIMARY KEY (source, heard_from)
);

INSERT INTO listening_periods (source, heard_from, heard_until)
SELECT source, heard_from, heard_until FROM listening;

DROP TABLE listening;
