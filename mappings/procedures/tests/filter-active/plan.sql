-- the rows
SELECT t.[id], t.[login], t.[term_date] FROM [vwUsers] AS t WHERE ((TRY_CAST(t.[term_date] AS DATE) = CAST(SYSUTCDATETIME() AS DATE) AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) > CAST(SYSUTCDATETIME() AS DATE)))) OR (t.[term_date] IS NOT NULL AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) > CAST(SYSUTCDATETIME() AS DATE))) AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) = CAST(SYSUTCDATETIME() AS DATE))))) ORDER BY t.[id] OFFSET @P2 ROWS FETCH NEXT @P1 ROWS ONLY;
--   @P1 = 201
--   @P2 = 0

-- how many there are in all
SELECT COUNT(*) FROM [vwUsers] AS t WHERE ((TRY_CAST(t.[term_date] AS DATE) = CAST(SYSUTCDATETIME() AS DATE) AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) > CAST(SYSUTCDATETIME() AS DATE)))) OR (t.[term_date] IS NOT NULL AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) > CAST(SYSUTCDATETIME() AS DATE))) AND NOT ((TRY_CAST(t.[term_date] AS DATE) IS NOT NULL AND TRY_CAST(t.[term_date] AS DATE) = CAST(SYSUTCDATETIME() AS DATE)))));

