BEGIN IMMEDIATE;

-- the row in Users
UPDATE "Users" SET "Modified" = ?1, "UserName" = ?2, "Doc" = ?3 WHERE "Id" = ?4;
--   ?1 = '2026-01-15T08:00:00Z'
--   ?2 = 'ada.king'
--   ?3 = '{"name":{"givenName":"Ada","familyName":"Lovelace"},"active":true,"title":"Countess"}'
--   ?4 = '7b1c2f9e-0c58-4a3e-9f0d-2c6a5e1d8b01'

COMMIT;
