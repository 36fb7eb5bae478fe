-- What stood in a delivery's records and no column reads, as a JSON list of names: `check` tells of it once the bodies are gone.
ALTER TABLE delivery ADD COLUMN unmapped TEXT NOT NULL DEFAULT '[]';
