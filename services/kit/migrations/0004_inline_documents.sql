-- Sealed documents do not compress, and one that lies in its row is read and written with it.
ALTER TABLE entity ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE entity SET (toast_tuple_target = 8160);
