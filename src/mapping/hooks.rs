//! The mapping's own functions that write steps: `plan_create`, `plan_update` and `plan_delete`. They see native rows,
//! after the lines, and a `plan` to which they add; what they ask for is a value that a backend lowers.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{Array, Dynamic, Engine, EvalAltResult, Map, NativeCallContext};

use super::diagnostic::Code;
use super::line::{Line, ResourceMapping};
use super::script::{self, from_script, to_script};
use super::verbs::{Said, wrong};
use super::{Mapping, values};
use super::{shapes, sql_text};
use crate::plan::{
    AttributeChange, Changes, HookStep, Key, ModifyKind, Native, Param, Record, Row, Store, Table, Value,
};
use crate::scim::error::Error;

/// The functions, each with the number of its parameters.
pub(super) const HOOKS: [(&str, usize); 3] = [("plan_create", 2), ("plan_update", 3), ("plan_delete", 2)];
/// Steps that one call may ask for.
const STEPS: usize = 100;

/// What a function adds its steps to.
#[derive(Clone)]
struct PlanVerb {
    resource: Arc<str>,
    is_entry: bool,
    text: Arc<str>,
    steps: Arc<Mutex<Vec<HookStep>>>,
}

/// Names of outputs, each with the one that later steps know it by.
type Outputs = Vec<(String, Arc<str>)>;

/// What an earlier step will give.
#[derive(Clone)]
struct Output(Arc<str>);

/// What a procedure gives: names of its OUTPUT parameters, and of columns of its result set.
#[derive(Default)]
struct Given {
    outputs: Array,
    columns: Array,
}

/// A native value that a script cannot look into: a password, octets, an instant.
#[derive(Clone)]
struct Opaque(Value);

/// Registers `plan`'s methods.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<PlanVerb>("plan")
        .register_get("resource", |plan: &mut PlanVerb| plan.resource.to_string())
        .register_fn(
            "exec",
            |call: NativeCallContext, plan: &mut PlanVerb, procedure: &str, arguments: Map| {
                plan.exec(&call, procedure, arguments, Given::default())
            },
        )
        .register_fn(
            "exec",
            |call: NativeCallContext,
             plan: &mut PlanVerb,
             procedure: &str,
             arguments: Map,
             outputs: Array| {
                plan.exec(&call, procedure, arguments, Given { outputs, ..Given::default() })
            },
        )
        .register_fn(
            "exec",
            |call: NativeCallContext, plan: &mut PlanVerb, procedure: &str, arguments: Map, given: Map| {
                plan.exec(&call, procedure, arguments, Given::of(&call, given)?)
            },
        )
        .register_fn(
            "statement",
            |call: NativeCallContext, plan: &mut PlanVerb, text: &str, params: Array| {
                plan.statement(&call, text, params, Array::new())
            },
        )
        .register_fn(
            "statement",
            |call: NativeCallContext, plan: &mut PlanVerb, text: &str, params: Array, outputs: Array| {
                plan.statement(&call, text, params, outputs)
            },
        )
        .register_fn("modify", |call: NativeCallContext, plan: &mut PlanVerb, dn: &str, changes: Map| {
            plan.modify(&call, dn, changes)
        })
        .register_fn("id", |call: NativeCallContext, plan: &mut PlanVerb, value: Dynamic| {
            let values = if value.is_array() { value.into_array().unwrap_or_default() } else { vec![value] };
            let id = values.into_iter().map(|value| param(&call, value)).collect::<Said<_>>()?;
            plan.add(&call, HookStep::Id(id))
        })
        .register_type_with_name::<Opaque>("native value")
        .register_fn("==", |a: &mut Opaque, b: Opaque| a.0.same(&b.0))
        .register_fn("!=", |a: &mut Opaque, b: Opaque| !a.0.same(&b.0))
        .register_type_with_name::<Output>("output");
}

// === impl PlanVerb ===

impl PlanVerb {
    fn add(&self, call: &NativeCallContext, step: HookStep) -> Said<()> {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() >= STEPS {
            return Err(wrong(
                Code::Step,
                call,
                format!("a plan has at most {STEPS} steps of the mapping's own"),
            ));
        }
        steps.push(step);
        Ok(())
    }

    fn only_on(&self, call: &NativeCallContext, entries: bool, verb: &str) -> Said<()> {
        match (self.is_entry == entries, entries) {
            (true, _) => Ok(()),
            (false, true) => {
                Err(wrong(Code::Step, call, format!("`plan.{verb}` is for entries, and this is a table")))
            }
            (false, false) => Err(wrong(
                Code::Step,
                call,
                format!("`plan.{verb}` is for a database, and this is a directory"),
            )),
        }
    }

