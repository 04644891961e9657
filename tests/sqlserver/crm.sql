-- Case 1, the classic application database, as SQL Server has it. `GO` ends a batch.
CREATE TABLE Department (
  DeptId INT IDENTITY PRIMARY KEY,
  Name NVARCHAR(80) NOT NULL UNIQUE
);
CREATE TABLE AppUser (
  UserId INT IDENTITY PRIMARY KEY,
  LoginName VARCHAR(50) NOT NULL UNIQUE,
  FirstName VARCHAR(40),
  LastName VARCHAR(40) NOT NULL,
  Email VARCHAR(120),
  StatusCd CHAR(1) CHECK (StatusCd IN ('A', 'T', 'L')), -- active, terminated, locked; NULL: nobody said
  DeptId INT REFERENCES Department (DeptId),
  ManagerId INT REFERENCES AppUser (UserId),
  PwdHash VARBINARY(64),
  PwdSalt VARBINARY(16),
  ModifiedBy VARCHAR(40),
  ModifiedUtc DATETIME2,
  RowVer ROWVERSION
);
CREATE INDEX AppUserEmail ON AppUser (Email);
CREATE INDEX AppUserDeptId ON AppUser (DeptId);
CREATE INDEX AppUserManagerId ON AppUser (ManagerId);
CREATE TABLE UserPhone (
  UserId INT NOT NULL REFERENCES AppUser (UserId),
  Kind CHAR(1) NOT NULL CHECK (Kind IN ('W', 'M', 'H')),
  Num VARCHAR(30),
  PRIMARY KEY (UserId, Kind)
);
CREATE TABLE Role (
  RoleId INT IDENTITY(500001, 1) PRIMARY KEY,
  RoleName VARCHAR(60) NOT NULL UNIQUE,
  IsSystem BIT NOT NULL DEFAULT 0
);
CREATE TABLE UserRole (
  UserId INT NOT NULL REFERENCES AppUser (UserId),
  RoleId INT NOT NULL REFERENCES Role (RoleId),
  GrantedBy VARCHAR(40) NOT NULL,
  PRIMARY KEY (UserId, RoleId)
);
CREATE INDEX UserRoleRoleId ON UserRole (RoleId, UserId);
CREATE TABLE UserScim (UserId INT PRIMARY KEY REFERENCES AppUser (UserId), Doc NVARCHAR(MAX) NOT NULL);
CREATE TABLE RoleScim (RoleId INT PRIMARY KEY REFERENCES Role (RoleId), Doc NVARCHAR(MAX) NOT NULL);
CREATE TABLE AppUserAudit (
  AuditId INT IDENTITY(70000, 1) PRIMARY KEY,
  UserId INT NOT NULL,
  At DATETIME2 NOT NULL DEFAULT SYSUTCDATETIME()
);
GO
-- The application's own: every new person leaves a row in an audit table with an identity of its own.
CREATE TRIGGER AppUserInserted ON AppUser AFTER INSERT AS
BEGIN
  INSERT INTO AppUserAudit (UserId) SELECT UserId FROM inserted;
END
GO
