BEGIN IMMEDIATE;

-- the row in AppUser
UPDATE "AppUser" SET "Email" = NULL, "LastName" = ?1, "ManagerId" = ?2, "ModifiedBy" = ?3, "ModifiedUtc" = ?4 WHERE "UserId" = ?5 AND "RowVer" = ?6;
--   ?1 = 'Lovelace'
--   ?2 = '2'
--   ?3 = 'gantry'
--   ?4 = '2026-01-15T08:00:00Z'
--   ?5 = '1'
--   ?6 = 7

-- a row of UserPhone goes
DELETE FROM "UserPhone" WHERE "UserId" = ?1 AND "Kind" = ?2 AND "Num" = ?3;
--   ?1 = '1'
--   ?2 = 'W'
--   ?3 = '+49 30 5550 0001'

-- a row in UserPhone
INSERT INTO "UserPhone" ("UserId", "Kind", "Num") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserPhone" WHERE "UserId" = ?1 AND "Kind" = ?2 AND "Num" = ?3);
--   ?1 = '1'
--   ?2 = 'W'
--   ?3 = '+49 30 5550 0002'

COMMIT;
