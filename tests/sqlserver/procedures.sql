-- Case 2: a view to read and procedures to write; nobody writes the tables. `GO` ends a batch.
CREATE TABLE Staff (
  id INT IDENTITY PRIMARY KEY,
  login VARCHAR(50) NOT NULL UNIQUE,
  fn VARCHAR(40),
  ln VARCHAR(40),
  dept VARCHAR(10),
  term_date DATE
);
GO
CREATE VIEW vwUsers AS SELECT id, login, fn, ln, dept, term_date FROM Staff
GO
CREATE PROCEDURE usp_UserAdd @login VARCHAR(50), @fn VARCHAR(40), @ln VARCHAR(40), @dept VARCHAR(10), @newId INT OUTPUT AS
BEGIN
  IF EXISTS (SELECT 1 FROM Staff WHERE login = @login)
    THROW 50001, 'duplicate login', 1;
  INSERT INTO Staff (login, fn, ln, dept) VALUES (@login, @fn, @ln, @dept);
  SET @newId = SCOPE_IDENTITY();
  SELECT @newId AS id, 'added' AS what; -- for the application's own screens
END
GO
-- NULL means "no change", '' clears.
CREATE PROCEDURE usp_UserUpd @id INT, @login VARCHAR(50), @fn VARCHAR(40), @ln VARCHAR(40), @dept VARCHAR(10) AS
BEGIN
  IF EXISTS (SELECT 1 FROM Staff WHERE login = @login AND id <> @id)
    THROW 50001, 'duplicate login', 1;
  UPDATE Staff SET
    login = CASE WHEN @login IS NULL THEN login ELSE @login END,
    fn = CASE WHEN @fn IS NULL THEN fn WHEN @fn = '' THEN NULL ELSE @fn END,
    ln = CASE WHEN @ln IS NULL THEN ln WHEN @ln = '' THEN NULL ELSE @ln END,
    dept = CASE WHEN @dept IS NULL THEN dept WHEN @dept = '' THEN NULL ELSE @dept END
  WHERE id = @id;
END
GO
CREATE PROCEDURE usp_UserTerm @id INT, @date DATE AS
BEGIN
  UPDATE Staff SET term_date = @date WHERE id = @id;
END
GO
