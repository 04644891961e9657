//! What a step's own row gives to later steps. Pure. Where something is taken from it, there is exactly one: none or
//! several mean that the mapping and the database do not agree, and then the whole plan is given up.

use std::collections::HashMap;
use std::sync::Arc;

use super::records::Cells;
use crate::backend::Failure;
use crate::plan::{Origin, Output, Value};

/// How many columns of a result set an error names.
const NAMED: usize = 20;

/// One result set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Set {
    /// The names of its columns; of one without a name the empty text.
    pub columns: Vec<String>,
    pub rows: Vec<Cells>,
}

/// What the steps so far gave, by the names that later ones know it by. NULL is `None`.
pub(super) type Known = HashMap<Arc<str>, Option<Value>>;

/// Adds what stands in the row that a step returned, of all its result sets.
pub(super) fn learn<'a>(
    about: &str,
    outputs: &[Output],
    mut sets: impl Iterator<Item = &'a Set> + Clone,
    known: &mut Known,
) -> Result<(), Failure> {
    if !outputs.iter().any(Output::is_in_row) {
        return Ok(());
    }
    let wrong = |what: String| Err(Failure::Internal(format!("{about}: {what}")));
    let first = sets.clone().next();
    let named = || outputs.iter().filter_map(column);
    let Some(set) = sets.find(|set| named().all(|name| set.place(name).is_some())) else {
        return wrong(match first {
            None => "it returned no result set".to_owned(),
            Some(first) => {
                let columns: Vec<_> = first.columns.iter().take(NAMED).collect();
                format!(
                    "no result set has the columns {:?}; the first has {columns:?}",
                    named().collect::<Vec<_>>()
                )
            }
        });
    };
    let [row] = set.rows.as_slice() else {
        return wrong(format!("it returned {} rows where one is expected", set.rows.len()));
    };
    let mut next = 0..;
    for output in outputs {
        let place = match &output.origin {
            Origin::Next => next.next(),
            Origin::Column(name) => set.place(name),
            Origin::Variable(_) => continue,
        };
        let Some(value) = place.and_then(|place| row.get(place)) else {
            return wrong(format!("its row has {} columns, fewer than are named", row.len()));
        };
        known.insert(output.name.clone(), value.clone());
    }
    Ok(())
}

fn column(output: &Output) -> Option<&str> {
    match &output.origin {
        Origin::Column(name) => Some(name),
        Origin::Next | Origin::Variable(_) => None,
    }
}

// === impl Set ===

impl Set {
    /// Where the column with this name stands; without regard to case, where none is written so.
    fn place(&self, name: &str) -> Option<usize> {
        let at = |is_it: &dyn Fn(&String) -> bool| self.columns.iter().position(is_it);
        at(&|column| column == name).or_else(|| at(&|column| column.to_lowercase() == name.to_lowercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(columns: &[&str], rows: &[&[Option<i64>]]) -> Set {
        let cells = |row: &&[Option<i64>]| row.iter().map(|cell| cell.map(Value::Integer)).collect();
        Set {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            rows: rows.iter().map(cells).collect(),
        }
    }

    fn columns(names: &[&str]) -> Vec<Output> {
        let column =
            |name: &&str| Output { name: (*name).into(), origin: Origin::Column((*name).to_owned()) };
        names.iter().map(column).collect()
    }

    /// What these sets give, in the order of the names; or the error, which tells what it is about.
    fn told(outputs: &[Output], sets: &[Set]) -> Result<Vec<Option<i64>>, String> {
        let mut known = Known::new();
        learn("the mapping calls usp", outputs, sets.iter(), &mut known).map_err(|failure| {
            assert!(matches!(failure, Failure::Internal(_)), "{failure}");
            let text = failure.to_string();
            text.split_once("the mapping calls usp: ").map(|(_, what)| what.to_owned()).unwrap()
        })?;
        let number = |output: &Output| match known.get(&output.name) {
            Some(Some(Value::Integer(number))) => Some(*number),
            Some(None) => None,
            other => panic!("{other:?}"),
        };
        Ok(outputs.iter().map(number).collect())
    }

    #[test]
    fn columns_are_found_by_their_names_in_the_first_result_set_that_has_them_all() {
        let sets = [
            set(&["msg"], &[&[Some(0)], &[Some(0)]]),
            set(&["status", "id", "ID"], &[&[Some(1), Some(7), Some(8)]]),
            set(&["id", "status"], &[&[Some(9), Some(9)]]),
        ];
        assert_eq!(told(&columns(&["id"]), &sets), Ok(vec![Some(7)]));
        assert_eq!(told(&columns(&["ID", "Status"]), &sets), Ok(vec![Some(8), Some(1)]));
        // A procedure need not name its column.
        assert_eq!(told(&columns(&[""]), &[set(&[""], &[&[Some(3)]])]), Ok(vec![Some(3)]));
        assert_eq!(told(&columns(&["id"]), &[set(&["id"], &[&[None]])]), Ok(vec![None]));
    }

    #[test]
    fn what_stands_in_order_is_the_first_result_sets() {
        let next = |name: &str| Output { name: name.into(), origin: Origin::Next };
        let sets = [set(&["x", "y"], &[&[Some(1), None]]), set(&["a", "b"], &[&[Some(3), Some(4)]])];
        assert_eq!(told(&[next("a"), next("b")], &sets), Ok(vec![Some(1), None]));
        let fewer = told(&[next("a"), next("b"), next("c")], &sets).unwrap_err();
        assert!(fewer.contains("2 columns, fewer than are named"), "{fewer}");
    }

    #[test]
    fn there_is_one_row_and_it_has_the_columns() {
        let id = columns(&["id"]);
        for (sets, error) in [
            (vec![], "it returned no result set"),
            (vec![set(&["id"], &[])], "it returned 0 rows where one is expected"),
            (vec![set(&["id"], &[&[Some(1)], &[Some(2)]])], "it returned 2 rows where one is expected"),
            // The first that has the column, whatever is in a later one.
            (
                vec![set(&["id"], &[]), set(&["id"], &[&[Some(1)]])],
                "it returned 0 rows where one is expected",
            ),
            (vec![set(&["", "n"], &[])], r#"no result set has the columns ["id"]; the first has ["", "n"]"#),
        ] {
            assert_eq!(told(&id, &sets), Err(error.to_owned()), "{sets:?}");
        }
        let apart = told(&columns(&["a", "b"]), &[set(&["a"], &[&[Some(1)]]), set(&["b"], &[&[Some(2)]])]);
        assert!(apart.unwrap_err().starts_with("no result set has the columns [\"a\", \"b\"]"));
        // Of what is in variables nothing is asked here.
        let output = Output { name: "o".into(), origin: Origin::Variable("@o".to_owned()) };
        assert!(learn("it", &[output], [].iter(), &mut Known::new()).is_ok());
    }
}
