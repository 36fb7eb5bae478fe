-- The employee ids of a part, a line each: parts that overlap say that others are in none. Nothing: it came before this was kept.
ALTER TABLE delivery_part ADD COLUMN people TEXT;
