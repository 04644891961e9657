CREATE TABLE Department (
  Tenant TEXT NOT NULL, DeptNo INTEGER NOT NULL DEFAULT (abs(random() % 1000000)), Name TEXT NOT NULL,
  PRIMARY KEY (Tenant, DeptNo), UNIQUE (Tenant, Name)
);
CREATE TABLE Employee (
  EmpNo INTEGER PRIMARY KEY AUTOINCREMENT, Tenant TEXT NOT NULL, Login TEXT NOT NULL UNIQUE COLLATE NOCASE,
  First TEXT, Last TEXT, StatusCd CHAR(1), DeptNo INTEGER, MgrNo INTEGER,
  UNIQUE (Tenant, EmpNo),
  FOREIGN KEY (Tenant, DeptNo) REFERENCES Department (Tenant, DeptNo),
  FOREIGN KEY (Tenant, MgrNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE Phone (
  Tenant TEXT NOT NULL, EmpNo INTEGER NOT NULL, Kind CHAR(1) NOT NULL, Num TEXT NOT NULL,
  PRIMARY KEY (Tenant, EmpNo, Kind), FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE EmployeeScim (
  Tenant TEXT NOT NULL, EmpNo INTEGER NOT NULL, Doc TEXT NOT NULL,
  PRIMARY KEY (Tenant, EmpNo), FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE TABLE Role (Tenant TEXT NOT NULL, RoleCode TEXT NOT NULL, PRIMARY KEY (Tenant, RoleCode));
CREATE TABLE UserRole (
  Tenant TEXT NOT NULL, RoleCode TEXT NOT NULL, EmpNo INTEGER NOT NULL, GrantedBy TEXT NOT NULL,
  PRIMARY KEY (Tenant, RoleCode, EmpNo),
  FOREIGN KEY (Tenant, RoleCode) REFERENCES Role (Tenant, RoleCode),
  FOREIGN KEY (Tenant, EmpNo) REFERENCES Employee (Tenant, EmpNo)
);
CREATE INDEX UserRoleOfEmployee ON UserRole (Tenant, EmpNo);
CREATE TABLE Device (Guid TEXT PRIMARY KEY, Serial TEXT NOT NULL, HolderTenant TEXT, HolderKey TEXT);
CREATE TABLE Desk (
  DeskNo INTEGER PRIMARY KEY AUTOINCREMENT, Tenant TEXT NOT NULL, Label TEXT, Gone INTEGER NOT NULL,
  HolderNo INTEGER, KeeperNo INTEGER NOT NULL, LenderTenant TEXT NOT NULL, LenderKey TEXT NOT NULL,
  UNIQUE (Tenant, DeskNo), UNIQUE (Tenant, HolderNo)
);
CREATE TABLE Site (Code TEXT PRIMARY KEY COLLATE NOCASE, Town TEXT);
-- Of another tenant, where somebody has the name of a department and a role too.
INSERT INTO Department VALUES ('B', 1, 'Sales');
INSERT INTO Employee (EmpNo, Tenant, Login, StatusCd, DeptNo) VALUES (1, 'B', 'bob', 'A', 1);
INSERT INTO Role VALUES ('B', 'Admins');
INSERT INTO UserRole VALUES ('B', 'Admins', 1, 'dba');
