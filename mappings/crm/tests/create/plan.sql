BEGIN IMMEDIATE;

-- the row in AppUser; its UserId is :id below
INSERT INTO "AppUser" ("Email", "FirstName", "LastName", "LoginName", "ManagerId", "ModifiedBy", "ModifiedUtc", "PwdHash", "PwdSalt", "StatusCd", "DeptId") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING "UserId";
--   ?1 = 'grace@example.test'
--   ?2 = 'Grace'
--   ?3 = 'Hopper'
--   ?4 = 'grace'
--   ?5 = '1'
--   ?6 = 'gantry'
--   ?7 = '2026-01-15T08:00:00Z'
--   ?8 = (secret, left out)
--   ?9 = (secret, left out)
--   ?10 = 'A'
--   ?11 = '1'
--   returns :id

-- a row in UserPhone
INSERT INTO "UserPhone" ("UserId", "Kind", "Num") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserPhone" WHERE "UserId" = ?1 AND "Kind" = ?2 AND "Num" = ?3);
--   ?1 = :id, which a statement above returned
--   ?2 = 'W'
--   ?3 = '+1 555 0100'

-- a row in UserPhone
INSERT INTO "UserPhone" ("UserId", "Kind", "Num") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserPhone" WHERE "UserId" = ?1 AND "Kind" = ?2 AND "Num" = ?3);
--   ?1 = :id, which a statement above returned
--   ?2 = 'M'
--   ?3 = '+1 555 0101'

-- what has no column of its own
INSERT INTO "UserScim" ("UserId", "Doc") VALUES (?1, ?2);
--   ?1 = :id, which a statement above returned
--   ?2 = '{"title":"Rear Admiral"}'

COMMIT;
