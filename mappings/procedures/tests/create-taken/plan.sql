BEGIN TRANSACTION;

-- the mapping calls usp_UserAdd
DECLARE @out_usp_UserAdd_newId_1 NVARCHAR(4000); EXEC [usp_UserAdd] @dept = NULL, @fn = NULL, @ln = NULL, @login = @P1, @newId = @out_usp_UserAdd_newId_1 OUTPUT;
--   @P1 = N'ada'
--   returns :usp_UserAdd.newId#1

COMMIT;