    /// `plan.exec(procedure, arguments, given)`: a map of what the procedure will give.
    fn exec(&self, call: &NativeCallContext, procedure: &str, arguments: Map, given: Given) -> Said<Map> {
        self.only_on(call, false, "exec")?;
        if let Some((message, _)) = sql_text::procedure(procedure) {
            return Err(wrong(Code::Step, call, message));
        }
        let arguments = arguments
            .into_iter()
            .map(|(name, value)| Ok((name.to_string(), param(call, value)?)))
            .collect::<Said<Vec<_>>>()?;
        let (outputs, mut all) = self.named(call, procedure, given.outputs)?;
        let (columns, further) = self.named(call, procedure, given.columns)?;
        if let Some(name) = further.keys().find(|name| all.contains_key(*name)) {
            let message = format!("`{name}` is an OUTPUT parameter and a column: one of them has the value");
            return Err(wrong(Code::Step, call, message));
        }
        all.extend(further);
        let step = HookStep::Exec { procedure: procedure.to_owned(), arguments, outputs, columns };
        self.add(call, step).map(|()| all)
    }

    /// The names of outputs with those that later steps know them by, and as the map that the script goes on with.
    fn named(&self, call: &NativeCallContext, of: &str, outputs: Array) -> Said<(Outputs, Map)> {
        let mut named = Outputs::new();
        for output in super::verbs::texts(call, outputs)? {
            let known = format!("{of}.{output}#{}", self.count() + 1).into();
            named.push((output, known));
        }
        let given = named.iter().map(|(output, known)| (output.into(), Dynamic::from(Output(known.clone()))));
        let given = given.collect();
        Ok((named, given))
    }

    /// `plan.statement(text, params, outputs)`: a map of what the row that it returns will hold. A text that
    /// was put together would carry values that nobody escaped.
    fn statement(&self, call: &NativeCallContext, text: &str, params: Array, outputs: Array) -> Said<Map> {
        self.only_on(call, false, "statement")?;
        if !self.text.contains(text) {
            return Err(wrong(Code::Step, call, shapes::PUT_TOGETHER));
        }
        let params = params.into_iter().map(|value| param(call, value)).collect::<Said<Vec<_>>>()?;
        if let Some((message, _)) = sql_text::fault(text, Some(params.len())) {
            return Err(wrong(Code::Step, call, message));
        }
        let (outputs, given) = self.named(call, "statement", outputs)?;
        let outputs = outputs.into_iter().map(|(_, known)| known).collect();
        self.add(call, HookStep::Statement { text: text.to_owned(), params, outputs }).map(|()| given)
    }

    /// `plan.modify(dn, #{ add: #{…}, delete: #{…}, replace: #{…} })`
    fn modify(&self, call: &NativeCallContext, dn: &str, said: Map) -> Said<()> {
        self.only_on(call, true, "modify")?;
        let mut changes = Vec::new();
        for (word, attributes) in said {
            let kind = match word.as_str() {
                "add" => ModifyKind::Add,
                "delete" => ModifyKind::Delete,
                "replace" => ModifyKind::Replace,
                other => {
                    return Err(wrong(
                        Code::Step,
                        call,
                        format!("`modify` knows add, delete and replace, not `{other}`"),
                    ));
                }
            };
            let Some(attributes) = attributes.try_cast::<Map>() else {
                return Err(wrong(
                    Code::Step,
                    call,
                    format!("`{word}` takes a map of attributes: #{{ description: \"x\" }}"),
                ));
            };
            for (attribute, given) in attributes {
                let values = native_values(call, given)?;
                if values.is_empty() && kind != ModifyKind::Replace {
                    let message =
                        format!("`{word}` of `{attribute}` needs a value; `replace` with () clears it");
                    return Err(wrong(Code::Step, call, message));
                }
                changes.push(AttributeChange { kind, attribute: attribute.to_string(), values });
            }
        }
        self.add(call, HookStep::Modify { dn: dn.to_owned(), changes })
    }

