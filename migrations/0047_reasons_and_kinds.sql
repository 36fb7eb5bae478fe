-- The audit is looked through by kind and by plan. Of decisions, outcomes and adoptions there is one for each action or person: an index on
-- those would cost more than a look does.
CREATE INDEX audit_kind ON audit (kind) WHERE kind NOT IN ('decision', 'outcome', 'adoption');
CREATE INDEX audit_plan ON audit (iif(json_valid(body), body ->> 'plan', NULL))
    WHERE kind IN ('run', 'plan', 'plan_decided');

-- Why whoever decided about a plan did so. Of what was decided before, the audit knows it.
ALTER TABLE plan ADD COLUMN decided_reason TEXT;
UPDATE plan SET decided_reason = d.reason FROM (
    SELECT iif(json_valid(body), body ->> 'plan', NULL) AS plan_id, iif(json_valid(body), body ->> 'reason', NULL) AS reason
    FROM audit WHERE kind = 'plan_decided' AND kind NOT IN ('decision', 'outcome', 'adoption')
) d WHERE d.plan_id = plan.plan_id AND d.reason IS NOT NULL;
