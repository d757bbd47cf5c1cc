-- Claims that one project uses another, one row for each source of a claim.
--
-- Edges name slugs. The project that is used need not be registered yet, and claims outlive a project
-- that is removed and registered again.
CREATE TABLE edges (
    id            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    from_project  TEXT    NOT NULL CHECK (length(from_project) BETWEEN 1 AND 50),
    to_project    TEXT    NOT NULL CHECK (length(to_project) BETWEEN 1 AND 50),
    kind          TEXT    NOT NULL CHECK (length(kind) BETWEEN 1 AND 30),
    source        TEXT    NOT NULL CHECK (source IN ('file', 'api', 'observed')),
    strength      REAL    NOT NULL DEFAULT 0.5 CHECK (strength BETWEEN 0 AND 1),
    details       TEXT    CHECK (json_valid(details)),
    first_seen_at TEXT    NOT NULL,
    last_seen_at  TEXT    NOT NULL,
    stale         INTEGER NOT NULL DEFAULT 0 CHECK (stale IN (0, 1)),
    UNIQUE (from_project, to_project, kind, source)
) STRICT;

-- The edges between registered projects, with the columns that the Python project planned.
CREATE VIEW integration_edges AS
SELECT e.id, f.id AS from_project_id, t.id AS to_project_id, e.kind, e.strength, e.details, e.source,
       e.from_project, e.to_project, e.first_seen_at, e.last_seen_at, e.stale
FROM edges AS e
JOIN projects AS f ON f.slug = e.from_project
LEFT JOIN projects AS t ON t.slug = e.to_project
WHERE e.source <> 'observed' OR e.last_seen_at >= f.created_at;
