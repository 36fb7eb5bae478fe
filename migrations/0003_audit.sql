-- The audit: one append-only chain. Each record's hash covers the record and the hash before it (`core/audit`).
CREATE TABLE audit (
    -- From 1, without a gap.
    seq         INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    -- Whom it concerns, where it concerns one person.
    employee_id TEXT,
    -- JSON object, without secrets, names and addresses.
    body        TEXT    NOT NULL,
    -- SHA-256, 64 hexadecimal digits.
    hash        TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_person ON audit (employee_id) WHERE employee_id IS NOT NULL;
-- What the configuration was is read back from the chain.
CREATE INDEX audit_configuration ON audit (seq) WHERE kind = 'configuration';

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
-- Replacing a row by an insert fires no trigger on deletes.
CREATE TRIGGER audit_only_behind BEFORE INSERT ON audit
WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;

-- The newest record, so that a cut at the end shows; and what was there before the first one.
CREATE TABLE audit_head (
    seq             INTEGER NOT NULL,
    hash            TEXT    NOT NULL,
    runs_before     INTEGER NOT NULL,
    -- The greatest number of an action that has no record.
    actions_before  INTEGER NOT NULL,
    attempts_before INTEGER NOT NULL
) STRICT;
INSERT INTO audit_head (seq, hash, runs_before, actions_before, attempts_before)
SELECT 0, '0000000000000000000000000000000000000000000000000000000000000000',
    (SELECT count(*) FROM run), (SELECT coalesce(max(action_id), 0) FROM action),
    (SELECT count(*) FROM attempt);

-- `explain` looks a person up, however many others there are.
CREATE INDEX action_person ON action (employee_id, action_id);
