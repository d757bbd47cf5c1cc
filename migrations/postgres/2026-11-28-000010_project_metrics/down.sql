-- All metrics are lost.
DROP TABLE metric_rollup;
DROP TABLE project_metrics_1h;
DROP TABLE project_metrics_5m;
DROP TABLE project_metrics;
DROP SEQUENCE project_metrics_id_seq;
