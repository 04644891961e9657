//! Where references lead, and by which column: the key of the rows that are referred to, or another one that stands in for
//! it (`by`).

use std::sync::Arc;

use super::builder::Builder;
use super::{condition, key};
use crate::backend::Failure;
use crate::plan::{Entity, Key, Model, Native, Predicate, Reference, Store, Table};

/// The alias of the table that a reference leads to.
const LINK: &str = "r";

/// A table that a native's references lead to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target<'a> {
    pub entity: &'a Arc<str>,
    table: &'a Table,
    /// The table of the columns that lead there, and their names.
    from: (String, Key),
    /// The column that the native holds a value of, where that is not the key.
    by: Option<&'a Arc<str>>,
}

/// The tables that a native's references lead to.
pub(super) fn targets<'a>(model: &'a Model, entity: &'a Entity, native: &Native) -> Vec<Target<'a>> {
    let Store::Table(holder) = &entity.store else { return Vec::new() };
    let by = holder.stand_ins.get(native).map(|by| &by.attribute);
    let from = || (holder.place(native).to_owned(), holder.columns(native));
    let names = entity.references.get(native).into_iter().flatten();
    let entities = names.filter_map(|name| model.entity(name));
    let target = |entity: &'a Entity| match &entity.store {
        Store::Table(table) => Some(Target { entity: &entity.name, table, from: from(), by }),
        Store::Entries(_) => None,
    };
    entities.filter_map(target).collect()
}

/// Those, when not every value there leads to a row that exists for SCIM: one that does not is no reference.
pub(super) fn scoped<'a>(model: &'a Model, entity: &'a Entity, native: &Native) -> Vec<Target<'a>> {
    let targets = targets(model, entity, native);
    let is_whole = |target: &Target<'_>| target.by.is_none() && target.table.only == Predicate::All;
    if targets.iter().all(is_whole) { Vec::new() } else { targets }
}

/// Writes that `link`, columns of our own, leads to a row of one of these tables that exists for SCIM; to the one with this
/// id, where one is given.
pub(super) fn write_leads(
    builder: &mut Builder<'_>,
    targets: &[Target<'_>],
    link: &[String],
    id: Option<&str>,
) -> Result<(), Failure> {
    builder.push("(");
    for (index, target) in targets.iter().enumerate() {
        builder.push(if index > 0 { " OR EXISTS " } else { "EXISTS " });
        let held = target.is_led_to(builder, link);
        let is_meant = id.map(|id| format!(" AND {}", target.is(builder, id))).unwrap_or_default();
        target.write_select(builder, "1", &format!("{held}{is_meant}"))?;
    }
    builder.push(")");
    Ok(())
}

/// What stands in for a row, looked up by the statement itself.
pub(super) fn value(
    builder: &mut Builder<'_>,
    targets: &[Target<'_>],
    reference: &Reference,
) -> Result<String, Failure> {
    let is_meant =
        |target: &&Target<'_>| reference.resource.as_ref().is_none_or(|name| **name == **target.entity);
    let all = targets.iter().filter(is_meant).map(|target| target.stand_in(builder, &reference.id));
    let mut all = all.collect::<Result<Vec<_>, _>>()?;
    Ok(match all.len() {
        0 => "NULL".to_owned(),
        1 => all.remove(0),
        _ => format!("COALESCE({})", all.join(", ")),
    })
}

/// Whether references of these are held by another column than the key.
pub(super) fn are_named(targets: &[Target<'_>]) -> bool {
    targets.iter().any(|target| target.by.is_some())
}

// === impl Target ===

impl Target<'_> {
    /// How many columns the key has that it leads to.
    pub(super) fn width(&self) -> usize {
        self.table.id.len()
    }

    fn key_columns(&self, builder: &Builder<'_>) -> Vec<String> {
        key::columns(builder.dialect, Some(LINK), &self.table.id)
    }

    /// The columns that are compared with what the native holds.
    fn held(&self, builder: &Builder<'_>) -> Vec<String> {
        match self.by {
            Some(by) => vec![format!("{LINK}.{}", builder.dialect.quote(by))],
            None => self.key_columns(builder),
        }
    }

    /// The condition that `link`, columns of our own, leads to the row. In T-SQL a text that is no number would end the
    /// statement when it is compared with one.
    fn is_led_to(&self, builder: &Builder<'_>, link: &[String]) -> String {
        let dialect = builder.dialect;
        let (holder, own) = &self.from;
        let names = match self.by {
            Some(by) => vec![by],
            None => self.table.id.columns().iter().collect(),
        };
        let kinds = own.columns().iter().map(|column| dialect.kind(holder, column));
        let terms = self.held(builder).into_iter().zip(names).zip(link.iter().zip(kinds));
        let terms = terms.map(|((held, name), (own, kind))| {
            dialect.equal((&held, dialect.kind(&self.table.name, name)), (own, kind))
        });
        terms.collect::<Vec<_>>().join(" AND ")
    }

    /// The condition that the row has this id.
    fn is(&self, builder: &mut Builder<'_>, id: &str) -> String {
        let columns = self.key_columns(builder);
        key::is_one_of(builder, (&self.table.name, &self.table.id), &columns, &[id.to_owned()])
    }

    /// Writes a subquery over those of the table's rows that exist.
    fn write_select(&self, builder: &mut Builder<'_>, what: &str, condition: &str) -> Result<(), Failure> {
        let table = builder.dialect.quote(&self.table.name);
        builder.push(&format!("(SELECT {what} FROM {table} AS {LINK} WHERE {condition}"));
        condition::write_scope(builder, &self.table.name, &self.table.only, Some(LINK))?;
        builder.push(")");
        Ok(())
    }

    /// The key of the row that `value`, text of our own, stands in for, column by column.
    pub(super) fn key(&self, builder: &mut Builder<'_>, value: &[String]) -> Result<Vec<String>, Failure> {
        let condition = self.is_led_to(builder, value);
        let columns = self.key_columns(builder);
        let one = |column: &String| builder.aside(|builder| self.write_select(builder, column, &condition));
        columns.iter().map(one).collect()
    }

    /// What stands in for the row with this id.
    fn stand_in(&self, builder: &mut Builder<'_>, id: &str) -> Result<String, Failure> {
        let (held, condition) = (self.held(builder).join(", "), self.is(builder, id));
        builder.aside(|builder| self.write_select(builder, &held, &condition))
    }
}
