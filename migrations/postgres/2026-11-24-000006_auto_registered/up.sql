-- Whether a project registered itself by a heartbeat and nothing else has registered or changed it
-- since. Such a project is removed when it is silent for long. Projects that exist are kept.
ALTER TABLE projects ADD COLUMN auto_registered boolean NOT NULL DEFAULT false;
