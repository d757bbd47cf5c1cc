DROP TABLE listening;
DROP TABLE catalog_state;
DROP TABLE project_changes;
DROP TABLE projects;
