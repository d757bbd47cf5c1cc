-- Keeps the latest period of each source. Earlier ones are lost.
CREATE TABLE listening (
    source      TEXT PRIMARY KEY NOT NULL,
    heard_from  TEXT NOT NULL,
    heard_until TEXT NOT NULL
) STRICT;

-- With a single `max`, SQLite takes the other columns from the row of the maximum.
INSERT INTO listening (source, heard_from, heard_until)
SELECT source, max(heard_from), heard_until
FROM listening_periods
GROUP BY source;

DROP TABLE listening_periods;
