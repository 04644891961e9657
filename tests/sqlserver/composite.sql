-- The tables of tests/mappings/composite, as SQL Server has them. `GO` ends a batch.
CREATE TABLE Department (
  Tenant VARCHAR(10) NOT NULL,
  DeptNo INT IDENTITY NOT NULL,
  Name NVARCHAR(40) NOT NULL,
  PRIMARY KEY (Tenant, DeptNo),
  UNIQUE (Tenant, Name)
);
CREATE TABLE Employee (
  EmpNo INT IDENTITY PRIMARY KEY,
  Tenant VARCHAR(10) NOT NULL,
  Login NVARCHAR(40) NOT NULL UNIQUE,
  First NVARCHAR(40),
  Last NVARCHAR(40),
  StatusCd CHAR(1),
  DeptNo INT,
  MgrNo INT,
  UNIQUE (Tenant, EmpNo),
  FOREIGN KEY (Tenant, DeptNo) REFERENCES Department (Tenant, DeptNo),
  FOREIGN KEY (Tenant, MgrNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE Phone (
  Tenant VARCHAR(10) NOT NULL,
  EmpNo INT NOT NULL,
  Kind CHAR(1) NOT NULL,
  Num VARCHAR(20) NOT NULL,
  PRIMARY KEY (Tenant, EmpNo, Kind),
  FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE EmployeeScim (
  Tenant VARCHAR(10) NOT NULL,
  EmpNo INT NOT NULL,
  Doc NVARCHAR(MAX) NOT NULL,
  PRIMARY KEY (Tenant, EmpNo),
  FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE Role (Tenant VARCHAR(10) NOT NULL, RoleCode NVARCHAR(40) NOT NULL, PRIMARY KEY (Tenant, RoleCode));
CREATE TABLE UserRole (
  Tenant VARCHAR(10) NOT NULL,
  RoleCode NVARCHAR(40) NOT NULL,
  EmpNo INT NOT NULL,
  GrantedBy VARCHAR(20) NOT NULL,
  PRIMARY KEY (Tenant, RoleCode, EmpNo),
  FOREIGN KEY (Tenant, RoleCode) REFERENCES Role (Tenant, RoleCode),
  FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE INDEX UserRoleOfEmployee ON UserRole (Tenant, EmpNo);
CREATE TABLE Device (
  Guid UNIQUEIDENTIFIER PRIMARY KEY,
  Serial NVARCHAR(40) NOT NULL,
  HolderTenant VARCHAR(10),
  HolderKey NVARCHAR(40)
);
CREATE TABLE Desk (
  DeskNo INT IDENTITY PRIMARY KEY,
  Tenant VARCHAR(10) NOT NULL,
  Label NVARCHAR(40),
  Gone BIT NOT NULL,
  HolderNo INT,
  KeeperNo INT NOT NULL,
  LenderTenant VARCHAR(10) NOT NULL,
  LenderKey NVARCHAR(40) NOT NULL,
  UNIQUE (Tenant, DeskNo),
  UNIQUE (Tenant, HolderNo)
);
CREATE TABLE Site (Code NVARCHAR(40) PRIMARY KEY, Town NVARCHAR(40));
-- Of another tenant, where somebody has the name of a department and a role too.
INSERT INTO Department (Tenant, Name) VALUES ('B', 'Sales');
INSERT INTO Employee (Tenant, Login, StatusCd, DeptNo) VALUES ('B', 'bob', 'A', 1);
INSERT INTO Role VALUES ('B', 'Admins');
INSERT INTO UserRole VALUES ('B', 'Admins', 1, 'dba');
GO
