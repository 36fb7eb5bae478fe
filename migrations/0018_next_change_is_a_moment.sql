-- A date begins at another moment in each place, so what was a day (YYYY-MM-DD) is a moment now (YYYY-MM-DDThh:mm:ssZ). A day that is
-- stored stands for its beginning in UTC until the person is judged again, which the first run of this version does.
UPDATE person SET next_change = next_change || 'T00:00:00Z' WHERE length(next_change) = 10;
UPDATE action SET next_change = next_change || 'T00:00:00Z' WHERE length(next_change) = 10;
