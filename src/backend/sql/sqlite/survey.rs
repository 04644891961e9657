//! What is in a SQLite database that nobody knows yet. It only reads.

use rusqlite::Connection;

use crate::backend::sql::dialect::Dialect;
use crate::backend::sql::survey;
use crate::survey::tables::{COLUMNS, Column, ForeignKey, Holds, Sample, TABLES, Table, Tables, Wish};

type Read<T> = Result<T, rusqlite::Error>;

/// Names and statements of tables and views, SQLite's own and virtual ones left out.
const NAMES: &str = "SELECT s.name, s.type = 'view', coalesce(s.sql, '') FROM sqlite_schema s \
    JOIN pragma_table_list l ON l.schema = 'main' AND l.name = s.name AND l.type IN ('table', 'view') \
    WHERE s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.name LIMIT ?1";
const TRIGGERS: &str = "SELECT coalesce(sql, '') FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?1";
const COLUMNS_OF: &str = "SELECT name, type, \"notnull\", dflt_value IS NOT NULL, pk, hidden FROM pragma_table_xinfo(?1) \
    WHERE hidden <> 1";
const UNIQUE: &str = "SELECT l.name, i.name FROM pragma_index_list(?1) l JOIN pragma_index_info(l.name) i \
    WHERE l.\"unique\" AND NOT l.partial AND l.origin <> 'pk' ORDER BY l.name, i.seqno";
/// Where no columns are named there, the key is meant.
const FOREIGN: &str =
    "SELECT id, \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?1) ORDER BY id, seq";

/// Its tables.
pub(super) fn tables(connection: &Connection) -> Read<Tables> {
    let mut names = connection.prepare(NAMES)?;
    let found = names.query_map([i64::try_from(TABLES).unwrap_or(i64::MAX)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let (mut tables, mut columns) = (Vec::new(), 0);
    for found in found {
        let (name, is_view, sql): (String, bool, String) = found?;
        let table = match table(connection, name, is_view, sql) {
            // A view whose tables are gone has no columns, and keeps nobody from the rest.
            Err(_) if is_view => continue,
            table => table?,
        };
        columns += table.columns.len();
        if columns > COLUMNS {
            break;
        }
        tables.push(table);
    }
    let keys: Vec<(String, Vec<String>)> =
        tables.iter().map(|table| (table.name.clone(), table.primary.clone())).collect();
    for key in tables.iter_mut().flat_map(|table| &mut table.foreign_keys) {
        if key.referenced.iter().any(String::is_empty) {
            let of = keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key.table));
            key.referenced = of.map(|(_, primary)| primary.clone()).unwrap_or_default();
        }
    }
    Ok(Tables { is_sqlite: true, tables })
}

fn table(connection: &Connection, name: String, is_view: bool, sql: String) -> Read<Table> {
    let (mut columns, mut key, mut whole) = (Vec::new(), Vec::new(), 0);
    let mut statement = connection.prepare(COLUMNS_OF)?;
    let rows = statement.query_map([&name], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
    })?;
    for row in rows {
        let (name, declared, is_required, has_default, place, hidden): (
            String,
            String,
            bool,
            bool,
            i64,
            i64,
        ) = row?;
        let declared = declared.to_ascii_uppercase();
        if place > 0 {
            key.push((place, name.clone()));
            whole += usize::from(declared == "INTEGER");
        }
        columns.push(Column {
            holds: holds(&declared),
            longest: longest(&declared).or_else(|| checked(&sql, &name)),
            is_nullable: !is_required && place == 0,
            is_generated: hidden > 1,
            has_default,
            name,
        });
    }
    key.sort_unstable();
    let primary: Vec<String> = key.into_iter().map(|(_, name)| name).collect();
    // The one key that SQLite numbers by itself.
    if let ([one], 1) = (primary.as_slice(), whole) {
        columns.iter_mut().filter(|column| column.name == *one).for_each(|column| column.is_generated = true);
    }
    let triggers = connection.prepare(TRIGGERS)?.query_map([&name], |row| row.get(0))?.collect::<Read<_>>();
    let mut says: Vec<String> = triggers?;
    says.push(sql);
    Ok(Table {
        unique: unique(connection, &name)?,
        foreign_keys: foreign_keys(connection, &name)?,
        is_writable: !is_view,
        name,
        is_view,
        columns,
        primary,
        says,
    })
}

fn unique(connection: &Connection, table: &str) -> Read<Vec<Vec<String>>> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    let mut statement = connection.prepare(UNIQUE)?;
    for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))? {
        // An expression has no name; one that nobody has keeps the index from promising anything.
        let (index, column): (String, Option<String>) = row?;
        if found.last().is_none_or(|(last, _)| *last != index) {
            found.push((index, Vec::new()));
        }
        found
            .last_mut()
            .into_iter()
            .for_each(|(_, columns)| columns.push(column.clone().unwrap_or_default()));
    }
    Ok(found.into_iter().map(|(_, columns)| columns).collect())
}

fn foreign_keys(connection: &Connection, table: &str) -> Read<Vec<ForeignKey>> {
    let mut found: Vec<(i64, ForeignKey)> = Vec::new();
    let mut statement = connection.prepare(FOREIGN)?;
    for row in statement.query_map([table], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))? {
        let (id, from, table, to): (i64, String, String, Option<String>) = row?;
        if found.last().is_none_or(|(last, _)| *last != id) {
            found.push((id, ForeignKey { columns: Vec::new(), table, referenced: Vec::new() }));
        }
        if let Some((_, key)) = found.last_mut() {
            key.columns.push(from);
            key.referenced.push(to.unwrap_or_default());
        }
    }
    Ok(found.into_iter().map(|(_, key)| key).collect())
}

