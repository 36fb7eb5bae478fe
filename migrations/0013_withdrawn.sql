-- An action that may have been carried out unseen, and that the newest record contradicts while the plan in its place is held: it is
-- never sent any more. What it did is learnt by reading, and then it has ended.
ALTER TABLE action ADD COLUMN withdrawn INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1));
CREATE INDEX action_withdrawn ON action (action_id) WHERE withdrawn = 1 AND state IN ('queued', 'parked');
