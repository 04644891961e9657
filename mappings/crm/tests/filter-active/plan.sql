-- the rows
SELECT t."UserId", t."Email", t."FirstName", t."LastName", t."LoginName", t."ManagerId", t."ModifiedUtc", t."StatusCd", "dept"."Name", rest."Doc" FROM "AppUser" AS t LEFT JOIN "Department" AS "dept" ON "dept"."DeptId" = t."DeptId" LEFT JOIN "UserScim" AS rest ON rest."UserId" = t."UserId" WHERE (t."StatusCd" = ?1 COLLATE BINARY OR t."StatusCd" = ?2 COLLATE BINARY) ORDER BY t."UserId" LIMIT ?3 OFFSET ?4;
--   ?1 = 'T'
--   ?2 = 'L'
--   ?3 = 201
--   ?4 = 0

-- their UserPhone
SELECT c."UserId", c."Kind", c."Num" FROM "UserPhone" AS c WHERE c."UserId" IN (SELECT t."UserId" FROM "AppUser" AS t WHERE (t."StatusCd" = ?1 COLLATE BINARY OR t."StatusCd" = ?2 COLLATE BINARY) ORDER BY t."UserId" LIMIT ?3 OFFSET ?4) ORDER BY c."UserId", c."Kind", c."Num";
--   ?1 = 'T'
--   ?2 = 'L'
--   ?3 = 200
--   ?4 = 0

-- their UserRole
SELECT c."UserId", c."RoleId" FROM "UserRole" AS c WHERE c."UserId" IN (SELECT t."UserId" FROM "AppUser" AS t WHERE (t."StatusCd" = ?1 COLLATE BINARY OR t."StatusCd" = ?2 COLLATE BINARY) ORDER BY t."UserId" LIMIT ?3 OFFSET ?4) ORDER BY c."UserId", c."RoleId";
--   ?1 = 'T'
--   ?2 = 'L'
--   ?3 = 200
--   ?4 = 0

-- how many there are in all
SELECT COUNT(*) FROM "AppUser" AS t WHERE (t."StatusCd" = ?1 COLLATE BINARY OR t."StatusCd" = ?2 COLLATE BINARY);
--   ?1 = 'T'
--   ?2 = 'L'

