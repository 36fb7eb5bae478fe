-- The headers that sources had: a wide one is stored once and not with every run.
CREATE TABLE source_header (
    digest TEXT NOT NULL PRIMARY KEY,
    -- JSON array of column names in alphabetical order.
    names  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE run ADD COLUMN header TEXT REFERENCES source_header (digest);
-- The digest of the configuration that decided about people.
ALTER TABLE run ADD COLUMN rules TEXT;
CREATE INDEX run_accepted ON run (started_at) WHERE accepted = 1;

-- In how many complete runs in a row the person was missing and kept their access (source.absence_runs).
ALTER TABLE person ADD COLUMN absent_runs INTEGER NOT NULL DEFAULT 0;
CREATE INDEX person_absent ON person (employee_id) WHERE absent_runs > 0;
-- The value of the column by which the guard groups people, as it was when the person was last settled or confirmed.
ALTER TABLE person ADD COLUMN guard_group TEXT;
ALTER TABLE action ADD COLUMN guard_group TEXT;

-- Plans can be saved, applied and expired; a check cannot be altered, so the table is made anew. The rows of `action` that
-- name a plan are without one for a moment, which the end of this transaction forgives.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE plan_before AS SELECT * FROM plan;
DROP TABLE plan;
CREATE TABLE plan (
    plan_id      TEXT    NOT NULL PRIMARY KEY,
    -- None while a plan is only saved.
    run_id       TEXT    REFERENCES run (run_id),
    state        TEXT    NOT NULL CHECK (state IN
                     ('released', 'held', 'approved', 'rejected', 'superseded', 'expired', 'saved', 'applied')),
    created_at   INTEGER NOT NULL,
    -- After this a held plan cannot be approved any more.
    expires_at   INTEGER,
    input        TEXT    NOT NULL,
    -- The digest of the configuration that decided about people.
    rules        TEXT,
    content_hash TEXT    NOT NULL,
    counts       TEXT    NOT NULL,
    hold_reasons TEXT    NOT NULL,
    decided_at   INTEGER,
    decided_by   TEXT
) STRICT;
-- A plan that was held before plans expired has the default of guard.hold_expires_hours, 72 hours.
INSERT INTO plan (plan_id, run_id, state, created_at, expires_at, input, content_hash, counts, hold_reasons, decided_at,
    decided_by)
SELECT plan_id, run_id, state, created_at, iif(state = 'held', created_at + 259200000, NULL), input, content_hash, counts,
    hold_reasons, decided_at, decided_by
FROM plan_before;
DROP TABLE plan_before;
CREATE UNIQUE INDEX plan_one_held ON plan (state) WHERE state = 'held';
CREATE INDEX plan_saved ON plan (created_at) WHERE state = 'saved';