/// Some rows of a table.
pub(super) fn sample(connection: &Connection, wish: &Wish) -> Read<Sample> {
    let read = |sql: String| -> Read<Vec<_>> {
        let mut statement = connection.prepare(&sql)?;
        let width = statement.column_count();
        let cells =
            |row: &rusqlite::Row<'_>| (0..width).map(|at| Ok(super::read(row.get_ref(at)?))).collect();
        statement.query_map([], cells)?.collect()
    };
    let counts = read(survey::counts(Dialect::Sqlite, wish))?;
    let values = wish.columns.iter().map(|column| read(survey::values(Dialect::Sqlite, &wish.table, column)));
    Ok(survey::sample(wish, counts.first(), values.collect::<Read<_>>()?))
}

/// What a declared type means, by SQLite's own rules (§3.1 of its "Datatypes") and by what people call things.
fn holds(declared: &str) -> Holds {
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    match () {
        () if has(&["BOOL"]) || declared == "BIT" => Holds::Boolean,
        () if has(&["GUID", "UNIQUEIDENTIFIER", "UUID"]) => Holds::Text,
        () if has(&["DATETIME", "TIMESTAMP"]) => Holds::Instant,
        () if has(&["DATE"]) => Holds::Date,
        () if has(&["INT"]) => Holds::Integer,
        () if has(&["CHAR", "CLOB", "TEXT", "STRING"]) => Holds::Text,
        () if has(&["BLOB", "BINARY"]) => Holds::Octets,
        () => Holds::Other,
    }
}

/// `VARCHAR(50)`: 50.
fn longest(declared: &str) -> Option<usize> {
    let (kind, rest) = declared.split_once('(')?;
    let length = rest.split(')').next()?.trim().parse().ok();
    length.filter(|length| *length > 0 && (kind.contains("CHAR") || kind.contains("TEXT")))
}

/// `CHECK (length(Login) <= 50)`: 50.
fn checked(sql: &str, column: &str) -> Option<usize> {
    let (sql, before) = (sql.to_lowercase(), format!("length({}) <=", column.to_lowercase()));
    let rest = sql.split_once(&before)?.1.trim_start();
    let digits = rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    digits.parse().ok().filter(|length| *length > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_as_people_write_them() {
        for (declared, expected, length) in [
            ("VARCHAR(50)", Holds::Text, Some(50)),
            ("NVARCHAR ( 7 )", Holds::Text, Some(7)),
            ("TEXT", Holds::Text, None),
            ("BIGINT", Holds::Integer, None),
            ("INT(11)", Holds::Integer, None),
            ("BOOLEAN", Holds::Boolean, None),
            ("DATETIME", Holds::Instant, None),
            ("DATE", Holds::Date, None),
            ("BLOB", Holds::Octets, None),
            ("", Holds::Other, None),
        ] {
            assert_eq!((holds(declared), longest(declared)), (expected, length), "{declared}");
        }
        let sql = "CREATE TABLE T (Login TEXT CHECK (length(Login) <= 50), L TEXT CHECK (length(L) <= x))";
        assert_eq!((checked(sql, "Login"), checked(sql, "L"), checked(sql, "M")), (Some(50), None, None));
    }

    #[test]
    fn tables_are_seen_with_their_keys_and_what_stands_in_them() {
        let connection = Connection::open_in_memory().unwrap();
        let sql = "CREATE TABLE \"Odd \"\"T\" (a INTEGER PRIMARY KEY, \"b c\" TEXT NOT NULL UNIQUE, d TEXT DEFAULT 'x');
            CREATE TABLE U (a INT, k CHAR(1), n TEXT AS (k || 'x'), PRIMARY KEY (a, k), FOREIGN KEY (a) REFERENCES \"Odd \"\"T\");
            CREATE UNIQUE INDEX Some ON U (k) WHERE a > 1;
            CREATE VIEW V AS SELECT k FROM U;
            INSERT INTO \"Odd \"\"T\" (a, \"b c\") VALUES (1, 'p'), (2, 'q');
            INSERT INTO U (a, k) VALUES (1, 'A'), (1, 'B'), (2, 'A');";
        connection.execute_batch(sql).unwrap();
        let seen = tables(&connection).unwrap().tables;
        let names: Vec<(&str, bool)> =
            seen.iter().map(|table| (table.name.as_str(), table.is_view)).collect();
        assert_eq!(names, [("Odd \"T", false), ("U", false), ("V", true)]);
        assert!(seen[0].is_unique(&["B C"]) && seen[0].is_unique(&["a", "d"]) && !seen[0].is_unique(&["d"]));
        assert!(seen[0].columns[0].is_generated && seen[0].must(&seen[0].columns[1]));
        assert_eq!(seen[1].primary, ["a", "k"]);
        assert!(!seen[1].is_unique(&["k"]) && !seen[1].columns[0].is_generated);
        assert!(seen[1].columns[2].is_generated);
        let key =
            ForeignKey { columns: vec!["a".into()], table: "Odd \"T".into(), referenced: vec!["a".into()] };
        assert_eq!(seen[1].foreign_keys, [key]);
        let wish = Wish { table: "U".into(), columns: vec!["k".into()] };
        let sample = sample(&connection, &wish).unwrap();
        assert_eq!((sample.rows, sample.columns["k"].filled), (3, 3));
        assert_eq!(sample.columns["k"].most, [("A".into(), 2), ("B".into(), 1)]);
    }
}
