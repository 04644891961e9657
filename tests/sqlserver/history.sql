-- The tables of tests/mappings/history, as SQL Server has them. `GO` ends a batch.
CREATE TABLE Person (
  PersonId INT IDENTITY PRIMARY KEY,
  LoginName NVARCHAR(40) NOT NULL UNIQUE,
  LoginNameLower NVARCHAR(40) NOT NULL UNIQUE,
  FirstName NVARCHAR(40),
  LastName NVARCHAR(40) NOT NULL
);
CREATE TABLE Employee (
  PersonId INT PRIMARY KEY REFERENCES Person (PersonId),
  BadgeNo VARCHAR(10),
  Phone VARCHAR(20),
  HiredOn DATE NOT NULL,
  RecordNo VARCHAR(36) NOT NULL,
  ChangedBy VARCHAR(20)
);
CREATE UNIQUE INDEX EmployeeBadgeNo ON Employee (BadgeNo) WHERE BadgeNo IS NOT NULL;
CREATE TABLE EmployeeJob (
  EmpId INT NOT NULL REFERENCES Person (PersonId),
  EffDt DATETIME2(0) NOT NULL,
  EffSeq INT NOT NULL,
  DeptId VARCHAR(10),
  Status CHAR(1) NOT NULL,
  Grade INT,
  Title NVARCHAR(40),
  ChangedBy VARCHAR(20) NOT NULL,
  PRIMARY KEY (EmpId, EffDt, EffSeq)
);
CREATE TABLE Team (
  TeamId INT IDENTITY(500001, 1) PRIMARY KEY,
  TeamName NVARCHAR(40) NOT NULL UNIQUE,
  LeadLogin NVARCHAR(40),
  ChangedBy VARCHAR(20)
);
CREATE TABLE TeamMember (
  TeamId INT NOT NULL REFERENCES Team (TeamId),
  Login NVARCHAR(40) NOT NULL,
  PRIMARY KEY (TeamId, Login)
);
GO
CREATE TRIGGER NoRoot ON Person AFTER INSERT AS
IF EXISTS (SELECT 1 FROM inserted WHERE LoginNameLower = 'root')
  THROW 50009, 'root belongs to nobody: Person.NoRoot', 1;
GO
