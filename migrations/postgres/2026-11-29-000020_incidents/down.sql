-- All incidents and maintenance windows are lost. Their entries in the log stay.
DROP TABLE maintenance_windows;
DROP TABLE incident_state;
DROP TABLE incident_members;
DROP TABLE incidents;
