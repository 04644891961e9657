//! The key of the row that a plan writes: how its statements name it, and what of it is known before they run. What a
//! reference or a look-up has in common with it (a tenant, mostly) is never written by them, and must agree. Pure.

use std::sync::Arc;

use crate::backend::Failure;
use crate::plan::{Key, Native, Param, Table, Value};

/// Columns with what is written to them.
pub(super) type Columns = Vec<(Arc<str>, Param)>;

/// The row's own key, column by column.
#[derive(Default)]
pub(super) struct Own {
    /// What stands for it in statements about what hangs on the row.
    pub params: Vec<Param>,
    /// Its values' texts, as far as they are known.
    known: Vec<Option<String>>,
}

// === impl Own ===

impl Own {
    /// That of a row that is there.
    pub(super) fn of_id(key: &Key, id: &str) -> Option<Self> {
        let parts = key.parts(id)?;
        Some(Self { params: texts(&parts), known: parts.into_iter().map(Some).collect() })
    }

    /// Learns what of it is among what is written.
    pub(super) fn learn<'c>(
        &mut self,
        key: &Key,
        written: impl Iterator<Item = (&'c Arc<str>, &'c Param)> + Clone,
    ) {
        let text = |name: &Arc<str>| match written.clone().find(|(column, _)| *column == name) {
            Some((_, Param::Value(value))) => value.text(),
            _ => None,
        };
        self.known = key.columns().iter().map(text).collect();
    }

    /// Refuses a client's own key that is no segment of a URL's path (RFC 3986 §3.3); one of several columns always is.
    pub(super) fn leads_somewhere(&self) -> Result<(), Failure> {
        match self.known.as_slice() {
            [Some(id)] if matches!(id.as_str(), "" | "." | "..") => {
                let cause = "no URL leads to it".to_owned();
                Err(Failure::Rejected(format!("{id:?} cannot be the id of a resource."), cause))
            }
            _ => Ok(()),
        }
    }

    /// What is known to stand in this column, where the columns `holders` hold the key.
    pub(super) fn known(&self, holders: &Key, column: &str) -> Option<&str> {
        let at = holders.columns().iter().position(|name| **name == *column)?;
        self.known.get(at)?.as_deref()
    }

    /// What is written to the columns that a native stands for, in a row whose columns `holders` hold the key, if any do.
    pub(super) fn written(
        &self,
        table: &Table,
        native: &Native,
        value: Option<&Value>,
        holders: Option<&Key>,
    ) -> Result<Columns, Failure> {
        let link = table.columns(native);
        let parts = match value {
            Some(Value::Reference(to)) if link.len() > 1 => Some((to, id_parts(&link, &to.id)?)),
            value if link.len() == 1 => {
                let param = value.cloned().map_or(Param::Null, Param::Value);
                return Ok(vec![(native.name.clone(), param)]);
            }
            _ => None,
        };
        let nobody = table.nobody.get(native).map(|nobody| nobody.columns.as_slice()).unwrap_or_default();
        let mut written = Columns::new();
        for (at, column) in link.columns().iter().enumerate() {
            let part = parts.as_ref().and_then(|(to, parts)| Some((to, parts.get(at)?)));
            match (holders.and_then(|holders| self.known(holders, column)), part) {
                (Some(known), Some((to, part))) if known != part => {
                    let detail =
                        format!("{:?} cannot be referred to from here: it belongs elsewhere.", to.id);
                    let cause = format!("{native}: its {column} is not {known:?}");
                    return Err(Failure::Rejected(detail, cause));
                }
                (Some(_), _) => {}
                (None, Some((_, part))) => {
                    written.push((column.clone(), Param::Value(Value::Text(part.clone()))))
                }
                (None, None) => {
                    let value = nobody.get(at).cloned().flatten();
                    written.push((column.clone(), value.map_or(Param::Null, Param::Value)));
                }
            }
        }
        Ok(written)
    }
}

/// The values that make an id which the database itself told of.
pub(super) fn id_parts(key: &Key, id: &str) -> Result<Vec<String>, Failure> {
    key.parts(id).ok_or_else(|| Failure::Internal(format!("{id:?} is no key of the columns {key}")))
}

/// Texts as parameters.
pub(super) fn texts(parts: &[String]) -> Vec<Param> {
    parts.iter().map(|part| Param::Value(Value::Text(part.clone()))).collect()
}
