-- Facts about the running instance of a project, as its heartbeats report them.
--
-- Without a foreign key, so that a write waits for no row of `projects`. Ids are never used again.
CREATE TABLE project_instances (
    project_id   bigint                   PRIMARY KEY,
    version      varchar(100),
    tools        json                     NOT NULL DEFAULT '[]',
    capabilities json                     NOT NULL DEFAULT '[]',
    seen_at      timestamp with time zone NOT NULL
);
