-- What a registration writes: the lock by which changes serialise, the project, its log entry.
\set number random(1, 9000000000)
BEGIN;
UPDATE catalog_state SET revision = revision + 1 RETURNING revision \gset
INSERT INTO projects (slug, name, hub_url, mesh_namespace, tags, allow_fanout)
VALUES ('bench-' || :number, 'Simulated project', 'http://bench.example.com:8000', 'hub.bench',
        '["bench","python"]', '[]')
ON CONFLICT (slug) DO UPDATE SET updated_at = now()
RETURNING id \gset project_
INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
VALUES (:revision, now(), 'project', 'bench-' || :number, 'registered',
        '{"from":null,"to":"offline","cause":{"kind":"registered","by":"api"}}', 'api');
COMMIT;
