-- The tables of tests/mappings/results: procedures that say in result sets what they did. `GO` ends a batch.
CREATE TABLE Staff (
  StaffNo INT IDENTITY(41, 1) PRIMARY KEY,
  Login NVARCHAR(64) NOT NULL UNIQUE,
  Note NVARCHAR(64),
  Badge VARCHAR(10),
  Told VARCHAR(10),
  CameLine INT
);
CREATE TABLE StaffAudit (AuditNo INT IDENTITY(9000, 1) PRIMARY KEY, StaffNo INT NOT NULL);
CREATE TABLE Journal (
  Line INT IDENTITY(501, 1) PRIMARY KEY,
  StaffNo INT NOT NULL,
  What VARCHAR(10) NOT NULL,
  Badge VARCHAR(10)
);
GO
CREATE VIEW Person AS SELECT StaffNo AS Id, Login, Note AS Name FROM Staff
GO
-- A key of another table, which is not the new person's.
CREATE TRIGGER StaffInserted ON Staff AFTER INSERT AS
BEGIN
  INSERT INTO StaffAudit (StaffNo) SELECT StaffNo FROM inserted;
END
GO
-- It counts, prints and selects more than is asked for. Nobody is made of nobody.
CREATE PROCEDURE usp_PersonAdd @login NVARCHAR(64), @name NVARCHAR(64), @state NVARCHAR(10) OUTPUT AS
BEGIN
  DECLARE @id INT;
  SET NOCOUNT OFF;
  SELECT What, Badge FROM Journal WHERE 1 = 0;
  IF @login <> 'nobody'
  BEGIN
    INSERT INTO Staff (Login, Note) VALUES (@login, @name);
    SET @id = SCOPE_IDENTITY();
    UPDATE Staff SET Badge = 'B' + CAST(@id AS VARCHAR(8)) WHERE StaffNo = @id;
  END
  PRINT 'somebody came';
  SET @state = 'new';
  SELECT 'B' + CAST(@id AS VARCHAR(8)) AS Badge, @id AS NewId;
  SELECT 1 AS NewId, 'none' AS Badge, 'not these' AS Remark;
END
GO
CREATE PROCEDURE usp_JournalAdd @person INT, @what VARCHAR(10), @badge VARCHAR(10) AS
BEGIN
  IF @person IS NOT NULL INSERT INTO Journal (StaffNo, What, Badge) VALUES (@person, @what, @badge);
  SELECT SCOPE_IDENTITY() AS Line;
END
GO
-- What it says of a change is as the new name has it.
CREATE PROCEDURE usp_PersonUpd @id INT, @name NVARCHAR(64) AS
BEGIN
  UPDATE Staff SET Note = @name WHERE StaffNo = @id;
  IF @name = 'none' SELECT 1 AS Told WHERE 1 = 0;
  ELSE IF @name = 'two' SELECT 1 AS Told UNION ALL SELECT 2;
  ELSE IF @name = 'other' SELECT 1 AS Said;
  ELSE IF @name = 'null' SELECT CAST(NULL AS VARCHAR(10)) AS Told;
  ELSE IF @name <> 'silent' SELECT 'yes' AS TOLD;
  IF @name = 'error' THROW 50007, 'behind the row', 1;
END
GO
