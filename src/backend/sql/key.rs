//! Keys of one or more columns in statements: what is selected, compared and ordered. Pure. What id their values make
//! is [`crate::plan::id_of`]'s affair; here the texts of the values are parameters like any other.

use std::collections::BTreeSet;

use super::builder::Builder;
use super::catalog::{Comparable, Kind};
use super::condition::NEVER;
use super::dialect::Dialect;
use crate::plan::{Key, Predicate, Search, Table, Value};

/// The alias of a subquery that selects keys.
pub(super) const KEYS: &str = "k";
/// How many keys of several columns one statement compares: each is a term of its own.
const COMPOSITE_KEYS: usize = 250;
/// Parameters of a statement that are no keys: those of `only` and of the window.
const OTHER_PARAMETERS: usize = 48;

/// The columns of a key, behind an alias where the table has one there.
pub(super) fn columns(dialect: Dialect<'_>, alias: Option<&str>, key: &Key) -> Vec<String> {
    let quoted = key.columns().iter().map(|column| dialect.quote(column));
    quoted.map(|column| alias.map_or(column.clone(), |alias| format!("{alias}.{column}"))).collect()
}

/// `a = x AND b = y`
pub(super) fn same(columns: &[String], others: &[String]) -> String {
    let equal = columns.iter().zip(others).map(|(column, other)| format!("{column} = {other}"));
    equal.collect::<Vec<_>>().join(" AND ")
}

/// That the columns, which hold the key in this table, make one of these ids; each is compared as it is, for its index,
/// and as text where other texts are taken for the same, because `042` is no id of row 42.
pub(super) fn is_one_of(
    builder: &mut Builder<'_>,
    (table, key): (&str, &Key),
    columns: &[String],
    ids: &[String],
) -> String {
    let dialect = builder.dialect;
    let marks: Vec<Vec<String>> =
        ids.iter().filter_map(|id| marks(builder, (table, key), &key.parts(id)?)).collect();
    let kinds = key.columns().iter().map(|column| dialect.kind(table, column));
    let (again, texts): (Vec<usize>, Vec<String>) = columns
        .iter()
        .zip(kinds)
        .enumerate()
        .filter_map(|(at, (column, kind))| Some((at, as_shown(dialect, kind, column)?)))
        .unzip();
    match (columns, texts.as_slice()) {
        _ if marks.is_empty() => NEVER.to_owned(),
        ([column], []) => format!("{column} IN ({})", marks.concat().join(", ")),
        ([column], [text, ..]) => {
            let marks = marks.concat().join(", ");
            let length = match (dialect, ids) {
                // Whatever the collation, T-SQL has blanks at the end not count.
                (Dialect::Transact(_), [id]) if id.ends_with(' ') => {
                    format!(" AND DATALENGTH({column}) = DATALENGTH({marks})")
                }
                _ => String::new(),
            };
            format!("({column} IN ({marks}) AND {text} IN ({marks}){length})")
        }
        _ => {
            let term = |marks: &Vec<String>| {
                let shown: Vec<String> = again.iter().filter_map(|at| marks.get(*at).cloned()).collect();
                let (all, marks) = ([columns, &texts].concat(), [marks.as_slice(), &shown].concat());
                format!("({})", same(&all, &marks))
            };
            let terms: Vec<String> = marks.iter().map(term).collect();
            if terms.len() == 1 { terms.concat() } else { format!("({})", terms.join(" OR ")) }
        }
    }
}

/// What a column's value is compared as besides, where it may equal what an id does not show.
fn as_shown(dialect: Dialect<'_>, kind: Kind, column: &str) -> Option<String> {
    match kind {
        Kind::Narrow { .. } | Kind::Wide { .. } => Some(dialect.exactly(column)),
        Kind::Other => Some(format!("{}{}", dialect.as_text(column), dialect.collation(true))),
        _ => None,
    }
}

/// What the columns of a key are compared with; `None` when one can hold nothing of the kind.
fn marks(builder: &mut Builder<'_>, (table, key): (&str, &Key), parts: &[String]) -> Option<Vec<String>> {
    let kinds: Vec<Kind> = key.columns().iter().map(|column| builder.dialect.kind(table, column)).collect();
    let values = parts.iter().map(|part| Value::Text(part.clone()));
    // Not before it is known that all can be compared: a parameter that no mark stands for would be left over.
    let are_comparable =
        kinds.iter().zip(values.clone()).all(|(kind, value)| kind.comparable(&value) != Comparable::Never);
    if !are_comparable {
        return None;
    }
    kinds.into_iter().zip(values).map(|(kind, value)| builder.compared(kind, &value)).collect()
}

/// That the columns hold one of the keys that a subquery selects: what stands before the subquery and behind it.
pub(super) fn among(dialect: Dialect<'_>, columns: &[String]) -> (String, String) {
    match (columns, dialect) {
        ([column], _) => (format!("{column} IN ("), ")".to_owned()),
        (_, Dialect::Sqlite) => (format!("({}) IN (", columns.join(", ")), ")".to_owned()),
        // T-SQL compares no rows.
        (_, Dialect::Transact(_)) => {
            let names: Vec<String> = (1..=columns.len()).map(|number| format!("{KEYS}{number}")).collect();
            let listed: Vec<String> = names.iter().map(|name| format!("{KEYS}.{name}")).collect();
            let end = format!(") AS {KEYS} ({}) WHERE {})", names.join(", "), same(&listed, columns));
            ("EXISTS (SELECT 1 FROM (".to_owned(), end)
        }
    }
}

/// That a key comes behind the one with these values, column by column; `None` when no key can have them.
pub(super) fn is_beyond(
    builder: &mut Builder<'_>,
    held: (&str, &Key),
    columns: &[String],
    (parts, backward): (&[String], bool),
) -> Option<String> {
    let sign = if backward { '<' } else { '>' };
    let marks = marks(builder, held, parts)?;
    let mut condition = String::new();
    for (column, mark) in columns.iter().zip(&marks).rev() {
        condition = match condition.as_str() {
            "" => format!("{column} {sign} {mark}"),
            // The first bound is for an index, which no alternative can use.
            further => format!("({column} {sign}= {mark} AND ({column} {sign} {mark} OR {further}))"),
        };
    }
    Some(condition)
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
pub(super) fn batches(dialect: Dialect<'_>, table: &Table, search: &Search) -> Vec<Search> {
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
