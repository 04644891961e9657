//! The sandbox: a Rhai engine that can compute and nothing else, and the conversion of values into and
//! out of it. Knows nothing of what a mapping means.
//!
//! Bounds come from what was measured: operations are not time (a few on long texts cost a second), so a
//! deadline in the thread's own time stands beside their count; `Engine::new` would bring files, modules and `sleep`, so the
//! engine starts empty; calls never run the script's top level again.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, FuncArgs, Position, Scope};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value as Json;

use super::faults;
use super::verbs::Refused;
use crate::limits::{SCRIPT_DEADLINE_MS, SCRIPT_TEXT_BYTES};
use crate::scim::error::{Error, ScimType};

thread_local! {
    /// What the call that runs on this thread may take.
    static ALLOWED: Cell<Option<Allowed>> = const { Cell::new(None) };
}

/// What a call may take: so much of its thread's time. The clock on the wall, which costs less to ask, says when to look:
/// a machine that is busy with others must not make a good script fail.
#[derive(Clone, Copy)]
struct Allowed {
    look: Instant,
    /// The thread's time then.
    until: Duration,
}

/// How often a script is looked at, in operations: one on long texts may take much of a millisecond.
const LOOK: u64 = 8;
/// How many operations a script may do in one call or at load.
const OPERATIONS: u64 = 100_000;
/// How deep functions may call each other.
const CALL_DEPTH: usize = 16;
/// How deep an expression may nest.
const EXPRESSION_DEPTH: usize = 32;
/// How many items an array or a map may have in a script. A group's members never pass through one.
const COLLECTION_ITEMS: usize = 4_096;

/// An engine in which scripts can compute, with every bound set and no way to the outside.
pub(super) fn sandbox() -> Engine {
    let mut engine = Engine::new_raw();
    ArithmeticPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    engine.set_max_operations(OPERATIONS);
    engine.set_max_call_levels(CALL_DEPTH);
    engine.set_max_expr_depths(EXPRESSION_DEPTH, EXPRESSION_DEPTH);
    engine.set_max_string_size(SCRIPT_TEXT_BYTES);
    engine.set_max_array_size(COLLECTION_ITEMS);
    engine.set_max_map_size(COLLECTION_ITEMS);
    engine.set_max_modules(0);
    engine.disable_symbol("eval");
    engine.disable_symbol("import");
    engine.set_strict_variables(true);
    // A misspelt property is an error with its place, never a silent empty value.
    engine.set_fail_on_invalid_map_property(true);
    engine.on_progress(|operations| {
        let late = operations % LOOK == 0 && ALLOWED.get().is_some_and(Allowed::is_over);
        late.then(|| Dynamic::from("it ran longer than it may"))
    });
    // Rhai's own `trim`, `replace` and the like change in place and return (): a write function that
    // ends so would clear the column. These return the text.
    engine.register_fn("trim", |text: &str| text.trim().to_owned());
    engine.register_fn("replace", |text: &str, from: &str, to: &str| replaced(text, from, to));
    engine.register_fn("replace", |text: &str, from: char, to: &str| replaced(text, &from.to_string(), to));
    engine.register_fn("replace", |text: &str, from: &str, to: char| replaced(text, from, &to.to_string()));
    engine.register_fn("replace", |text: &str, from: char, to: char| {
        replaced(text, &from.to_string(), &to.to_string())
    });
    engine
}

/// The text with one text in place of another. Rhai looks at lengths when a text is there already, and what two texts
/// of the longest length can make of a third is one of hundreds of megabytes.
fn replaced(text: &str, from: &str, to: &str) -> Result<String, Box<EvalAltResult>> {
    let count = text.matches(from).count();
    let bytes = (text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len()));
    if bytes > SCRIPT_TEXT_BYTES {
        let what = "Length of string".to_owned();
        return Err(EvalAltResult::ErrorDataTooLarge(what, Position::NONE).into());
    }
    Ok(text.replace(from, to))
}

// === impl Allowed ===

impl Allowed {
    fn from_now(time: Duration) -> Self {
        Self { look: Instant::now() + time, until: thread_time() + time }
    }

    fn is_over(self) -> bool {
        let now = Instant::now();
        if now <= self.look {
            return false;
        }
        let left = self.until.checked_sub(thread_time());
        if let Some(left) = left {
            ALLOWED.set(Some(Self { look: now + left, ..self }));
        }
        left.is_none()
    }
}

/// What this thread has had of its processor.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let [seconds, nanoseconds] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Runs `work` on a script, which may take so much of its thread's time.
pub(super) fn within_deadline<T>(deadline_ms: u64, work: impl FnOnce() -> T) -> T {
    ALLOWED.set(Some(Allowed::from_now(Duration::from_millis(deadline_ms))));
    let result = work();
    ALLOWED.set(None);
    result
}

