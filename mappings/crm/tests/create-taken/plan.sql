BEGIN IMMEDIATE;

-- the row in AppUser; its UserId is :id below
INSERT INTO "AppUser" ("LastName", "LoginName", "ModifiedBy", "ModifiedUtc") VALUES (?1, ?2, ?3, ?4) RETURNING "UserId";
--   ?1 = ''
--   ?2 = 'ADA'
--   ?3 = 'gantry'
--   ?4 = '2026-01-15T08:00:00Z'
--   returns :id

COMMIT;
