-- the rows
SELECT t."Id", t."Doc" FROM "Users" AS t WHERE 1 = 1 ORDER BY t."Id" LIMIT ?1 OFFSET ?2;
--   ?1 = 50001
--   ?2 = 0

