BEGIN IMMEDIATE;

-- the row in Role; its RoleId is :id below
INSERT INTO "Role" ("IsSystem", "RoleName") VALUES (?1, ?2) RETURNING "RoleId";
--   ?1 = 0
--   ?2 = 'Pilots'
--   returns :id

-- a row in UserRole
INSERT INTO "UserRole" ("RoleId", "UserId", "GrantedBy") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserRole" WHERE "RoleId" = ?1 AND "UserId" = ?2);
--   ?1 = :id, which a statement above returned
--   ?2 = '1'
--   ?3 = 'gantry'

-- a row in UserRole
INSERT INTO "UserRole" ("RoleId", "UserId", "GrantedBy") SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM "UserRole" WHERE "RoleId" = ?1 AND "UserId" = ?2);
--   ?1 = :id, which a statement above returned
--   ?2 = '2'
--   ?3 = 'gantry'

COMMIT;
