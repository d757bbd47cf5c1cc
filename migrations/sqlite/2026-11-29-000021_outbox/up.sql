-- Notifications that wait for delivery, and the log of those that were delivered or given up.
--
-- A row is written in the transaction of the event that it tells about. `message` is the id of the
-- first row that is sent together with this one. A lease moves `due_at` to its end.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    incident     TEXT    NOT NULL CHECK (length(incident) BETWEEN 1 AND 64),
    sequence     INTEGER NOT NULL,
    channel      TEXT    NOT NULL CHECK (length(channel) BETWEEN 1 AND 50),
    event        TEXT    NOT NULL CHECK (length(event) BETWEEN 1 AND 10),
    summary      TEXT    NOT NULL CHECK (json_valid(summary)),
    grouped      INTEGER NOT NULL CHECK (grouped IN (0, 1)),
    state        TEXT    NOT NULL DEFAULT 'pending' CHECK (length(state) BETWEEN 1 AND 10),
    message      INTEGER,
    attempts     INTEGER NOT NULL DEFAULT 0,
    created_at   TEXT    NOT NULL,
    due_at       TEXT    NOT NULL,
    expires_at   TEXT    NOT NULL,
    finished_at  TEXT,
    last_error   TEXT    CHECK (length(last_error) <= 1000),
    leased_by    TEXT    CHECK (length(leased_by) <= 64),
    UNIQUE (incident, channel, sequence)
) STRICT;

CREATE INDEX outbox_pending ON outbox (channel, due_at) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (channel) WHERE state = 'dead';
CREATE INDEX outbox_message ON outbox (message) WHERE message IS NOT NULL;
CREATE INDEX outbox_finished ON outbox (finished_at) WHERE finished_at IS NOT NULL;
