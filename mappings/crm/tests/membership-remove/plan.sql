BEGIN IMMEDIATE;

-- a row of UserRole goes
DELETE FROM "UserRole" WHERE "RoleId" = ?1 AND "UserId" = ?2;
--   ?1 = '500002'
--   ?2 = '1'

COMMIT;
