-- Groups of Workiva that the person was confirmed to be in, of those that we have to do with.
CREATE TABLE membership (
    employee_id  TEXT    NOT NULL REFERENCES person (employee_id),
    group_id     TEXT    NOT NULL,
    -- By whom: 'found' was there when we came to give it.
    given        TEXT    NOT NULL CHECK (given IN ('ours', 'found')),
    confirmed_at INTEGER NOT NULL,
    PRIMARY KEY (employee_id, group_id)
) STRICT, WITHOUT ROWID;

-- Which group each configured reference meant when Workiva was asked.
CREATE TABLE group_reference (
    reference   TEXT    NOT NULL PRIMARY KEY,
    group_id    TEXT    NOT NULL,
    resolved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Actions on memberships. A check cannot be altered, so the table is made anew. The rows that name an action are without one for a
-- moment, which the end of this transaction forgives.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE action_before AS SELECT * FROM action;
DROP TABLE action;
CREATE TABLE action (
    action_id    INTEGER PRIMARY KEY,
    plan_id      TEXT    NOT NULL REFERENCES plan (plan_id),
    employee_id  TEXT    NOT NULL REFERENCES person (employee_id),
    kind         TEXT    NOT NULL CHECK (kind IN
                     ('suspend', 'delete', 'revoke', 'update', 'reactivate', 'create', 'grant')),
    rank         INTEGER NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN
                     ('held', 'queued', 'parked', 'done', 'discarded', 'superseded', 'dropped')),
    -- Of a grant or revoke: the group, and the workspace that it is inside of.
    group_id     TEXT,
    workspace_id TEXT,
    -- Whether, though queued, something has to be confirmed first: the account, the workspace, or the end of what is inside of it.
    waits        INTEGER NOT NULL DEFAULT 0 CHECK (waits IN (0, 1)),
    -- The target's user name in compared form.
    user_name    TEXT,
    scim_id      TEXT,
    base_version INTEGER NOT NULL,
    fingerprint  TEXT    NOT NULL,
    next_change  TEXT,
    -- The waiting action that this one takes the place of.
    supersedes   INTEGER,
    -- A request of this action, or of one before it, may have taken effect unseen: read before writing.
    uncertain    INTEGER NOT NULL CHECK (uncertain IN (0, 1)),
    attempts     INTEGER NOT NULL DEFAULT 0,
    not_before   INTEGER NOT NULL,
    error        TEXT,
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    guard_group  TEXT,
    withdrawn    INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1))
) STRICT;
INSERT INTO action (action_id, plan_id, employee_id, kind, rank, state, user_name, scim_id, base_version, fingerprint, next_change,
    supersedes, uncertain, attempts, not_before, error, created_at, ended_at, guard_group, withdrawn)
SELECT action_id, plan_id, employee_id, kind,
    CASE kind WHEN 'update' THEN 3 WHEN 'reactivate' THEN 4 WHEN 'create' THEN 5 ELSE rank END,
    state, user_name, scim_id, base_version, fingerprint, next_change, supersedes, uncertain, attempts, not_before, error,
    created_at, ended_at, guard_group, withdrawn
FROM action_before;
DROP TABLE action_before;
-- At most one open action on a person's account, and on each of their memberships.
CREATE UNIQUE INDEX action_one_open ON action (employee_id, coalesce(group_id, '')) WHERE state IN ('queued', 'parked');
CREATE INDEX action_claim ON action (rank, not_before, action_id) WHERE state = 'queued' AND waits = 0;
CREATE INDEX action_members ON action (group_id, kind, not_before, action_id)
    WHERE state = 'queued' AND waits = 0 AND group_id IS NOT NULL;
CREATE INDEX action_waits ON action (employee_id) WHERE waits = 1 AND state = 'queued';
CREATE INDEX action_open_membership ON action (action_id) WHERE group_id IS NOT NULL AND state IN ('queued', 'parked');
CREATE INDEX action_parked ON action (action_id) WHERE state = 'parked';
CREATE INDEX action_discarded ON action (employee_id) WHERE state = 'discarded';
CREATE INDEX action_held ON action (plan_id) WHERE state = 'held';
CREATE INDEX action_plan ON action (plan_id);
CREATE INDEX action_person ON action (employee_id, action_id);
CREATE INDEX action_withdrawn ON action (action_id) WHERE withdrawn = 1 AND state IN ('queued', 'parked');
