-- Whether a revoke takes the last workspace that is known of somebody, who is to be in none: Workiva suspends them for it, so it counts
-- as a deprovision. Any other revoke of a workspace waits until somebody is confirmed in another one.
ALTER TABLE action ADD COLUMN last_workspace INTEGER NOT NULL DEFAULT 0 CHECK (last_workspace IN (0, 1));
UPDATE action SET last_workspace = 1 WHERE kind = 'revoke' AND state IN ('queued', 'parked', 'held')
    AND action_id IN (SELECT action_id FROM intent WHERE because LIKE '%last workspace%');
-- A revoke that was let go by the rule before this one waits again until a run lets it go by this one.
UPDATE action SET waits = 1 WHERE kind = 'revoke' AND state = 'queued' AND withdrawn = 0 AND last_workspace = 0
    AND group_id LIKE 'workspace:%' AND workspace_id IS NULL;
-- Whether the last thing that we did about an account was to give access. Workiva and others suspend users too; that they do does not
-- mean that somebody had none, which is what access.keep_on_role_loss asks.
ALTER TABLE account ADD COLUMN had_access INTEGER NOT NULL DEFAULT 0 CHECK (had_access IN (0, 1));
UPDATE account SET had_access = active;
