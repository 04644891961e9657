//! What a value of a script is called where an admin reads of it: `now()`, a number, a list; never by a type of the
//! program. And that what only stands for a value is no part of a text.

use rhai::{Array, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::draft::{Given, Pattern, Shared};
use super::verbs::{LineVerb, ResourceVerb};

/// The names of all values that are no patterns.
const SPECIAL: &str = "`now()` or the like";
/// The names of all patterns.
const PATTERN: &str = "a pattern such as `any()`";

/// What this value is.
pub(super) fn name(value: &Dynamic) -> String {
    if let Some(given) = value.read_lock::<Given>() {
        return of_given(&given);
    }
    if let Some(pattern) = value.read_lock::<Pattern>() {
        return of_pattern(&pattern);
    }
    let plain = [
        (value.is_unit(), "nothing: `()`"),
        (value.is_bool(), "true or false"),
        (value.is_int(), "a number"),
        (value.is_float(), "a decimal number"),
        (value.is_char(), "one character in single quotes"),
        (value.is_string(), "a text"),
        (value.is::<Array>(), "a list"),
        (value.is::<Map>(), "a map"),
        (value.is::<FnPtr>(), "a function"),
        (value.is::<ResourceVerb>(), "a `resource(…)`"),
        (value.is::<LineVerb>(), "an `attr(…)`"),
    ];
    plain.iter().find(|(is_it, _)| *is_it).map_or("this", |(_, name)| name).to_owned()
}

fn of_given(given: &Given) -> String {
    match given {
        Given::Uuid => "`uuid()`",
        Given::Now => "`now()`",
        Given::Today => "`today()`",
        Given::Counter(..) => "`counter(…)`",
        Given::Sequence(_) => "`sequence(…)`",
        Given::Literal(_) => "a literal",
    }
    .to_owned()
}

fn of_pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Any => "`any()`",
        Pattern::Today => "`today()`",
        Pattern::BitSet(_) => "`bit_set(…)`",
        Pattern::BitClear(_) => "`bit_clear(…)`",
        Pattern::Ordered(..) => "`gt(…)` or the like",
        Pattern::Absent | Pattern::Literal(_) => PATTERN,
    }
    .to_owned()
}

/// Gives the special values names in the engine's own messages.
pub(super) fn register_names(engine: &mut Engine) {
    engine.register_type_with_name::<Given>(SPECIAL).register_type_with_name::<Pattern>(PATTERN);
}

/// Notes in the draft where a special value is made part of a text. An error there the engine would swallow, and write
/// the type's name.
pub(super) fn register_texts(engine: &mut Engine, draft: &Shared) {
    register_text::<Given>(engine, draft, of_given);
    register_text::<Pattern>(engine, draft, of_pattern);
}

fn register_text<T: Clone + Send + Sync + 'static>(
    engine: &mut Engine,
    draft: &Shared,
    name: fn(&T) -> String,
) {
    for function in ["to_string", "to_debug"] {
        let draft = draft.clone();
        engine.register_fn(function, move |call: NativeCallContext, value: &mut T| -> ImmutableString {
            let name = name(value);
            draft.lock().spelt.push((name.clone(), call.call_position()));
            name.into()
        });
    }
}
