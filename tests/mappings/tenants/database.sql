CREATE TABLE Dept (DeptNo INTEGER PRIMARY KEY, TenantId INTEGER NOT NULL, DeptName TEXT NOT NULL, UNIQUE (TenantId, DeptName));
CREATE TABLE Account (
  AccountNo TEXT PRIMARY KEY,
  TenantId INTEGER NOT NULL,
  LoginCd TEXT NOT NULL COLLATE NOCASE,
  StatusCd CHAR(1) NOT NULL,
  KindCd INTEGER NOT NULL,
  DeptNo INTEGER REFERENCES Dept,
  ChiefLogin TEXT,
  UNIQUE (TenantId, LoginCd)
);
CREATE TABLE AccountDetail (AccountNo TEXT NOT NULL REFERENCES Account, TenantId INTEGER NOT NULL, Phone TEXT, LangCd CHAR(2), UNIQUE (TenantId, AccountNo));
CREATE TABLE Role (RoleNo INTEGER PRIMARY KEY AUTOINCREMENT, TenantId INTEGER NOT NULL, RoleName TEXT NOT NULL, UNIQUE (TenantId, RoleName));
CREATE TABLE AccountRole (TenantId INTEGER NOT NULL, RoleNo INTEGER NOT NULL, AccountNo TEXT NOT NULL, PRIMARY KEY (TenantId, RoleNo, AccountNo));
-- Another tenant, with the same names.
INSERT INTO Dept VALUES (1, 8, 'Sales');
INSERT INTO Account VALUES ('other', 8, 'ada', 'A', 1, 1, 'ben');
INSERT INTO Account VALUES ('other-ben', 8, 'ben', 'A', 1, 1, NULL);
INSERT INTO AccountDetail VALUES ('other', 8, '111', 'DE');
INSERT INTO Role VALUES (500001, 8, 'Admins');
INSERT INTO AccountRole VALUES (8, 500001, 'other');
