-- Whether a plan that was held, or still is, shows the person without access, and nothing that can be used has said otherwise since: no
-- repair gives access back then.
ALTER TABLE person ADD COLUMN denied INTEGER NOT NULL DEFAULT 0 CHECK (denied IN (0, 1));
