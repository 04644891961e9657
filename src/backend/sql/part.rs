//! Which row of another table is a part's: one by the resource's key, and of those that keep history the one in force.

use super::builder::Builder;
use super::{condition, key};
use crate::backend::Failure;
use crate::plan::{PartRow, Table};

/// The alias of another row of the part's own table.
const OTHER: &str = "o";

/// Writes the join that gives each row of the resource's table its part, or NULLs.
pub(super) fn write_join(builder: &mut Builder<'_>, table: &Table, part: &PartRow) -> Result<(), Failure> {
    let dialect = builder.dialect;
    let (name, alias) = (dialect.quote(&part.table), dialect.quote(&part.alias));
    let columns = key::columns(dialect, Some(&alias), &part.key);
    let is_its = key::same(&columns, &condition::own_key(dialect, table));
    builder.push(&format!(" LEFT JOIN {name} AS {alias} ON {is_its}"));
    write_current(builder, part, &alias)
}

/// Writes what else tells the part's row: that it is there for this mapping, and in force.
pub(super) fn write_current(builder: &mut Builder<'_>, part: &PartRow, alias: &str) -> Result<(), Failure> {
    condition::write_scope(builder, &part.table, &part.only, Some(alias))?;
    let Some(dated) = &part.dated else { return Ok(()) };
    let dialect = builder.dialect;
    let [name, seq] = [&part.table, &dated.seq].map(|name| dialect.quote(name));
    let [others, its] = [OTHER, alias].map(|alias| key::columns(dialect, Some(alias), &part.key));
    let is_its = key::same(&others, &its);
    let kind = dialect.kind(&part.table, &dated.date);
    let day = |alias: &str| dialect.date(&format!("{alias}.{}", dialect.quote(&dated.date)), kind);
    let (own, other, today) = (day(alias), day(OTHER), dialect.today());
    builder.push(&format!(
        " AND {own} <= {today} AND NOT EXISTS (SELECT 1 FROM {name} AS {OTHER} \
         WHERE {is_its} AND {other} <= {today} \
         AND ({other} > {own} OR ({other} = {own} AND {OTHER}.{seq} > {alias}.{seq}))"
    ));
    condition::write_scope(builder, &part.table, &part.only, Some(OTHER))?;
    builder.push(")");
    Ok(())
}
