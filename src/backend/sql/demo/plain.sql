CREATE TABLE Users (
  Id TEXT PRIMARY KEY NOT NULL,
  UserName TEXT NOT NULL UNIQUE COLLATE NOCASE,
  ExternalId TEXT,
  PwdHash BLOB,
  PwdSalt BLOB,
  Created TEXT,
  Modified TEXT,
  Doc TEXT
) WITHOUT ROWID;
CREATE INDEX UsersExternalId ON Users (ExternalId);
CREATE TABLE Groups (
  Id TEXT PRIMARY KEY NOT NULL,
  DisplayName TEXT NOT NULL COLLATE NOCASE,
  ExternalId TEXT,
  Created TEXT,
  Modified TEXT,
  Doc TEXT
) WITHOUT ROWID;
CREATE INDEX GroupsDisplayName ON Groups (DisplayName);
CREATE INDEX GroupsExternalId ON Groups (ExternalId);
CREATE TABLE Members (
  GroupId TEXT NOT NULL REFERENCES Groups,
  MemberId TEXT NOT NULL,
  Display TEXT,
  Ref TEXT,
  PRIMARY KEY (GroupId, MemberId)
) WITHOUT ROWID;
CREATE INDEX MembersMemberId ON Members (MemberId, GroupId);
