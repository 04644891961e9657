BEGIN IMMEDIATE;

-- its rows in UserPhone
DELETE FROM "UserPhone" WHERE "UserId" = ?1;
--   ?1 = '1'

-- its rows in UserRole
DELETE FROM "UserRole" WHERE "UserId" = ?1;
--   ?1 = '1'

-- its document
DELETE FROM "UserScim" WHERE "UserId" = ?1;
--   ?1 = '1'

-- the row in AppUser
DELETE FROM "AppUser" WHERE "UserId" = ?1;
--   ?1 = '1'

COMMIT;
