-- An account that passes from one employee id to another, since both are one person's.

-- Whether the record for which nothing was left to do said that the person has left: only then may somebody else take the account over.
ALTER TABLE person ADD COLUMN gone INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1));
ALTER TABLE action ADD COLUMN gone INTEGER NOT NULL DEFAULT 0 CHECK (gone IN (0, 1));
-- Whoever has an account without access is judged again by the first run of this version, so that it is known of them.
UPDATE person SET fingerprint = '' WHERE employee_id IN (SELECT employee_id FROM account WHERE active = 0);

-- The old employee id, and the version of its state that this was decided on.
ALTER TABLE action ADD COLUMN moved_from TEXT REFERENCES person (employee_id);
ALTER TABLE action ADD COLUMN moved_version INTEGER;
-- Nobody's account is taken over by two people.
CREATE UNIQUE INDEX action_one_move ON action (moved_from) WHERE moved_from IS NOT NULL AND state IN ('queued', 'parked');
CREATE INDEX action_moved ON action (moved_from) WHERE moved_from IS NOT NULL;
