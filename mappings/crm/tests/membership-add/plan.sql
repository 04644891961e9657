BEGIN IMMEDIATE;

-- a row in UserRole
INSERT INTO "UserRole" ("RoleId", "UserId", "GrantedBy") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserRole" WHERE "RoleId" = ?1 AND "UserId" = ?2);
--   ?1 = '500002'
--   ?2 = '2'
--   ?3 = 'gantry'

COMMIT;
