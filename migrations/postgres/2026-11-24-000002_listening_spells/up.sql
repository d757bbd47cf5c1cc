-- Every spell in which a source of heartbeats listened, and not the last one alone: what was not
-- observed is no part of a project's history.
--
-- No two spells of a source meet, so the order of their beginnings is that of their ends, and the
-- key finds them by either. `heard_until` stands in no index: a spell that grows, which is what
-- nearly every checkpoint writes, is updated in place.
CREATE TABLE listening_spells (
    source      varchar(10)              NOT NULL,
    heard_from  timestamp with time zone NOT NULL,
    heard_until timestamp with time zone NOT NULL,
    PRIMARY KEY (source, heard_from)
);

INSERT INTO listening_spells (source, heard_from, heard_until)
SELECT source, heard_from, heard_until FROM listening;

DROP TABLE listening;
