-- Whether anything is left to do about somebody's memberships is asked at the end of each of their actions.
DROP INDEX action_open_membership;
CREATE INDEX action_open_membership ON action (employee_id)
    WHERE group_id IS NOT NULL AND state IN ('queued', 'parked', 'held');
