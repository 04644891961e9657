BEGIN IMMEDIATE;

-- the row in AppUser
UPDATE "AppUser" SET "ModifiedBy" = ?1, "ModifiedUtc" = ?2, "StatusCd" = ?3 WHERE "UserId" = ?4 AND "RowVer" = ?5;
--   ?1 = 'gantry'
--   ?2 = '2026-01-15T08:00:00Z'
--   ?3 = 'T'
--   ?4 = '1'
--   ?5 = 7

COMMIT;
