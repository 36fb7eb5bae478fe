-- Which action was the newest when this one ended: what was planned before or after that does not depend on the clock, which may be set
-- back. Of what has ended already it is not known, and taken for the newest: whoever it is about is looked at once more.
ALTER TABLE action ADD COLUMN ended_behind INTEGER;
UPDATE action SET ended_behind = (SELECT max(action_id) FROM action) WHERE ended_at IS NOT NULL AND state <> 'done';
