-- When a run began that looked at the person and found that what waits is still to be done; NULL: none did since it was queued.
ALTER TABLE action ADD COLUMN reaffirmed_at INTEGER;