/// Calls a function of the script on one value. Only a deliberate `throw #{ scimType, detail }` becomes an
/// error for the client; all else is internal and logged with its place.
pub(super) fn call(
    engine: &Engine,
    ast: &AST,
    function: &str,
    args: impl FuncArgs,
) -> Result<Dynamic, Error> {
    try_call(engine, ast, function, args)
        .map_err(|error| thrown(&error).unwrap_or_else(|| broken(ast, function, &error)))
}

/// The same with the error as it is.
pub(super) fn try_call(
    engine: &Engine,
    ast: &AST,
    function: &str,
    args: impl FuncArgs,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let options = CallFnOptions::new().eval_ast(false);
    within_deadline(SCRIPT_DEADLINE_MS, || {
        engine.call_fn_with_options::<Dynamic>(options, &mut Scope::new(), ast, function, args)
    })
}

/// The SCIM error that a script threw on purpose.
pub(super) fn thrown(error: &EvalAltResult) -> Option<Error> {
    let EvalAltResult::ErrorRuntime(value, _) = error.unwrap_inner() else { return None };
    let map = value.read_lock::<rhai::Map>()?;
    let text = |key: &str| map.get(key).and_then(|value| value.clone().into_string().ok());
    let detail = text("detail")?;
    let kind = text("scimType")?;
    Some(match ScimType::from_name(&kind)? {
        ScimType::Uniqueness => Error::uniqueness(detail),
        kind => Error::bad_request(kind, detail),
    })
}

/// What a verb was not given rightly.
pub(super) fn refused(error: &EvalAltResult) -> Option<Refused> {
    match error.unwrap_inner() {
        EvalAltResult::ErrorRuntime(value, _) => value.clone().try_cast(),
        _ => None,
    }
}

/// What a fault of the script is to the client: nothing it can mend. The log has the place, and says it in an admin's
/// words.
fn broken(ast: &AST, function: &str, error: &EvalAltResult) -> Error {
    let place = place_of(ast, function, error);
    let cause = faults::cause(ast, error);
    tracing::error!(
        function,
        line = place.line(),
        column = place.position(),
        cause,
        "a mapping's function failed"
    );
    Error::internal("The mapping of this target failed on a value; the log has the place.")
}

/// Where a call of a function failed. Of what ran too long the engine does not always know: then it is the function that
/// ran.
pub(super) fn place_of(ast: &AST, function: &str, error: &EvalAltResult) -> Position {
    let own = error.unwrap_inner().position();
    if own.is_none() { defined_at(ast, running(error).unwrap_or(function)) } else { own }
}

/// The function that ran when it failed, of those that others call.
fn running(error: &EvalAltResult) -> Option<&str> {
    match error {
        EvalAltResult::ErrorInFunctionCall(name, _, inner, _) => running(inner).or(Some(name)),
        _ => None,
    }
}

/// Where a function is defined.
pub(super) fn defined_at(ast: &AST, function: &str) -> Position {
    let own = ast.iter_fn_def().find(|own| *own.name == *function);
    own.map_or(Position::NONE, |own| own.body.start_position())
}

/// The place of an error, from 1; the line is 0 where there is none.
pub(super) fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

/// A JSON value as a script sees it: null is `()`.
pub(super) fn to_script(value: &Json) -> Dynamic {
    match value {
        Json::Null => Dynamic::UNIT,
        Json::Bool(truth) => (*truth).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        Json::String(text) => text.clone().into(),
        Json::Array(items) => items.iter().map(to_script).collect::<rhai::Array>().into(),
        Json::Object(map) => {
            map.iter().map(|(key, value)| (key.into(), to_script(value))).collect::<rhai::Map>().into()
        }
    }
}

/// What a script returned, as JSON; `()` is null. `None` for what is no value (a function, a pattern).
pub(super) fn from_script(value: Dynamic) -> Option<Json> {
    if value.is_unit() {
        return Some(Json::Null);
    }
    if let Ok(truth) = value.as_bool() {
        return Some(truth.into());
    }
    if let Ok(number) = value.as_int() {
        return Some(number.into());
    }
    if let Ok(number) = value.as_float() {
        return Some(number.into());
    }
    if value.is_string() || value.is_char() {
        return Some(value.to_string().into());
    }
    if value.is_array() {
        let items = value.into_array().ok()?;
        return items.into_iter().map(from_script).collect::<Option<Vec<_>>>().map(Json::Array);
    }
    let map = value.try_cast::<rhai::Map>()?;
    let entries = map.into_iter().map(|(key, value)| Some((key.to_string(), from_script(value)?)));
    entries.collect::<Option<serde_json::Map<_, _>>>().map(Json::Object)
}
