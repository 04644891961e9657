-- The tables of tests/mappings/hooks-sqlserver: a view to read, procedures to write. `GO` ends a batch.
CREATE TABLE Staff (
  StaffNo INT IDENTITY PRIMARY KEY,
  Login NVARCHAR(64) NOT NULL UNIQUE,
  Given NVARCHAR(64),
  TermDate DATE,
  CameLine INT
);
CREATE TABLE Journal (Line INT IDENTITY PRIMARY KEY, Login NVARCHAR(64) NOT NULL, What VARCHAR(10) NOT NULL);
GO
CREATE VIEW vwStaff AS SELECT StaffNo AS id, Login AS login, Given AS fn, TermDate AS term_date FROM Staff;
GO
CREATE PROCEDURE usp_StaffAdd @login NVARCHAR(64), @fn NVARCHAR(64), @term DATE AS
BEGIN
  SET NOCOUNT ON;
  INSERT INTO Staff (Login, Given, TermDate) VALUES (@login, @fn, @term);
END
GO
CREATE PROCEDURE usp_JournalAdd @login NVARCHAR(64), @what VARCHAR(10), @line INT OUTPUT AS
BEGIN
  SET NOCOUNT ON;
  INSERT INTO Journal (Login, What) VALUES (@login, @what);
  SET @line = SCOPE_IDENTITY();
END
GO
