DROP TABLE project_instances;
