INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, tags, last_heartbeat_at,
                      last_heartbeat_source)
SELECT slug, 'Simulated project ' || slug, 'http://' || slug || '.example.com:8000', 'hub.' || slug,
       'online', '["bench","python"]', now(), 'nats'
FROM generate_series(1, :projects) AS number,
     LATERAL (SELECT 'bench-' || lpad(number::text, greatest(6, length(number::text)), '0') AS slug) AS named
;
INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, last_heartbeat_at,
                      last_heartbeat_source, heartbeat_interval_ms)
SELECT slug, 'Probe', 'http://' || slug || '.example.com:8000', 'hub.' || slug, 'online', now(),
       'nats', 1000
FROM generate_series(1, 10) AS number, LATERAL (SELECT 'bench-probe-' || lpad(number::text, 3, '0') AS slug) AS named
