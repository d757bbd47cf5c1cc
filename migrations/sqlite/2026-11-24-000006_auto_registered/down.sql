ALTER TABLE projects DROP COLUMN auto_registered;
