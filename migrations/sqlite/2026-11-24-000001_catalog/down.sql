DROP TABLE listening;
DROP TABLE catalog_state;
DROP TABLE changes;
DROP TABLE projects;
