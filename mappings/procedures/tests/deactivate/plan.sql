BEGIN TRANSACTION;

-- the mapping calls usp_UserUpd
EXEC [usp_UserUpd] @dept = NULL, @fn = NULL, @id = @P1, @ln = NULL, @login = NULL;
--   @P1 = N'1'

-- the mapping calls usp_UserTerm
DECLARE @date_today DATE = CAST(SYSUTCDATETIME() AS DATE); EXEC [usp_UserTerm] @date = @date_today, @id = @P1;
--   @P1 = N'1'

COMMIT;
