-- Keeps the latest period of each source. Earlier ones are lost.
CREATE TABLE listening (
    source      varchar(10)              PRIMARY KEY,
    heard_from  timestamp with time zone NOT NULL,
    heard_until timestamp with time zone NOT NULL
);

INSERT INTO listening (source, heard_from, heard_until)
SELECT DISTINCT ON (source) source, heard_from, heard_until
FROM listening_periods
ORDER BY source, heard_from DESC;

DROP TABLE listening_periods;
