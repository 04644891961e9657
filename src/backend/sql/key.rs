//! Keys of one or more columns in statements: what is selected, compared and ordered. Pure. What id their values make
//! is [`crate::plan::id_of`]'s affair; here the texts of the values are parameters like any other.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::dialect::Dialect;
use crate::plan::{Key, Predicate, Search, Table, Value};

/// The alias of a subquery that selects keys.
const KEYS: &str = "k";
/// How many keys of several columns one statement compares: each is a term of its own.
const COMPOSITE_KEYS: usize = 250;
/// Parameters of a statement that are no keys: those of `only` and of the window.
const OTHER_PARAMETERS: usize = 48;

/// The columns of a key, behind an alias where the table has one there.
pub(super) fn columns(dialect: Dialect, alias: Option<&str>, key: &Key) -> Vec<String> {
    let quoted = key.columns().iter().map(|column| dialect.quote(column));
    quoted.map(|column| alias.map_or(column.clone(), |alias| format!("{alias}.{column}"))).collect()
}

/// `a = x AND b = y`
pub(super) fn same(columns: &[String], others: &[String]) -> String {
    let equal = columns.iter().zip(others).map(|(column, other)| format!("{column} = {other}"));
    equal.collect::<Vec<_>>().join(" AND ")
}

/// A list of columns as it is selected where ids are made of them.
pub(super) fn selected(dialect: Dialect, columns: &[String]) -> String {
    columns.iter().map(|column| dialect.id(column)).collect::<Vec<_>>().join(", ")
}

/// That the columns hold the key that makes one of these ids; each is compared as it is, for its index, and as
/// text, because `042` is no id of row 42.
pub(super) fn is_one_of(builder: &mut Builder, columns: &[String], key: &Key, ids: &[String]) -> String {
    let dialect = builder.dialect;
    let text = |column: &String| format!("{}{}", dialect.as_text(column), dialect.collation(true));
    let mut marks = |id: &String| -> Option<Vec<String>> {
        let parts = key.parts(id)?;
        Some(parts.into_iter().map(|part| builder.value(Value::Text(part))).collect())
    };
    let keys: Vec<Vec<String>> = ids.iter().filter_map(&mut marks).collect();
    match columns {
        _ if keys.is_empty() => "1 = 0".to_owned(),
        [column] => {
            let marks = keys.concat().join(", ");
            format!("({column} IN ({marks}) AND {} IN ({marks}))", text(column))
        }
        _ => {
            let texts: Vec<String> = columns.iter().map(text).collect();
            let is = |marks: &Vec<String>| format!("({} AND {})", same(columns, marks), same(&texts, marks));
            let terms: Vec<String> = keys.iter().map(is).collect();
            if terms.len() == 1 { terms.concat() } else { format!("({})", terms.join(" OR ")) }
        }
    }
}

/// That the columns hold one of the keys that a subquery selects: what stands before the subquery and behind it.
pub(super) fn among(dialect: Dialect, columns: &[String]) -> (String, String) {
    match (columns, dialect) {
        ([column], _) => (format!("{column} IN ("), ")".to_owned()),
        (_, Dialect::Sqlite) => (format!("({}) IN (", columns.join(", ")), ")".to_owned()),
        // T-SQL compares no rows.
        (_, Dialect::Transact) => {
            let names: Vec<String> = (1..=columns.len()).map(|number| format!("{KEYS}{number}")).collect();
            let listed: Vec<String> = names.iter().map(|name| format!("{KEYS}.{name}")).collect();
            let end = format!(") AS {KEYS} ({}) WHERE {})", names.join(", "), same(&listed, columns));
            ("EXISTS (SELECT 1 FROM (".to_owned(), end)
        }
    }
}

/// That a key comes behind the one with these values, column by column.
pub(super) fn is_beyond(
    builder: &mut Builder,
    columns: &[String],
    parts: &[String],
    backward: bool,
) -> String {
    let sign = if backward { '<' } else { '>' };
    let marks: Vec<String> = parts.iter().map(|part| builder.value(Value::Text(part.clone()))).collect();
    let mut condition = String::new();
    for (column, mark) in columns.iter().zip(&marks).rev() {
        condition = match condition.as_str() {
            "" => format!("{column} {sign} {mark}"),
            // The first bound is for an index, which no alternative can use.
            further => format!("({column} {sign}= {mark} AND ({column} {sign} {mark} OR {further}))"),
        };
    }
    condition
}

/// ORDER BY's terms, each once: T-SQL takes none twice.
pub(super) fn order<'a>(columns: impl IntoIterator<Item = &'a String>, backward: bool) -> String {
    let mut once: Vec<&String> = Vec::new();
    for column in columns {
        if !once.contains(&column) {
            once.push(column);
        }
    }
    let term = |column: &String| if backward { format!("{column} DESC") } else { column.clone() };
    once.into_iter().map(term).collect::<Vec<_>>().join(", ")
}

/// A search as several, where it is for more ids than one statement can compare. Their results together are the
/// whole one's; in which order, nobody asks who names the ids.
pub(super) fn batches(dialect: Dialect, table: &Table, search: &Search) -> Vec<Search> {
    // All its statements go in one request, and each has the ids.
    let children = search.fields.natives.iter().filter_map(|native| native.part.as_deref());
    let children: BTreeSet<&str> = children.filter(|part| table.child(part).is_some()).collect();
    let statements = 1 + children.len() + usize::from(search.range.total);
    let room = (dialect.most_parameters() / statements).saturating_sub(OTHER_PARAMETERS);
    let most = match table.id.len() {
        1 => room.max(1),
        columns => (room / columns).clamp(1, COMPOSITE_KEYS),
    };
    match &search.predicate {
        Predicate::Id(ids) if ids.len() > most => {
            let batch = |ids: &[String]| Search { predicate: Predicate::Id(ids.to_vec()), ..search.clone() };
            ids.chunks(most).map(batch).collect()
        }
        _ => vec![search.clone()],
    }
}
