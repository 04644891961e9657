-- Two bare tables and one for who is in which group, as SQL Server has them. `GO` ends a batch.
-- Ids differ by case (RFC 7643 §3.1), names do not.
CREATE TABLE Users (
  Id NVARCHAR(64) COLLATE Latin1_General_BIN2 PRIMARY KEY,
  UserName NVARCHAR(256) NOT NULL UNIQUE,
  ExternalId NVARCHAR(256),
  PwdHash VARBINARY(64),
  PwdSalt VARBINARY(16),
  Created DATETIME2,
  Modified DATETIME2,
  Doc NVARCHAR(MAX)
);
CREATE INDEX UsersExternalId ON Users (ExternalId);
CREATE TABLE Groups (
  Id NVARCHAR(64) COLLATE Latin1_General_BIN2 PRIMARY KEY,
  DisplayName NVARCHAR(256) NOT NULL,
  ExternalId NVARCHAR(256),
  Created DATETIME2,
  Modified DATETIME2,
  Doc NVARCHAR(MAX)
);
CREATE INDEX GroupsDisplayName ON Groups (DisplayName);
CREATE INDEX GroupsExternalId ON Groups (ExternalId);
CREATE TABLE Members (
  GroupId NVARCHAR(64) COLLATE Latin1_General_BIN2 NOT NULL, -- no foreign key: Babelfish has none in this collation
  MemberId NVARCHAR(64) COLLATE Latin1_General_BIN2 NOT NULL,
  Display NVARCHAR(256),
  Ref NVARCHAR(1000),
  PRIMARY KEY (GroupId, MemberId)
);
CREATE INDEX MembersMemberId ON Members (MemberId, GroupId);
GO
