-- The tables of tests/mappings/kept, as SQL Server has them. `GO` ends a batch.
CREATE TABLE Person (
  Id INT IDENTITY PRIMARY KEY,
  Login NVARCHAR(64) NOT NULL UNIQUE,
  LeavesOn DATETIME2,
  BossId INT REFERENCES Person (Id),
  Kind VARCHAR(10) NOT NULL,
  Gone BIT NOT NULL DEFAULT 0,
  Pinned BIT NOT NULL DEFAULT 0,
  ChangedBy VARCHAR(40),
  Mark NVARCHAR(80),
  Phone VARCHAR(20)
);
CREATE TABLE Team (TeamId INT IDENTITY(500001, 1) PRIMARY KEY, Name NVARCHAR(64) NOT NULL UNIQUE);
CREATE TABLE TeamPerson (TeamId INT, PersonId INT, PRIMARY KEY (TeamId, PersonId));
INSERT INTO Person (Login, Kind) VALUES ('printer', 'machine');
GO
