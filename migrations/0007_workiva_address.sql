-- The address of the Workiva whose accounts this database holds; one row, once there is a connection. Ids of one
-- organization mean nothing in another, and a user who is not found there would count as gone.
CREATE TABLE workiva (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    base_url TEXT    NOT NULL
) STRICT;
