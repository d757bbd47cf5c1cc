-- Loses the runs of actions. Their entries in the change log stay.
DROP TABLE action_requests;
DROP TABLE action_targets;
DROP TABLE action_runs;
