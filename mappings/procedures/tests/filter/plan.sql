-- the rows
SELECT t.[id], t.[dept], t.[fn], t.[ln], t.[login], t.[term_date] FROM [vwUsers] AS t WHERE t.[login] = @P1 ORDER BY t.[id] OFFSET @P3 ROWS FETCH NEXT @P2 ROWS ONLY;
--   @P1 = N'ada'
--   @P2 = 201
--   @P3 = 0

-- how many there are in all
SELECT COUNT(*) FROM [vwUsers] AS t WHERE t.[login] = @P1;
--   @P1 = N'ada'

