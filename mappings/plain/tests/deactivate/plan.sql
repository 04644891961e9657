BEGIN IMMEDIATE;

-- the row in Users
UPDATE "Users" SET "Modified" = ?1, "Doc" = ?2 WHERE "Id" = ?3;
--   ?1 = '2026-01-15T08:00:00Z'
--   ?2 = '{"name":{"givenName":"Ada","familyName":"King"},"active":false,"title":"Countess"}'
--   ?3 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01'

COMMIT;
