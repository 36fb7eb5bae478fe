-- In how many records of a part each of our columns has a value, as a JSON object: a part that lacks a column is told from the others by it.
-- Nothing: it came before this was kept.
ALTER TABLE delivery_part ADD COLUMN filled TEXT;
