BEGIN TRANSACTION;

-- the mapping calls usp_UserAdd
DECLARE @out_usp_UserAdd_newId_1 NVARCHAR(4000); EXEC [usp_UserAdd] @dept = @P1, @fn = @P2, @ln = @P3, @login = @P4, @newId = @out_usp_UserAdd_newId_1 OUTPUT;
--   @P1 = N'ENG'
--   @P2 = N'Grace'
--   @P3 = N'Hopper'
--   @P4 = N'grace'
--   returns :usp_UserAdd.newId#1

COMMIT;
