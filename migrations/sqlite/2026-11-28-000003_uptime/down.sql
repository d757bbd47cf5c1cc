-- Loses the uptime of days whose entries were dropped from the log.
DROP TABLE roll_up;
DROP TABLE heard_days;
DROP TABLE uptime_days;
