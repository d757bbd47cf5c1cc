-- Facts about the running instance of a project, as its heartbeats report them.
CREATE TABLE project_instances (
    project_id   INTEGER PRIMARY KEY NOT NULL,
    version      TEXT CHECK (length(version) BETWEEN 1 AND 100),
    tools        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tools)),
    capabilities TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(capabilities)),
    seen_at      TEXT NOT NULL
) STRICT;
