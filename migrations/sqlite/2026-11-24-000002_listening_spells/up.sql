-- Every spell in which a source of heartbeats listened, and not the last one alone: what was not
-- observed is no part of a project's history.
--
-- No two spells of a source meet, so the order of their beginnings is that of their ends, and the
-- key finds them by either.
CREATE TABLE listening_spells (
    source      TEXT NOT NULL,
    heard_from  TEXT NOT NULL,
    heard_until TEXT NOT NULL,
    PRIMARY KEY (source, heard_from)
) STRICT, WITHOUT ROWID;

INSERT INTO listening_spells (source, heard_from, heard_until)
SELECT source, heard_from, heard_until FROM listening;

DROP TABLE listening;
