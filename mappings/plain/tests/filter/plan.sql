-- the rows
SELECT t."Id", t."Created", t."ExternalId", t."Modified", t."UserName", t."Doc" FROM "Users" AS t WHERE t."UserName" = ?1 COLLATE NOCASE ORDER BY t."Id" LIMIT ?2 OFFSET ?3;
--   ?1 = 'Ada'
--   ?2 = 201
--   ?3 = 0

-- their Members
SELECT c."MemberId", c."GroupId" FROM "Members" AS c WHERE c."MemberId" IN (SELECT t."Id" FROM "Users" AS t WHERE t."UserName" = ?1 COLLATE NOCASE ORDER BY t."Id" LIMIT ?2 OFFSET ?3) ORDER BY c."MemberId", c."GroupId";
--   ?1 = 'Ada'
--   ?2 = 200
--   ?3 = 0

-- how many there are in all
SELECT COUNT(*) FROM "Users" AS t WHERE t."UserName" = ?1 COLLATE NOCASE;
--   ?1 = 'Ada'

