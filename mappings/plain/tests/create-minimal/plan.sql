BEGIN IMMEDIATE;

-- the row in Users; its Id is :id below
INSERT INTO "Users" ("Created", "Id", "Modified", "UserName") VALUES (?1, ?2, ?3, ?4) RETURNING "Id";
--   ?1 = '2026-01-15T08:00:00Z'
--   ?2 = '00000000-0000-0000-0000-000000000001'
--   ?3 = '2026-01-15T08:00:00Z'
--   ?4 = 'lin'
--   returns :id

COMMIT;
