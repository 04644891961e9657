-- The tables of tests/mappings/beside, as SQL Server has them. `GO` ends a batch.
CREATE TABLE Person (
  PersonId INT IDENTITY PRIMARY KEY,
  Login NVARCHAR(40) NOT NULL UNIQUE,
  Shown NVARCHAR(40),
  RowVer ROWVERSION
);
CREATE TABLE Employee (PersonId INT PRIMARY KEY REFERENCES Person (PersonId), Title NVARCHAR(40));
CREATE TABLE Phone (
  PersonId INT NOT NULL REFERENCES Person (PersonId),
  Kind CHAR(1) NOT NULL,
  Num VARCHAR(30),
  PRIMARY KEY (PersonId, Kind)
);
CREATE TABLE PersonScim (PersonId INT PRIMARY KEY REFERENCES Person (PersonId), Doc NVARCHAR(MAX) NOT NULL);
CREATE TABLE Team (TeamId INT IDENTITY(500001, 1) PRIMARY KEY, Name NVARCHAR(40) NOT NULL, RowVer ROWVERSION);
CREATE TABLE TeamMember (
  TeamId INT NOT NULL REFERENCES Team (TeamId),
  PersonId INT NOT NULL REFERENCES Person (PersonId),
  PRIMARY KEY (TeamId, PersonId)
);
CREATE INDEX TeamMemberPerson ON TeamMember (PersonId);
GO
