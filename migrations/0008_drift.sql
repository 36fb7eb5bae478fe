-- Comparisons of live Workiva with the state table. Of the newest one every finding is kept, of earlier ones the figures.
CREATE TABLE drift (
    drift_id   TEXT    NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    cause      TEXT    NOT NULL,
    outcome    TEXT    NOT NULL CHECK (outcome IN ('none', 'found', 'recorded', 'refused', 'failed')),
    -- Users that were listed, and accounts that were compared with them.
    users      INTEGER NOT NULL,
    accounts   INTEGER NOT NULL,
    -- JSON object: kind to number of people.
    counts     TEXT    NOT NULL,
    message    TEXT
) STRICT;
CREATE INDEX drift_started ON drift (started_at);

-- Who was changed behind our back.
CREATE TABLE drift_finding (
    employee_id TEXT    NOT NULL PRIMARY KEY,
    drift_id    TEXT    NOT NULL REFERENCES drift (drift_id) ON DELETE CASCADE,
    scim_id     TEXT    NOT NULL,
    -- JSON arrays: kinds, and changes from what was confirmed to what Workiva shows.
    kinds       TEXT    NOT NULL,
    changes     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
