//! What the two dialects write differently. Identifiers come from mappings and are always quoted; values
//! are always parameters.

use super::catalog::{Catalog, Kind};

/// The collation that tells all characters apart.
const BINARY: &str = " COLLATE Latin1_General_BIN2";

/// A dialect of SQL.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect<'a> {
    Sqlite,
    /// Transact-SQL, and what is known of the columns.
    Transact(&'a Catalog),
}

// === impl Dialect ===

impl Dialect<'_> {
    /// What a column holds, as far as the dialect must know it.
    pub(super) fn kind(self, table: &str, column: &str) -> Kind {
        match self {
            Self::Sqlite => Kind::Other,
            Self::Transact(catalog) => catalog.kind(table, column),
        }
    }

    /// Whether it is known that the database itself gives this column's values, and refuses others.
    pub(super) fn is_generated(self, table: &str, column: &str) -> bool {
        match self {
            Self::Sqlite => false,
            Self::Transact(catalog) => catalog.column(table, column).is_some_and(|known| known.is_generated),
        }
    }

    /// An identifier; `schema.table` is two of them.
    pub(super) fn quote(self, name: &str) -> String {
        let one = |part: &str| match self {
            Self::Sqlite => format!("\"{}\"", part.replace('"', "\"\"")),
            Self::Transact(_) => format!("[{}]", part.replace(']', "]]")),
        };
        name.split('.').map(one).collect::<Vec<_>>().join(".")
    }

    /// The mark of the parameter with this number, from 1.
    pub(super) fn mark(self, number: usize) -> String {
        match self {
            Self::Sqlite => format!("?{number}"),
            Self::Transact(_) => format!("@P{number}"),
        }
    }

    /// An expression as text.
    pub(super) fn as_text(self, expression: &str) -> String {
        match self {
            Self::Sqlite => format!("CAST({expression} AS TEXT)"),
            Self::Transact(_) => format!("CAST({expression} AS NVARCHAR(4000))"),
        }
    }

    /// That a column of a key and one that refers to it hold the same. T-SQL would make a number or a GUID of a text, and
    /// end the statement where it is none; `042` is none of row 42.
    pub(super) fn equal(self, (key, of_key): (&str, Kind), (column, of_column): (&str, Kind)) -> String {
        let kind = match (self, of_key) {
            (Self::Transact(_), Kind::Integer { .. }) if of_column.is_text() => "BIGINT",
            (Self::Transact(_), Kind::Guid) if of_column.is_text() => "UNIQUEIDENTIFIER",
            _ => return format!("{key} = {column}"),
        };
        format!("{key} = TRY_CAST({column} AS {kind}) AND {} = {column}", self.as_text(key))
    }

    /// The first characters of a text.
    pub(super) fn beginning(self, text: &str, chars: usize) -> String {
        match self {
            Self::Sqlite => format!("substr({text}, 1, {chars})"),
            Self::Transact(_) => format!("LEFT({text}, {chars})"),
        }
    }

    /// A column's instants as what can be compared: in SQLite, where an instant is a text in one of several
    /// forms (RFC 3339 or SQL's own, with any fraction and offset), one text in UTC without needless zeros;
    /// NULL when it is none.
    pub(super) fn instant(self, column: &str, kind: Kind) -> String {
        match self {
            Self::Transact(_) if kind.is_text() => return format!("TRY_CAST({column} AS DATETIMEOFFSET)"),
            Self::Transact(_) => return column.to_owned(), // a type of its own there
            Self::Sqlite => {}
        }
        let offset = |then: &str, or: &str| {
            format!("CASE WHEN substr({column}, -6, 1) IN ('+', '-') THEN {then} ELSE {or} END")
        };
        let zone = offset(&format!("substr({column}, -6)"), "''");
        let fraction =
            offset(&format!("substr({column}, 20, length({column}) - 25)"), &format!("substr({column}, 20)"));
        format!(
            "CASE WHEN length({column}) > 18 THEN \
             datetime(substr({column}, 1, 10) || ' ' || substr({column}, 12, 8) || {zone}) \
             || rtrim({fraction}, 'Zz0.') END"
        )
    }

    /// A column's days, in UTC where it says so; NULL when it is none.
    pub(super) fn date(self, column: &str, kind: Kind) -> String {
        match self {
            // `date` by itself takes a time or a number for a day too.
            Self::Sqlite => {
                let digits = |count| "[0-9]".repeat(count);
                let day = format!("{}-{}-{}*", digits(4), digits(2), digits(2));
                format!("CASE WHEN {column} GLOB '{day}' THEN date({column}) END")
            }
            Self::Transact(_) if kind == Kind::Date => column.to_owned(),
            Self::Transact(_) => format!("TRY_CAST({column} AS DATE)"),
        }
    }

    /// The day that it is, in UTC.
    pub(super) fn today(self) -> &'static str {
        match self {
            Self::Sqlite => "date('now')",
            Self::Transact(_) => "CAST(SYSUTCDATETIME() AS DATE)",
        }
    }

    /// A term of ORDER BY. NULL comes last, in falling order first.
    pub(super) fn order(self, key: &str, is_falling: bool) -> String {
        match (self, is_falling) {
            (Self::Sqlite, false) => format!("{key} NULLS LAST"),
            (Self::Sqlite, true) => format!("{key} DESC NULLS FIRST"),
            (Self::Transact(_), false) => format!("CASE WHEN {key} IS NULL THEN 1 ELSE 0 END, {key}"),
            (Self::Transact(_), true) => {
                format!("CASE WHEN {key} IS NULL THEN 1 ELSE 0 END DESC, {key} DESC")
            }
        }
    }

    /// The suffix that makes a comparison of text ignore or heed case. T-SQL leaves folding to the
    /// column's own collation, so that its index serves.
    pub(super) fn collation(self, exact: bool) -> &'static str {
        match (self, exact) {
            (Self::Sqlite, true) => " COLLATE BINARY",
            (Self::Sqlite, false) => " COLLATE NOCASE",
            (Self::Transact(_), true) => BINARY,
            (Self::Transact(_), false) => "",
        }
    }

    /// A text as what orders it by its code points once its case is folded, as whatever is sorted elsewhere is: in
    /// T-SQL a column's own collation has an order of its own.
    pub(super) fn by_code_points(self, text: &str, exact: bool) -> String {
        match self {
            Self::Transact(_) if !exact => format!("LOWER({text}){BINARY}"),
            _ => format!("{text}{}", self.collation(exact)),
        }
    }

    /// A column whose letters' case counts, whatever its own collation and code page.
    pub(super) fn exactly(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!("{column} COLLATE BINARY"),
            Self::Transact(_) => format!("CAST({column} AS NVARCHAR(MAX)){BINARY}"),
        }
    }

    /// A text for LIKE with its wildcards escaped: by a backslash in SQLite, by brackets in T-SQL. There a character of
    /// one's own can be declared as well, but Babelfish finds nothing by `%` and such a character behind it.
    pub(super) fn like(self, text: &str) -> String {
        let escaped = |c: char| match (self, c) {
            (Self::Sqlite, '\\' | '%' | '_') => format!("\\{c}"),
            (Self::Transact(_), '[' | '%' | '_') => format!("[{c}]"),
            _ => c.to_string(),
        };
        text.chars().map(escaped).collect()
    }

    /// What follows a pattern of [`Self::like`].
    pub(super) fn escape(self) -> &'static str {
        match self {
            Self::Sqlite => " ESCAPE '\\'",
            Self::Transact(_) => "",
        }
    }

    /// A window of an ordered result; both are the marks of parameters.
    pub(super) fn window(self, limit: &str, offset: &str) -> String {
        match self {
            Self::Sqlite => format!(" LIMIT {limit} OFFSET {offset}"),
            Self::Transact(_) => format!(" OFFSET {offset} ROWS FETCH NEXT {limit} ROWS ONLY"),
        }
    }

    /// An INSERT that returns the new row's key, also where the table has triggers: there a bare OUTPUT
    /// fails and `@@IDENTITY` is a trigger's. In T-SQL it stands in the variables afterwards, one for each column.
    pub(super) fn insert_returning(
        self,
        table: &str,
        columns: &str,
        values: &str,
        key: &[String],
        variables: &[String],
    ) -> String {
        if let Self::Sqlite = self {
            return format!("INSERT INTO {table} {columns} {values} RETURNING {}", key.join(", "));
        }
        let row = variables.first().map_or(String::new(), |variable| format!("{variable}_row"));
        let numbers = 1..=key.len();
        let declared = numbers.clone().map(|number| format!("k{number} NVARCHAR(4000)")).collect::<Vec<_>>();
        let inserted = key.iter().map(|column| format!("INSERTED.{column}")).collect::<Vec<_>>();
        let kept = variables.iter().zip(numbers).map(|(variable, number)| {
            format!("; DECLARE {variable} NVARCHAR(4000) = (SELECT k{number} FROM {row})")
        });
        format!(
            "DECLARE {row} TABLE ({}); INSERT INTO {table} {columns} OUTPUT {} INTO {row} {values}{}",
            declared.join(", "),
            inserted.join(", "),
            kept.collect::<String>()
        )
    }

    /// What makes a read in a transaction lock the rows, and the gap where there are none, until its end. SQLite has one
    /// writer at a time.
    pub(super) fn locking(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Transact(_) => " WITH (UPDLOCK, HOLDLOCK)",
        }
    }

    /// The most parameters in a statement.
    pub(super) fn most_parameters(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Transact(_) => 2_098,
        }
    }
}
