-- The tables of tests/mappings/tenants, as SQL Server has them. `GO` ends a batch.
CREATE TABLE Dept (
  DeptNo INT IDENTITY PRIMARY KEY,
  TenantId INT NOT NULL,
  DeptName NVARCHAR(40) NOT NULL,
  UNIQUE (TenantId, DeptName)
);
CREATE TABLE Account (
  AccountNo VARCHAR(36) PRIMARY KEY,
  TenantId INT NOT NULL,
  LoginCd VARCHAR(40) NOT NULL,
  StatusCd CHAR(1) NOT NULL,
  KindCd INT NOT NULL,
  DeptNo INT REFERENCES Dept (DeptNo),
  ChiefLogin VARCHAR(40),
  UNIQUE (TenantId, LoginCd)
);
CREATE TABLE AccountDetail (
  AccountNo VARCHAR(36) NOT NULL REFERENCES Account (AccountNo),
  TenantId INT NOT NULL,
  Phone VARCHAR(20),
  LangCd CHAR(2),
  UNIQUE (TenantId, AccountNo)
);
CREATE TABLE Role (
  RoleNo INT IDENTITY(500001, 1) PRIMARY KEY,
  TenantId INT NOT NULL,
  RoleName NVARCHAR(40) NOT NULL,
  UNIQUE (TenantId, RoleName)
);
CREATE TABLE AccountRole (
  TenantId INT NOT NULL,
  RoleNo INT NOT NULL,
  AccountNo VARCHAR(36) NOT NULL,
  PRIMARY KEY (TenantId, RoleNo, AccountNo)
);
-- Another tenant, with the same names.
INSERT INTO Dept (TenantId, DeptName) VALUES (8, 'Sales');
INSERT INTO Account VALUES ('other', 8, 'ada', 'A', 1, 1, 'ben');
INSERT INTO Account VALUES ('other-ben', 8, 'ben', 'A', 1, 1, NULL);
INSERT INTO AccountDetail VALUES ('other', 8, '111', 'DE');
INSERT INTO Role (TenantId, RoleName) VALUES (8, 'Admins');
INSERT INTO AccountRole VALUES (8, 500001, 'other');
GO
