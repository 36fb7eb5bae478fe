-- Times are integers: milliseconds since 1970-01-01 UTC, bound from the daemon's clock. Dates are ISO text.

-- Everybody the source has named. Narrow, because every run reads all of it.
CREATE TABLE person (
    employee_id  TEXT    NOT NULL PRIMARY KEY,
    -- The record's fingerprint when nothing was left to do, 32 hexadecimal digits; empty: look again.
    fingerprint  TEXT    NOT NULL DEFAULT '',
    -- The day on which dates alone may change the decision.
    next_change  TEXT,
    -- Grows with every confirmed change of the account; plans are bound to it.
    version      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX person_next_change ON person (next_change) WHERE next_change IS NOT NULL;

-- The account of a person as Workiva last confirmed it.
CREATE TABLE account (
    employee_id  TEXT    NOT NULL PRIMARY KEY REFERENCES person (employee_id),
    scim_id      TEXT    NOT NULL,
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    -- JSON object: SCIM path to value, as sent and accepted.
    attributes   TEXT    NOT NULL,
    -- The user name in compared form.
    user_name    TEXT    NOT NULL,
    confirmed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_scim_id ON account (scim_id);
-- `active` is in it so that active accounts are counted without reading whole rows.
CREATE INDEX account_user_name ON account (user_name, active);

CREATE TABLE run (
    run_id         TEXT    NOT NULL PRIMARY KEY,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    cause          TEXT    NOT NULL,
    outcome        TEXT    NOT NULL,
    plan_id        TEXT,
    source_name    TEXT,
    source_rows    INTEGER NOT NULL,
    rejected       INTEGER NOT NULL,
    -- The digest of source and configuration that the plan was made from.
    input          TEXT,
    -- The digest of the source's bytes, where this run left nothing to be looked at again: while it is the newest run
    -- that read the source and the bytes are the same, nothing has to be read.
    quiet_digest   TEXT,
    -- Whether the guard or an operator let this source stand: the next run is measured against the newest such run.
    accepted       INTEGER NOT NULL CHECK (accepted IN (0, 1)),
    planned        TEXT    NOT NULL,
    hold_reasons   TEXT    NOT NULL,
    message        TEXT
) STRICT;
CREATE INDEX run_started ON run (started_at);

-- A sample of what a run could not use; the count is in `run`.
CREATE TABLE rejection (
    run_id      TEXT    NOT NULL REFERENCES run (run_id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    employee_id TEXT,
    row         INTEGER,
    reason      TEXT    NOT NULL,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE plan (
    plan_id      TEXT    NOT NULL PRIMARY KEY,
    run_id       TEXT    NOT NULL REFERENCES run (run_id),
    state        TEXT    NOT NULL CHECK (state IN ('released', 'held', 'approved', 'rejected', 'superseded')),
    created_at   INTEGER NOT NULL,
    input        TEXT    NOT NULL,
    content_hash TEXT    NOT NULL,
    counts       TEXT    NOT NULL,
    hold_reasons TEXT    NOT NULL,
    decided_at   INTEGER,
    decided_by   TEXT
) STRICT;
CREATE UNIQUE INDEX plan_one_held ON plan (state) WHERE state = 'held';

-- The outbox: every action of every plan, and what became of it. Narrow, because its rows are rewritten in a push.
CREATE TABLE action (
    action_id   INTEGER PRIMARY KEY,
    plan_id     TEXT    NOT NULL REFERENCES plan (plan_id),
    employee_id TEXT    NOT NULL REFERENCES person (employee_id),
    kind        TEXT    NOT NULL CHECK (kind IN ('suspend', 'delete', 'update', 'reactivate', 'create')),
    rank        INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN
                    ('held', 'queued', 'parked', 'done', 'discarded', 'superseded', 'dropped')),
    -- The target's user name in compared form.
    user_name   TEXT,
    scim_id     TEXT,
    base_version INTEGER NOT NULL,
    fingerprint TEXT    NOT NULL,
    next_change TEXT,
    -- The waiting action that this one takes the place of.
    supersedes  INTEGER,
    -- A request of this action, or of one before it, may have taken effect unseen: read before writing.
    uncertain   INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    attempts    INTEGER NOT NULL DEFAULT 0,
    not_before  INTEGER NOT NULL,
    error       TEXT,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
-- At most one open action a person.
CREATE UNIQUE INDEX action_one_open ON action (employee_id) WHERE state IN ('queued', 'parked');
CREATE INDEX action_claim ON action (rank, not_before, action_id) WHERE state = 'queued';
CREATE INDEX action_parked ON action (action_id) WHERE state = 'parked';
CREATE INDEX action_discarded ON action (employee_id) WHERE state = 'discarded';
CREATE INDEX action_held ON action (plan_id) WHERE state = 'held';
CREATE INDEX action_plan ON action (plan_id);

-- What each action is to do and why, as it was planned; never changed.
CREATE TABLE intent (
    action_id   INTEGER PRIMARY KEY REFERENCES action (action_id),
    changes     TEXT    NOT NULL,
    because     TEXT    NOT NULL,
    target      TEXT    NOT NULL
) STRICT;

-- The queued actions that are in a worker's hands. Apart from `action`, so that a claim rewrites nothing.
CREATE TABLE lease (
    action_id   INTEGER PRIMARY KEY REFERENCES action (action_id),
    -- The fence: the number of the claim. Only who knows it may renew the lease or end the action.
    epoch       INTEGER NOT NULL,
    owner       TEXT    NOT NULL,
    lease_until INTEGER NOT NULL
) STRICT;
-- The number of the newest claim.
CREATE TABLE fence (epoch INTEGER NOT NULL) STRICT;
INSERT INTO fence (epoch) VALUES (0);

-- Every request that was sent for an action.
CREATE TABLE attempt (
    action_id   INTEGER NOT NULL REFERENCES action (action_id),
    -- The claim under which it was sent.
    epoch       INTEGER NOT NULL,
    -- Its place among the requests of that claim, from 1.
    number      INTEGER NOT NULL,
    sent_at     INTEGER NOT NULL,
    request     TEXT    NOT NULL,
    status      INTEGER,
    duration_ms INTEGER NOT NULL,
    error       TEXT,
    PRIMARY KEY (action_id, epoch, number)
) STRICT, WITHOUT ROWID;

-- Connections that `check` has found working: without one, nothing is planned or sent.
CREATE TABLE connection (
    settings     TEXT    NOT NULL PRIMARY KEY,
    checked_at   INTEGER NOT NULL,
    capabilities TEXT    NOT NULL
) STRICT;
