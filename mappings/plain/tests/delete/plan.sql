BEGIN IMMEDIATE;

-- its rows in Members
DELETE FROM "Members" WHERE "MemberId" = ?1;
--   ?1 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01'

-- the row in Users
DELETE FROM "Users" WHERE "Id" = ?1;
--   ?1 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01'

COMMIT;
