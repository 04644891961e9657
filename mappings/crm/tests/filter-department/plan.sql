-- the rows
SELECT t."UserId", t."LoginName", substr(CAST(t."LoginName" AS TEXT), 1, 256) COLLATE NOCASE FROM "AppUser" AS t LEFT JOIN "Department" AS "dept" ON "dept"."DeptId" = t."DeptId" WHERE "dept"."Name" = ?1 COLLATE NOCASE ORDER BY substr(CAST(t."LoginName" AS TEXT), 1, 256) COLLATE NOCASE NULLS LAST, t."UserId" LIMIT ?2 OFFSET ?3;
--   ?1 = 'engineering'
--   ?2 = 201
--   ?3 = 0

-- how many there are in all
SELECT COUNT(*) FROM "AppUser" AS t LEFT JOIN "Department" AS "dept" ON "dept"."DeptId" = t."DeptId" WHERE "dept"."Name" = ?1 COLLATE NOCASE;
--   ?1 = 'engineering'

