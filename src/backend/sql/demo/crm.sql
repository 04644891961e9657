CREATE TABLE Department (
  DeptId INTEGER PRIMARY KEY,
  Name TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (length(Name) <= 80)
);
CREATE TABLE AppUser (
  UserId INTEGER PRIMARY KEY AUTOINCREMENT,
  LoginName TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (length(LoginName) <= 50),
  FirstName TEXT COLLATE NOCASE CHECK (length(FirstName) <= 40),
  LastName TEXT NOT NULL COLLATE NOCASE CHECK (length(LastName) <= 40),
  Email TEXT COLLATE NOCASE CHECK (length(Email) <= 120),
  StatusCd TEXT CHECK (StatusCd IN ('A', 'T', 'L')), -- active, terminated, locked; NULL: nobody said
  DeptId INTEGER REFERENCES Department,
  ManagerId INTEGER REFERENCES AppUser ON DELETE SET NULL,
  PwdHash BLOB,
  PwdSalt BLOB,
  ModifiedBy TEXT CHECK (length(ModifiedBy) <= 40),
  ModifiedUtc TEXT,
  RowVer INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX AppUserEmail ON AppUser (Email);
CREATE INDEX AppUserDeptId ON AppUser (DeptId);
CREATE INDEX AppUserManagerId ON AppUser (ManagerId);
CREATE TABLE UserPhone (
  UserId INTEGER NOT NULL REFERENCES AppUser,
  Kind TEXT NOT NULL CHECK (Kind IN ('W', 'M', 'H')),
  Num TEXT CHECK (length(Num) <= 30),
  PRIMARY KEY (UserId, Kind)
) WITHOUT ROWID;
CREATE TABLE Role (
  RoleId INTEGER PRIMARY KEY AUTOINCREMENT,
  RoleName TEXT NOT NULL UNIQUE COLLATE NOCASE CHECK (length(RoleName) <= 60),
  IsSystem INTEGER NOT NULL DEFAULT 0 CHECK (IsSystem IN (0, 1))
);
-- Keys of roles are none of people: SCIM wants ids that no other resource has, of whatever type (RFC 7643 §3.1).
INSERT INTO sqlite_sequence (name, seq) VALUES ('Role', 500000);
CREATE TABLE UserRole (
  UserId INTEGER NOT NULL REFERENCES AppUser,
  RoleId INTEGER NOT NULL REFERENCES Role,
  GrantedBy TEXT NOT NULL CHECK (length(GrantedBy) <= 40),
  PRIMARY KEY (UserId, RoleId)
) WITHOUT ROWID;
CREATE INDEX UserRoleRoleId ON UserRole (RoleId, UserId);
CREATE TABLE UserScim (UserId INTEGER PRIMARY KEY REFERENCES AppUser, Doc TEXT NOT NULL);
CREATE TABLE RoleScim (RoleId INTEGER PRIMARY KEY REFERENCES Role, Doc TEXT NOT NULL);

-- The application's own: every new person leaves a row in an audit table with an identity of its own, and
-- every change of a row a new RowVer.
CREATE TABLE AppUserAudit (
  AuditId INTEGER PRIMARY KEY AUTOINCREMENT,
  UserId INTEGER NOT NULL,
  At TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO AppUserAudit (AuditId, UserId) VALUES (70000, 0);
CREATE TRIGGER AppUserInserted AFTER INSERT ON AppUser BEGIN
  INSERT INTO AppUserAudit (UserId) VALUES (NEW.UserId);
END;
CREATE TRIGGER AppUserUpdated AFTER UPDATE ON AppUser WHEN NEW.RowVer = OLD.RowVer BEGIN
  UPDATE AppUser SET RowVer = OLD.RowVer + 1 WHERE UserId = NEW.UserId;
END;
