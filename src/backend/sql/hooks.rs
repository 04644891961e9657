//! What a mapping's own functions ask for, as statements. The text of a statement stands in the mapping; values go as
//! parameters only.

use std::sync::Arc;

use super::builder::{Builder, in_variable, variable};
use super::dialect::Dialect;
use crate::backend::Failure;
use crate::plan::{Expect, HookStep, Origin, Output, Param, Plan, Step, Value};

/// The steps, and the new resource's id where they tell it.
pub(super) fn steps(dialect: Dialect<'_>, hooks: &[HookStep]) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    for hook in hooks {
        match hook {
            HookStep::Exec { procedure, arguments, outputs, columns } => {
                plan.steps.push(exec(dialect, procedure, arguments, (outputs, columns))?);
            }
            HookStep::Statement { text, params, outputs } => {
                plan.steps.push(statement(dialect, text, params, outputs)?);
            }
            HookStep::Id(id) => plan.id.clone_from(id),
            HookStep::Modify { .. } => {
                return Err(Failure::Internal(
                    "`plan.modify` is for directories, and this is a database".to_owned(),
                ));
            }
        }
    }
    Ok(plan)
}

/// An output's own name, and the one that later steps know it by.
type Named = (String, Arc<str>);

/// EXECUTE takes names and values, and no expressions; what an OUTPUT parameter gives stands in a variable. It is
/// text whatever the parameter's type: every type that a key has becomes one by itself. What stands in a result set
/// only the server knows before it is there, so the text says nothing of it.
fn exec(
    dialect: Dialect<'_>,
    procedure: &str,
    arguments: &[(String, Param)],
    (outputs, columns): (&[Named], &[Named]),
) -> Result<Step, Failure> {
    if let Dialect::Sqlite = dialect {
        return Err(Failure::Internal(format!(
            "{procedure}: SQLite has no procedures; use `plan.statement`"
        )));
    }
    let mut builder = Builder::new(dialect);
    let (mut declared, mut said) = (String::new(), Vec::new());
    for (name, param) in arguments {
        let name = parameter(name)?;
        match param {
            Param::Value(Value::Today) => {
                declared.push_str(&format!("DECLARE {name}_today DATE = {}; ", dialect.today()));
                said.push(format!("{name} = {name}_today"));
            }
            Param::Null => said.push(format!("{name} = NULL")),
            param => said.push(format!("{name} = {}", builder.param(param.clone()))),
        }
    }
    for (name, output) in outputs {
        let (name, given) = (parameter(name)?, variable(output));
        declared.push_str(&format!("DECLARE {given} NVARCHAR(4000); "));
        said.push(format!("{name} = {given} OUTPUT"));
    }
    let arguments = if said.is_empty() { String::new() } else { format!(" {}", said.join(", ")) };
    builder.push(&format!("{declared}EXEC {}{arguments}", dialect.quote(procedure)));
    let outputs = outputs.iter().map(|(_, name)| in_variable(name.clone()));
    let column =
        |(column, name): &Named| Output { name: name.clone(), origin: Origin::Column(column.clone()) };
    let given = outputs.chain(columns.iter().map(column));
    builder.step(format!("the mapping calls {procedure}"), Expect::Done, given)
}

/// The name of a procedure's parameter. It comes from the mapping; other characters than a name has would be no name.
fn parameter(name: &str) -> Result<String, Failure> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '#' | '$');
    match !name.is_empty() && name.chars().all(is_name) {
        true => Ok(format!("@{name}")),
        false => Err(Failure::Internal(format!("{name:?} cannot be a procedure's parameter"))),
    }
}

/// The mapping's text, each `?` outside quotes the next parameter's mark.
fn statement(
    dialect: Dialect<'_>,
    text: &str,
    params: &[Param],
    outputs: &[Arc<str>],
) -> Result<Step, Failure> {
    let mut builder = Builder::new(dialect);
    let (mut params, mut quote) = (params.iter(), None);
    let wrong = || Failure::Internal(format!("{text:?} has not as many `?` as it is given parameters"));
    for c in text.chars() {
        match (c, quote) {
            ('?', None) => {
                let mark = builder.param(params.next().ok_or_else(wrong)?.clone());
                builder.push(&mark);
                continue;
            }
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
        builder.push(c.encode_utf8(&mut [0; 4]));
    }
    match params.next() {
        None => {
            let next = |name: &Arc<str>| Output { name: name.clone(), origin: Origin::Next };
            builder.step("the mapping's own statement", Expect::Done, outputs.iter().map(next))
        }
        Some(_) => Err(wrong()),
    }
}
