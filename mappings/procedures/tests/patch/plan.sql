BEGIN TRANSACTION;

-- the mapping calls usp_UserUpd
EXEC [usp_UserUpd] @dept = @P1, @fn = NULL, @id = @P2, @ln = @P3, @login = NULL;
--   @P1 = N''
--   @P2 = N'1'
--   @P3 = N'Lovelace'

COMMIT;
