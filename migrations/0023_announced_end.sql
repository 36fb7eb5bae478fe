-- The end of access that HR has announced by a last day still to come, as JSON: where absence = "keep", it comes also for somebody whom the
-- source no longer names by then. Whoever has a date is judged anew, so that it is known of them.
ALTER TABLE person ADD COLUMN ends TEXT;
ALTER TABLE action ADD COLUMN ends TEXT;
UPDATE person SET fingerprint = '' WHERE next_change IS NOT NULL;
