DROP VIEW integration_edges;
DROP TABLE edges;
