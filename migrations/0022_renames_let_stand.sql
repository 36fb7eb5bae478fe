-- Whose change of name a run had counted against the limit, and goes on behind it in further steps: JSON list of employee ids, only of the
-- newest accepted run and of the run of a held plan. These are not counted again with each step while the source says the same; others are.
ALTER TABLE run ADD COLUMN renames TEXT;
CREATE INDEX run_renames ON run (run_id) WHERE renames IS NOT NULL;
