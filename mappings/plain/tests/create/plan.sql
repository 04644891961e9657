BEGIN IMMEDIATE;

-- the row in Users; its Id is :id below
INSERT INTO "Users" ("Created", "ExternalId", "Id", "Modified", "PwdHash", "PwdSalt", "UserName", "Doc") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING "Id";
--   ?1 = '2026-01-15T08:00:00Z'
--   ?2 = 'e-3'
--   ?3 = '00000000-0000-0000-0000-000000000001'
--   ?4 = '2026-01-15T08:00:00Z'
--   ?5 = (secret, left out)
--   ?6 = (secret, left out)
--   ?7 = 'grace'
--   ?8 = '{"name":{"givenName":"Grace","familyName":"Hopper"},"emails":[{"value":"grace@example.test","type":"work","primary":true}],"active":true}'
--   returns :id

COMMIT;
