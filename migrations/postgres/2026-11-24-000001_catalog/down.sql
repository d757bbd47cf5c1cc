-- Restores the ten columns that the Python service knows. The projects stay, because they may have
-- been its own. The change log is lost.
DROP TABLE listening;
DROP TABLE catalog_state;
DROP TABLE changes;

ALTER TABLE projects
    DROP COLUMN reports,
    DROP COLUMN last_heartbeat_source,
    DROP COLUMN allow_fanout,
    DROP COLUMN heartbeat_interval_ms,
    RESET (fillfactor);
