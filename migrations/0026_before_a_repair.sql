-- What was confirmed of somebody before `drift --repair` took what somebody had done by hand for the state: where HR says nothing
-- that can be used, a run leads back to this. It goes once a run has decided about the person, or an action is confirmed.
CREATE TABLE drift_before (
    employee_id TEXT    NOT NULL PRIMARY KEY REFERENCES person (employee_id),
    -- Whether the last thing that we did was to give access.
    had_access  INTEGER NOT NULL CHECK (had_access IN (0, 1)),
    -- Whether the person was settled as somebody who has left.
    gone        INTEGER NOT NULL CHECK (gone IN (0, 1)),
    attributes  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Workiva's ids of the users who may be theirs, as a JSON array: HR may no longer name the person when somebody decides.
ALTER TABLE adoption ADD COLUMN candidates TEXT NOT NULL DEFAULT '[]';
