BEGIN IMMEDIATE;

-- a row in Members
INSERT INTO "Members" ("GroupId", "MemberId") SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM "Members" WHERE "GroupId" = ?1 AND "MemberId" = ?2);
--   ?1 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8c01'
--   ?2 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b02'

-- the row in Groups, when a statement above changed something
UPDATE "Groups" SET "Modified" = ?1 WHERE "Id" = ?2;
--   ?1 = '2026-01-15T08:00:00Z'
--   ?2 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8c01'

COMMIT;
