-- What a plan that was held, or still is, shows of the person: with access or without, while nothing that can be used has said otherwise
-- since. No repair of what somebody did by hand goes against it.
ALTER TABLE person ADD COLUMN shown TEXT CHECK (shown IN ('with', 'without'));
UPDATE person SET shown = 'without' WHERE denied = 1;
ALTER TABLE person DROP COLUMN denied;
