CREATE TABLE Person (
  Id        INTEGER PRIMARY KEY,
  Login     TEXT NOT NULL UNIQUE COLLATE NOCASE,
  Doc       TEXT NOT NULL,
  DeletedAt TEXT,
  DeletedOn TEXT,
  DeletedBy TEXT
);
