BEGIN IMMEDIATE;

-- a new row in Department; its DeptId is :dept below
INSERT INTO "Department" ("Name") VALUES (?1) RETURNING "DeptId";
--   ?1 = 'Astronomy'
--   returns :dept

-- the row in AppUser; its UserId is :id below
INSERT INTO "AppUser" ("LastName", "LoginName", "ModifiedBy", "ModifiedUtc", "DeptId") VALUES (?1, ?2, ?3, ?4, ?5) RETURNING "UserId";
--   ?1 = ''
--   ?2 = 'lin'
--   ?3 = 'gantry'
--   ?4 = '2026-01-15T08:00:00Z'
--   ?5 = :dept, which a statement above returned
--   returns :id

COMMIT;