    fn count(&self) -> usize {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

// === impl Given ===

impl Given {
    /// `#{ outputs: ["state"], columns: ["NewId"] }`
    fn of(call: &NativeCallContext, said: Map) -> Said<Self> {
        let mut given = Self::default();
        for (word, names) in said {
            let Some(names) = names.try_cast::<Array>() else {
                let message = format!("`{word}` takes the names in an array: #{{ columns: [\"NewId\"] }}");
                return Err(wrong(Code::Step, call, message));
            };
            match word.as_str() {
                "outputs" => given.outputs = names,
                "columns" => given.columns = names,
                other => {
                    let message = format!("`exec` knows outputs and columns, not `{other}`");
                    return Err(wrong(Code::Step, call, message));
                }
            }
        }
        Ok(given)
    }
}

/// One value or several, `()` for none.
fn native_values(call: &NativeCallContext, given: Dynamic) -> Said<Vec<Value>> {
    let given = if given.is_array() { given.into_array().unwrap_or_default() } else { vec![given] };
    let value = |value: Dynamic| match param(call, value)? {
        Param::Value(value) => Ok(Some(value)),
        Param::Null => Ok(None),
        Param::Output(_) => Err(wrong(Code::Step, call, "a directory's operations give no outputs")),
    };
    Ok(given.into_iter().map(value).collect::<Said<Vec<_>>>()?.into_iter().flatten().collect())
}

fn param(call: &NativeCallContext, value: Dynamic) -> Result<Param, Box<EvalAltResult>> {
    if let Some(output) = value.clone().try_cast::<Output>() {
        return Ok(Param::Output(output.0));
    }
    if let Some(opaque) = value.clone().try_cast::<Opaque>() {
        return Ok(Param::Value(opaque.0));
    }
    let kind = value.type_name();
    let json = from_script(value).filter(|json| !json.is_array() && !json.is_object());
    let json = json.ok_or_else(|| wrong(Code::Step, call, format!("a value is needed, not {kind}")))?;
    Ok(values::literal(&json).map_or(Param::Null, Param::Value))
}

impl Mapping {
    /// What `plan_create` asks for.
    pub fn plan_create(&self, of: &ResourceMapping, record: &Record) -> Result<Vec<HookStep>, Error> {
        self.hook(of, "plan_create", |plan| (self.native_row(of, record), plan))
    }

    /// What `plan_update` asks for, of a record and what changes in it.
    pub fn plan_update(
        &self,
        of: &ResourceMapping,
        before: &Record,
        changes: &Changes,
    ) -> Result<Vec<HookStep>, Error> {
        self.hook(of, "plan_update", |plan| {
            (self.native_row(of, before), self.native_row(of, &changed(before, changes)), plan)
        })
    }

    /// What `plan_delete` asks for.
    pub fn plan_delete(&self, of: &ResourceMapping, record: &Record) -> Result<Vec<HookStep>, Error> {
        self.hook(of, "plan_delete", |plan| (self.native_row(of, record), plan))
    }

    fn native_row(&self, of: &ResourceMapping, record: &Record) -> Map {
        let table = self.model.entity(&of.entity).and_then(|entity| match &entity.store {
            Store::Table(table) => Some(table),
            Store::Entries(_) => None,
        });
        row(of, record, table)
    }

    /// Whether the mapping has this function.
    pub fn has_hook(&self, name: &str) -> bool {
        self.ast.iter_functions().any(|known| known.name == name)
    }

    fn plan_verb(&self, of: &ResourceMapping) -> PlanVerb {
        let (resource, text) = (of.entity.clone(), self.text.clone());
        PlanVerb { resource, is_entry: of.is_entry, text, steps: Arc::default() }
    }

    /// The names that functions find in a type's rows.
    pub(super) fn natives_of_row(&self, of: &ResourceMapping) -> Vec<String> {
        self.native_row(of, &Record::default()).keys().map(ToString::to_string).collect()
    }

    /// How a function fails on records that are only samples, `before` being for updates; `None` where it does not, or
    /// refuses on purpose.
    pub(super) fn try_hook(
        &self,
        of: &ResourceMapping,
        name: &str,
        (before, record): (&Record, &Record),
    ) -> Option<Box<EvalAltResult>> {
        if !self.has_hook(name) {
            return None;
        }
        let (row, plan) = (self.native_row(of, record), self.plan_verb(of));
        let done = match name {
            "plan_update" => {
                let before = self.native_row(of, before);
                script::try_call(&self.engine, &self.ast, name, (before, row, plan))
            }
            _ => script::try_call(&self.engine, &self.ast, name, (row, plan)),
        };
        done.err().filter(|error| script::thrown(error).is_none())
    }

    fn hook<A: rhai::FuncArgs>(
        &self,
        of: &ResourceMapping,
        name: &str,
        arguments: impl FnOnce(PlanVerb) -> A,
    ) -> Result<Vec<HookStep>, Error> {
        if !self.has_hook(name) {
            return Ok(Vec::new());
        }
        let plan = self.plan_verb(of);
        let _ = script::call(&self.engine, &self.ast, name, arguments(plan.clone()))?;
        let steps = plan.steps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(steps)
    }
}

/// A record as it will be.
fn changed(before: &Record, changes: &Changes) -> Record {
    let mut after = before.clone();
    for (native, change) in &changes.values {
        let held = after.values.entry(native.clone()).or_default();
        held.retain(|value| !change.remove.iter().any(|gone| gone.same(value)));
        held.extend(change.add.iter().cloned());
    }
    for (table, change) in &changes.children {
        let rows = after.children.entry(table.clone()).or_default();
        rows.retain(|row| !change.remove.iter().any(|gone| is_of(row, gone)));
        rows.extend(change.add.iter().cloned());
    }
    after
}

/// Whether a row has all of these values.
fn is_of(row: &Row, named: &Row) -> bool {
    named.iter().all(|(column, value)| row.get(column).is_some_and(|held| held.same(value)))
}

/// A record as a script sees it: every native that the mapping names, `()` where nothing stands; several values of one
/// that has several, and the rows of child tables, as arrays.
fn row(of: &ResourceMapping, record: &Record, table: Option<&Table>) -> Map {
    let mut map = Map::new();
    for (native, is_many) in of.named() {
        let held = record.values.get(native).map(Vec::as_slice).unwrap_or_default();
        let value = match is_many {
            true => held.iter().map(dynamic).collect::<Array>().into(),
            false => held.first().map_or(Dynamic::UNIT, dynamic),
        };
        // Of lines about one native, the one with several values tells what it is.
        if is_many || !map.contains_key(native.to_string().as_str()) {
            map.insert(native.to_string().into(), value);
        }
    }
    if let Some(key) = table.map(|table| &table.id).filter(|key| key.len() > 1) {
        fill(&mut map, key, &record.id);
    }
    let links = |part: Option<&Arc<str>>| {
        let part = part.cloned();
        table.into_iter().flat_map(|table| &table.links).filter(move |(native, _)| native.part == part)
    };
    spread(&mut map, links(None));
    for (name, columns) in of.tables() {
        let rows = record.children.get(name).map(Vec::as_slice).unwrap_or_default();
        let one = |row: &Row| -> Dynamic {
            let value = |column: &Arc<str>| row.get(column).map_or(Dynamic::UNIT, dynamic);
            let mut map = columns.iter().map(|column| ((**column).into(), value(column))).collect::<Map>();
            spread(&mut map, links(Some(name)));
            map.into()
        };
        map.insert((&**name).into(), rows.iter().map(one).collect::<Array>().into());
    }
    map.insert("id".into(), if record.id.is_empty() { Dynamic::UNIT } else { record.id.clone().into() });
    if of.is_entry {
        map.insert("dn".into(), record.dn.clone().map_or(Dynamic::UNIT, Into::into));
    }
    map
}

/// Puts in place of each reference over several columns what stands in those.
fn spread<'a>(map: &mut Map, links: impl Iterator<Item = (&'a Native, &'a Key)>) {
    for (native, key) in links {
        let id = map.remove(&*native.name).and_then(|id| id.into_string().ok());
        fill(map, key, &id.unwrap_or_default());
    }
}

/// Adds a key's columns that are not there yet: the values that make this id, or `()`.
fn fill(map: &mut Map, key: &Key, id: &str) {
    let mut parts = key.parts(id).into_iter().flatten();
    for column in key.columns() {
        let (held, part) = (map.entry((&**column).into()).or_insert(Dynamic::UNIT), parts.next());
        if let Some(part) = part.filter(|_| held.is_unit()) {
            *held = part.into();
        }
    }
}

fn dynamic(value: &Value) -> Dynamic {
    match value {
        Value::Bytes(_) | Value::Timestamp(_) | Value::Date(_) | Value::Today | Value::Secret(_) => {
            Dynamic::from(Opaque(value.clone()))
        }
        plain => to_script(&values::plain(plain)),
    }
}

impl ResourceMapping {
    /// The natives that lines and the mapping itself name, and whether each may have several values.
    fn named(&self) -> impl Iterator<Item = (&Native, bool)> {
        let of_line = |line| Line::all_natives(line).map(|native| (native, line.many));
        let lines = self.lines.iter().chain(&self.copies).flat_map(of_line);
        let given = self.initial.iter().chain(&self.stamps).map(|(native, _)| (native, false));
        lines.chain(given)
    }

    fn tables(&self) -> impl Iterator<Item = (&Arc<str>, Vec<Arc<str>>)> {
        self.collections.iter().map(|collection| {
            (&collection.table, collection.parts.iter().map(|part| part.column.clone()).collect())
        })
    }
}
