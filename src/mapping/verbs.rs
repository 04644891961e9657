//! The language's words: every verb of `mappings/README.md`, registered with the engine. Each writes down
//! what was said ([`super::draft`]) and understands nothing. A verb that is known but not built is
//! refused by name at its place.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, NativeCallContext};
use serde_json::Value as Json;

use super::diagnostic::Code;
use super::draft::{
    DraftAccess, DraftDated, DraftDelete, DraftExtension, DraftGiven, DraftHash, DraftLine, DraftLookup,
    DraftParent, DraftPart, DraftRaised, DraftResource, DraftRest, Given, Pattern, Shared,
};
use super::schema_verbs;
use super::script::from_script;
use super::suggest;
use super::values::day;
use crate::plan::Order;
use crate::scim::schema;

pub(super) type Said<T> = Result<T, Box<EvalAltResult>>;

/// What a verb was not given rightly, as the value of the error that ends the script.
#[derive(Clone)]
pub(super) struct Refused {
    pub code: Code,
    pub message: String,
}

/// What `resource(…)` returns: a handle for chaining.
#[derive(Clone)]
struct ResourceVerb {
    draft: Shared,
    index: usize,
}

/// What `attr(…)` returns: a handle for chaining.
#[derive(Clone)]
struct LineVerb {
    draft: Shared,
    resource: usize,
    index: usize,
}

/// Registers every verb; what they say goes to `draft`.
pub(super) fn register(engine: &mut Engine, draft: &Shared, params: &Arc<BTreeMap<String, String>>) {
    engine.register_type_with_name::<LineVerb>("attr").register_type_with_name::<ResourceVerb>("resource");
    schema_verbs::register(engine, draft);
    register_resource(engine, draft);
    register_attr(engine, draft);
    register_line(engine);
    register_patterns(engine);
    register_given(engine, draft);
    register_raised(engine, draft);
    register_param(engine, params);
}

/// The functions that a mapping's own functions may use when they run later: `param`, `enterprise` and `escape_dn`.
pub(super) fn register_param(engine: &mut Engine, params: &Arc<BTreeMap<String, String>>) {
    let known = params.clone();
    engine.register_fn("param", move |call: NativeCallContext, name: &str| -> Said<String> {
        known.get(name).cloned().ok_or_else(|| {
            let meant = suggest::closest(name, known.keys().map(String::as_str));
            let meant = meant.map(|meant| format!("; {meant}")).unwrap_or_default();
            let message = format!(
                "the configuration gives no value for the param {name:?}, and the mapping no fallback{meant}"
            );
            wrong(Code::MissingParam, &call, message)
        })
    });
    let known = params.clone();
    engine.register_fn("param", move |name: &str, fallback: Dynamic| -> Dynamic {
        known.get(name).map_or(fallback, |value| value.clone().into())
    });
    engine.register_fn("escape_dn", escape_dn);
    engine.register_fn("enterprise", |name: &str| format!("{}:{name}", schema::ENTERPRISE_USER));
}

/// A text as the value of a naming attribute in a DN (RFC 4514 §2.4): what a client sends names no other place.
fn escape_dn(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let is_outer_space = c == ' ' && (at == 0 || at == last);
        match c {
            '\0' => escaped.push_str("\\00"),
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#' => escaped.extend(['\\', c]),
            ' ' if is_outer_space => escaped.extend(['\\', c]),
            plain => escaped.push(plain),
        }
    }
    escaped
}

fn register_resource(engine: &mut Engine, draft: &Shared) {
    let shared = draft.clone();
    engine.register_fn("resource", move |call: NativeCallContext, name: &str| {
        let mut draft = shared.lock();
        draft.resources.push(DraftResource {
            at: call.call_position(),
            name: name.to_owned(),
            ..Default::default()
        });
        ResourceVerb { draft: shared.clone(), index: draft.resources.len() - 1 }
    });
    engine
        .register_fn("schema", |call: NativeCallContext, r: &mut ResourceVerb, urn: &str| {
            let said = (urn.to_owned(), call.call_position());
            r.say(|d| d.schema = Some(said))
        })
        .register_fn("endpoint", |call: NativeCallContext, r: &mut ResourceVerb, path: &str| {
            let said = (path.to_owned(), call.call_position());
            r.say(|d| d.endpoint = Some(said))
        })
        .register_fn("extension", |call: NativeCallContext, r: &mut ResourceVerb, urn: &str| {
            let at = call.call_position();
            r.say(|d| d.extensions.push(DraftExtension { at, urn: urn.to_owned(), required: false }))
        })
        .register_fn(
            "extension",
            |call: NativeCallContext, r: &mut ResourceVerb, urn: &str, options: rhai::Map| {
                let required = required(&call, options)?;
                let extension = DraftExtension { at: call.call_position(), urn: urn.to_owned(), required };
                Said::Ok(r.say(|d| d.extensions.push(extension)))
            },
        )
        .register_fn("table", |r: &mut ResourceVerb, name: &str| r.say(|d| d.table = Some(name.to_owned())))
        .register_fn("base", |r: &mut ResourceVerb, dn: &str| r.say(|d| d.base = Some(dn.to_owned())))
        .register_fn("classes", |call: NativeCallContext, r: &mut ResourceVerb, names: Array| {
            let names = texts(&call, names)?;
            Said::Ok(r.say(|d| d.classes = names))
        })
        .register_fn("id", |r: &mut ResourceVerb, a: &str| r.id(&[a]))
        .register_fn("id", |r: &mut ResourceVerb, a: &str, b: &str| r.id(&[a, b]))
        .register_fn("id", |r: &mut ResourceVerb, a: &str, b: &str, c: &str| r.id(&[a, b, c]))
        .register_fn("id", |r: &mut ResourceVerb, a: &str, b: &str, c: &str, d: &str| r.id(&[a, b, c, d]))
        .register_fn("version", |r: &mut ResourceVerb, native: &str| {
            r.say(|d| d.version = Some(native.to_owned()))
        })
        .register_fn(
            "rdn",
            |call: NativeCallContext, r: &mut ResourceVerb, attribute: &str, template: &str| {
                let said = (attribute.to_owned(), template.to_owned(), call.call_position());
                r.say(|d| d.rdn = Some(said))
            },
        )
        .register_fn(
            "parent",
            |call: NativeCallContext, r: &mut ResourceVerb, function: &str, inputs: Array| {
                let inputs = texts(&call, inputs)?;
                let parent = DraftParent { at: call.call_position(), function: function.to_owned(), inputs };
                Said::Ok(r.say(|d| d.parent = Some(parent)))
            },
        )
        .register_fn(
            "lookup",
            |r: &mut ResourceVerb, alias: &str, table: &str, key: &str, foreign_key: &str| {
                r.lookup(alias, table, vec![key.to_owned()], vec![foreign_key.to_owned()])
            },
        )
        .register_fn(
            "lookup",
            |call: NativeCallContext,
             r: &mut ResourceVerb,
             alias: &str,
             table: &str,
             key: Array,
             foreign_key: Array| {
                Said::Ok(r.lookup(alias, table, texts(&call, key)?, texts(&call, foreign_key)?))
            },
        )
        .register_fn("only", |call: NativeCallContext, r: &mut ResourceVerb, patterns: rhai::Map| {
            let patterns = patterns
                .into_iter()
                .map(|(name, value)| Ok((name.to_string(), pattern(&call, value)?)))
                .collect::<Said<Vec<_>>>()?;
            let said = (patterns, call.call_position());
            Said::Ok(r.say(|d| d.only = Some(said)))
        })
        .register_fn(
            "part",
            |call: NativeCallContext, r: &mut ResourceVerb, alias: &str, place: rhai::Map| {
                let part = part(&call, alias, place)?;
                Said::Ok(r.say(|d| d.parts.push(part)))
            },
        )
        .register_fn(
            "part",
            |call: NativeCallContext, r: &mut ResourceVerb, alias: &str, table: &str, key: &str| {
                r.part(&call, alias, table, vec![key.to_owned()])
            },
        )
        .register_fn(
            "part",
            |call: NativeCallContext, r: &mut ResourceVerb, alias: &str, table: &str, key: Array| {
                let key = texts(&call, key)?;
                Said::Ok(r.part(&call, alias, table, key))
            },
        )
        .register_fn(
            "dated",
            |call: NativeCallContext, r: &mut ResourceVerb, part: &str, date: &str, seq: &str| {
                dated(&call, r, [part, date, seq], Array::new())
            },
        )
        .register_fn(
            "dated",
            |call: NativeCallContext,
             r: &mut ResourceVerb,
             part: &str,
             date: &str,
             seq: &str,
             kept: Array| { dated(&call, r, [part, date, seq], kept) },
        )
        .register_fn("on_delete", |call: NativeCallContext, r: &mut ResourceVerb, how: &str| {
            on_delete(&call, r, how, None, [rhai::Map::new(), rhai::Map::new()])
        })
        .register_fn("on_delete", |call: NativeCallContext, r: &mut ResourceVerb, how: &str, to: &str| {
            on_delete(&call, r, how, Some(to), [rhai::Map::new(), rhai::Map::new()])
        })
        .register_fn(
            "on_delete",
            |call: NativeCallContext, r: &mut ResourceVerb, how: &str, to: &str, rows: rhai::Map| {
                on_delete(&call, r, how, Some(to), [rhai::Map::new(), rows])
            },
        )
        .register_fn(
            "on_delete",
            |call: NativeCallContext, r: &mut ResourceVerb, how: &str, said: rhai::Map| match how {
                "disable" => on_delete(&call, r, how, None, [said, rhai::Map::new()]),
                _ => on_delete(&call, r, how, None, [rhai::Map::new(), said]),
            },
        )
        .register_fn(
            "on_delete",
            |call: NativeCallContext, r: &mut ResourceVerb, how: &str, values: rhai::Map, rows: rhai::Map| {
                on_delete(&call, r, how, None, [values, rows])
            },
        )
        .register_fn("read_only", |r: &mut ResourceVerb| r.say(|d| d.read_only = true));
}

/// A part that keeps history, and what of it stays when a change inserts the next row.
fn dated(
    call: &NativeCallContext,
    resource: &ResourceVerb,
    said: [&str; 3],
    kept: Array,
) -> Said<ResourceVerb> {
    let [part, date, seq] = said.map(str::to_owned);
    let dated = DraftDated { at: call.call_position(), part, date, seq, kept: texts(call, kept)? };
    Ok(resource.say(|d| d.dated.push(dated)))
}

/// A rule of DELETE; of the two maps, the first is what is written, the second which rows it is for.
fn on_delete(
    call: &NativeCallContext,
    resource: &ResourceVerb,
    how: &str,
    to: Option<&str>,
    said: [rhai::Map; 2],
) -> Said<ResourceVerb> {
    let literals = |map: rhai::Map| -> Said<Vec<(String, Json)>> {
        map.into_iter().map(|(name, value)| Ok((name.to_string(), literal(call, value)?))).collect()
    };
    let [values, rows] = said;
    let (values, rows) = (literals(values)?, literals(rows)?);
    let (how, to) = (how.to_owned(), to.map(str::to_owned));
    let rule = DraftDelete { at: call.call_position(), how, to, values, rows };
    Ok(resource.say(|d| d.on_delete.push(rule)))
}

fn register_attr(engine: &mut Engine, draft: &Shared) {
    let shared = draft.clone();
    engine.register_fn("attr", move |call: NativeCallContext, path: &str, native: &str| {
        line(&shared, &call, path, vec![native.to_owned()])
    });
    let shared = draft.clone();
    engine.register_fn("attr", move |call: NativeCallContext, path: &str, natives: Array| {
        let natives = texts(&call, natives)?;
        line(&shared, &call, path, natives)
    });
    let shared = draft.clone();
    engine.register_fn("attr", move |call: NativeCallContext, paths: Array, native: &str| {
        let mut paths = texts(&call, paths)?.into_iter();
        let first =
            paths.next().ok_or_else(|| wrong(Code::SeveralPaths, &call, "`attr` names at least one path"))?;
        let line = line(&shared, &call, &first, vec![native.to_owned()])?;
        Said::Ok(line.say(|d| d.also = paths.collect()))
    });
    engine.register_fn("attr", |call: NativeCallContext, _: Array, _: Array| -> Said<LineVerb> {
        Err(wrong(Code::SeveralPaths, &call, "several paths show one native, and one path several natives"))
    });
}

fn line(shared: &Shared, call: &NativeCallContext, path: &str, natives: Vec<String>) -> Said<LineVerb> {
    let mut draft = shared.lock();
    let resource = draft.resources.len().checked_sub(1);
    let resource = resource.ok_or_else(|| {
        wrong(Code::OutOfOrder, call, "`attr` comes after the `resource` that it belongs to")
    })?;
    let Some(drafted) = draft.resources.get_mut(resource) else {
        return Err(wrong(Code::OutOfOrder, call, "no resource"));
    };
    drafted.lines.push(DraftLine {
        at: call.call_position(),
        path: path.to_owned(),
        natives,
        ..Default::default()
    });
    let index = drafted.lines.len() - 1;
    Ok(LineVerb { draft: shared.clone(), resource, index })
}

fn register_line(engine: &mut Engine) {
    engine
        .register_fn("child", |l: &mut LineVerb, a: &str| l.child(&[a]))
        .register_fn("child", |l: &mut LineVerb, a: &str, b: &str| l.child(&[a, b]))
        .register_fn("child", |l: &mut LineVerb, a: &str, b: &str, c: &str| l.child(&[a, b, c]))
        .register_fn("child", |l: &mut LineVerb, a: &str, b: &str, c: &str, d: &str| l.child(&[a, b, c, d]))
        .register_fn("many", |l: &mut LineVerb| l.say(|d| d.many = true))
        .register_fn("required", |l: &mut LineVerb| l.say(|d| d.required = true))
        .register_fn("unique", |l: &mut LineVerb| l.say(|d| d.unique = true))
        .register_fn("case_exact", |l: &mut LineVerb| l.say(|d| d.case_exact = true))
        .register_fn("read_only", |l: &mut LineVerb| l.say(|d| d.access = Some(DraftAccess::ReadOnly)))
        .register_fn("immutable", |l: &mut LineVerb| l.say(|d| d.access = Some(DraftAccess::Immutable)))
        .register_fn("write_only", |l: &mut LineVerb| l.say(|d| d.access = Some(DraftAccess::WriteOnly)))
        .register_fn("returned", |call: NativeCallContext, l: &mut LineVerb, when: &str| {
            let said = (when.to_owned(), call.call_position());
            l.say(|d| d.returned = Some(said))
        })
        .register_fn("placeholder", |l: &mut LineVerb, value: &str| {
            l.say(|d| d.placeholder = Some(value.to_owned()))
        })
        .register_fn("max_len", |call: NativeCallContext, l: &mut LineVerb, length: i64| {
            let length = usize::try_from(length).ok().filter(|length| *length > 0);
            let length =
                length.ok_or_else(|| wrong(Code::BadValue, &call, "a length is a number above 0"))?;
            Said::Ok(l.say(|d| d.max_len = Some(length)))
        })
        .register_fn("missing", |call: NativeCallContext, l: &mut LineVerb, value: Dynamic| {
            let value = match value.is_array() {
                true => literals(&call, value)?,
                false => literal(&call, value)?,
            };
            Said::Ok(l.say(|d| d.missing = Some(value)))
        })
        .register_fn("prefix", |l: &mut LineVerb, text: &str| l.say(|d| d.prefix = Some(text.to_owned())))
        .register_fn("read", |call: NativeCallContext, l: &mut LineVerb, function: &str| {
            let said = (function.to_owned(), call.call_position());
            l.say(|d| d.read = Some(said))
        })
        .register_fn("write", |call: NativeCallContext, l: &mut LineVerb, function: &str| {
            let said = (function.to_owned(), call.call_position());
            l.say(|d| d.write = Some(said))
        })
        .register_fn("find", |call: NativeCallContext, l: &mut LineVerb, native: &str, function: &str| {
            let said = (native.to_owned(), function.to_owned(), call.call_position());
            l.say(|d| d.find = Some(said))
        })
        .register_fn("exact", |call: NativeCallContext, l: &mut LineVerb| {
            let at = call.call_position();
            l.say(|d| d.exact = Some(at))
        })
        .register_fn("on_missing", |call: NativeCallContext, l: &mut LineVerb, how: &str| {
            let said = (how.to_owned(), call.call_position());
            l.say(|d| d.on_missing = Some(said))
        })
        .register_fn("ref", |l: &mut LineVerb, one: &str| l.say(|d| d.refs = vec![one.to_owned()]))
        .register_fn("ref", |l: &mut LineVerb, one: &str, two: &str| {
            l.say(|d| d.refs = vec![one.to_owned(), two.to_owned()])
        })
        .register_fn("by", |call: NativeCallContext, l: &mut LineVerb, native: &str| {
            let said = (native.to_owned(), call.call_position());
            // It is about what is said before it: whom the rows belong to, or where the line leads.
            l.say(|d| match d.child.is_some() && d.refs.is_empty() {
                true => d.child_by = Some(said),
                false => d.by = Some(said),
            })
        })
        .register_fn("copy", |l: &mut LineVerb| l.say(|d| d.copy = true))
        .register_fn("hash", |call: NativeCallContext, l: &mut LineVerb, scheme: &str, options: rhai::Map| {
            let hash = hash(&call, scheme, options)?;
            Said::Ok(l.say(|d| d.hash = Some(hash)))
        })
        .register_fn("values", |call: NativeCallContext, l: &mut LineVerb, pairs: Array| {
            let pairs = pairs.into_iter().map(|pair| coded(&call, pair)).collect::<Said<Vec<_>>>()?;
            Said::Ok(l.say(|d| d.values = Some(pairs)))
        });
}

fn part(call: &NativeCallContext, alias: &str, place: rhai::Map) -> Said<DraftPart> {
    let (alias, at) = (alias.to_owned(), call.call_position());
    let mut part = DraftPart { at, alias, ..DraftPart::default() };
    for (name, value) in place {
        match name.as_str() {
            "dn" => {
                part.dn = value.into_string().map_err(|_| wrong(Code::BadValue, call, "`dn` is a text"))?
            }
            "classes" => {
                let names =
                    value.into_array().map_err(|_| wrong(Code::BadValue, call, "`classes` is an array"))?;
                part.classes = texts(call, names)?;
            }
            other => {
                return Err(wrong(
                    Code::UnknownWord,
                    call,
                    format!("`part` knows `dn` and `classes`, not `{other}`"),
                ));
            }
        }
    }
    Ok(part)
}

fn required(call: &NativeCallContext, options: rhai::Map) -> Said<bool> {
    let mut required = false;
    for (name, value) in options {
        match name.as_str() {
            "required" => {
                required =
                    value.as_bool().map_err(|_| wrong(Code::BadValue, call, "`required` is true or false"))?
            }
            other => {
                return Err(wrong(
                    Code::UnknownWord,
                    call,
                    format!("`extension` knows `required`, not `{other}`"),
                ));
            }
        }
    }
    Ok(required)
}

fn hash(call: &NativeCallContext, scheme: &str, options: rhai::Map) -> Said<DraftHash> {
    let mut hash =
        DraftHash { at: call.call_position(), scheme: scheme.to_owned(), salt: None, rounds: None };
    for (name, value) in options {
        match name.as_str() {
            "salt" => {
                hash.salt = Some(
                    value.into_string().map_err(|_| wrong(Code::BadValue, call, "`salt` names a native"))?,
                )
            }
            "rounds" => {
                hash.rounds =
                    Some(value.as_int().map_err(|_| wrong(Code::BadValue, call, "`rounds` is a number"))?)
            }
            other => {
                return Err(wrong(
                    Code::UnknownWord,
                    call,
                    format!("`hash` knows `salt` and `rounds`, not `{other}`"),
                ));
            }
        }
    }
    Ok(hash)
}

fn coded(call: &NativeCallContext, pair: Dynamic) -> Said<(Vec<Pattern>, Json)> {
    let not_a_pair = || wrong(Code::ValuesForm, call, "`values` takes pairs: [[native, value], …]");
    let pair = pair.into_array().map_err(|_| not_a_pair())?;
    let Ok([native, value]) = <[Dynamic; 2]>::try_from(pair) else { return Err(not_a_pair()) };
    let natives = if native.is_array() { native.into_array().unwrap_or_default() } else { vec![native] };
    let patterns = natives.into_iter().map(|native| pattern(call, native)).collect::<Said<_>>()?;
    Ok((patterns, literal(call, value)?))
}

/// What stands natively: a pattern, `()` or a literal.
fn pattern(call: &NativeCallContext, native: Dynamic) -> Said<Pattern> {
    let kind = native.type_name();
    pattern_of(native).ok_or_else(|| not_a_literal(call, kind))
}

/// The same of what a function of the mapping gives; `None` when it is nothing of the kind.
pub(super) fn pattern_of(native: Dynamic) -> Option<Pattern> {
    match native.clone().try_cast::<Pattern>() {
        Some(pattern) => Some(pattern),
        None if native.is_unit() => Some(Pattern::Absent),
        None => Some(Pattern::Literal(plain(native)?)),
    }
}

/// Registers the patterns, for the mapping's text and for its functions.
pub(super) fn register_patterns(engine: &mut Engine) {
    engine
        .register_fn("any", || Pattern::Any)
        .register_fn("today", || Pattern::Today)
        .register_fn("gt", |call: NativeCallContext, bound: Dynamic| ordered(&call, Order::Greater, bound))
        .register_fn("ge", |call: NativeCallContext, bound: Dynamic| {
            ordered(&call, Order::GreaterOrEqual, bound)
        })
        .register_fn("lt", |call: NativeCallContext, bound: Dynamic| ordered(&call, Order::Less, bound))
        .register_fn("le", |call: NativeCallContext, bound: Dynamic| {
            ordered(&call, Order::LessOrEqual, bound)
        })
        .register_fn("bit_set", |call: NativeCallContext, bit: i64| bit_of(&call, bit).map(Pattern::BitSet))
        .register_fn("bit_clear", |call: NativeCallContext, bit: i64| {
            bit_of(&call, bit).map(Pattern::BitClear)
        });
}

/// What stands so to a number, a day as `"2026-01-31"`, or `today()`.
fn ordered(call: &NativeCallContext, order: Order, bound: Dynamic) -> Said<Pattern> {
    let bound = pattern(call, bound)?;
    let fits = match &bound {
        Pattern::Today | Pattern::Literal(Json::Number(_)) => true,
        Pattern::Literal(Json::String(text)) => day(&text.as_str().into()).is_some(),
        _ => false,
    };
    match fits {
        true => Ok(Pattern::Ordered(order, Box::new(bound))),
        false => Err(wrong(
            Code::BadValue,
            call,
            "what is before or after is told of a number, of a day (\"2026-01-31\") or of today()",
        )),
    }
}

/// One bit: of several it would be neither clear nor set that some of them are.
fn bit_of(call: &NativeCallContext, bit: i64) -> Said<i64> {
    match bit.count_ones() {
        1 if bit > 0 => Ok(bit),
        _ => Err(wrong(Code::BadValue, call, format!("one bit is needed, a power of two, not {bit}"))),
    }
}

fn register_given(engine: &mut Engine, draft: &Shared) {
    engine.register_fn("uuid", || Given::Uuid).register_fn("now", || Given::Now);
    engine.register_fn("sequence", |name: &str| Given::Sequence(name.to_owned()));
    engine.register_fn("counter", |dn: &str, attribute: &str| {
        Given::Counter(dn.to_owned(), attribute.to_owned())
    });
    let shared = draft.clone();
    engine.register_fn("initial", move |call: NativeCallContext, native: &str, value: Dynamic| -> Said<()> {
        let given = given(&call, native, value)?;
        current(&shared, &call, "initial", |d| d.initial.push(given))
    });
    let shared = draft.clone();
    engine.register_fn("stamp", move |call: NativeCallContext, native: &str, value: Dynamic| -> Said<()> {
        let given = given(&call, native, value)?;
        current(&shared, &call, "stamp", |d| d.stamps.push(given))
    });
    let shared = draft.clone();
    engine.register_fn(
        "rest",
        move |call: NativeCallContext, table: &str, key: &str, column: &str| -> Said<()> {
            document(&shared, &call, table, vec![key.to_owned()], column)
        },
    );
    let shared = draft.clone();
    engine.register_fn(
        "rest",
        move |call: NativeCallContext, table: &str, key: Array, column: &str| -> Said<()> {
            document(&shared, &call, table, texts(&call, key)?, column)
        },
    );
    let shared = draft.clone();
    engine.register_fn("rest", move |call: NativeCallContext, attribute: &str| -> Said<()> {
        let said = (DraftRest::Attribute(attribute.to_owned()), call.call_position());
        current(&shared, &call, "rest", |d| d.rest = Some(said))
    });
}

fn register_raised(engine: &mut Engine, draft: &Shared) {
    let shared = draft.clone();
    engine.register_fn("on_error", move |call: NativeCallContext, number: i64, scim_type: &str| {
        let at = call.call_position();
        shared.lock().raised.push(DraftRaised { at, number, scim_type: scim_type.to_owned(), detail: None });
    });
    let shared = draft.clone();
    engine.register_fn(
        "on_error",
        move |call: NativeCallContext, number: i64, scim_type: &str, detail: &str| {
            let (at, scim_type, detail) =
                (call.call_position(), scim_type.to_owned(), Some(detail.to_owned()));
            shared.lock().raised.push(DraftRaised { at, number, scim_type, detail });
        },
    );
}

fn document(
    shared: &Shared,
    call: &NativeCallContext,
    table: &str,
    key: Vec<String>,
    column: &str,
) -> Said<()> {
    let [table, column] = [table, column].map(str::to_owned);
    let said = (DraftRest::Column { table, key, column }, call.call_position());
    current(shared, call, "rest", |d| d.rest = Some(said))
}

fn given(call: &NativeCallContext, native: &str, value: Dynamic) -> Said<DraftGiven> {
    let value = match (value.clone().try_cast::<Given>(), value.clone().try_cast::<Pattern>()) {
        (Some(given), _) => given,
        (None, Some(Pattern::Today)) => Given::Today,
        (None, _) => Given::Literal(literal(call, value)?),
    };
    Ok(DraftGiven { at: call.call_position(), native: native.to_owned(), value })
}

fn current(
    shared: &Shared,
    call: &NativeCallContext,
    verb: &str,
    say: impl FnOnce(&mut DraftResource),
) -> Said<()> {
    match shared.lock().resources.last_mut() {
        Some(resource) => {
            say(resource);
            Ok(())
        }
        None => Err(wrong(
            Code::OutOfOrder,
            call,
            format!("`{verb}` comes after the `resource` that it belongs to"),
        )),
    }
}

pub(super) fn texts(call: &NativeCallContext, items: Array) -> Said<Vec<String>> {
    let text = |item: Dynamic| {
        item.into_string()
            .map_err(|kind| wrong(Code::BadValue, call, format!("a text is needed, not {kind}")))
    };
    items.into_iter().map(text).collect()
}

fn literal(call: &NativeCallContext, value: Dynamic) -> Said<Json> {
    let kind = value.type_name();
    plain(value).ok_or_else(|| not_a_literal(call, kind))
}

/// Of several natives one for each.
fn literals(call: &NativeCallContext, values: Dynamic) -> Said<Json> {
    let values = values.into_array().unwrap_or_default().into_iter();
    values.map(|value| literal(call, value)).collect::<Said<_>>().map(Json::Array)
}

fn not_a_literal(call: &NativeCallContext, kind: &str) -> Box<EvalAltResult> {
    wrong(Code::BadValue, call, format!("a text, a number, true, false or () is needed, not {kind}"))
}

fn plain(value: Dynamic) -> Option<Json> {
    from_script(value)
        .filter(|json| matches!(json, Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)))
}

pub(super) fn wrong(code: Code, call: &NativeCallContext, message: impl Into<String>) -> Box<EvalAltResult> {
    let refused = Refused { code, message: message.into() };
    Box::new(EvalAltResult::ErrorRuntime(Dynamic::from(refused), call.call_position()))
}

// === impl ResourceVerb, LineVerb ===

impl ResourceVerb {
    fn say(&self, say: impl FnOnce(&mut DraftResource)) -> Self {
        if let Some(resource) = self.draft.lock().resources.get_mut(self.index) {
            say(resource);
        }
        self.clone()
    }

    fn part(&self, call: &NativeCallContext, alias: &str, table: &str, key: Vec<String>) -> Self {
        let (at, alias, row) = (call.call_position(), alias.to_owned(), Some((table.to_owned(), key)));
        self.say(|d| d.parts.push(DraftPart { at, alias, row, ..Default::default() }))
    }

    fn id(&self, natives: &[&str]) -> Self {
        self.say(|d| d.ids.extend(natives.iter().map(|native| (*native).to_owned())))
    }

    fn lookup(&self, alias: &str, table: &str, key: Vec<String>, foreign_key: Vec<String>) -> Self {
        let [alias, table] = [alias, table].map(str::to_owned);
        self.say(|d| d.lookups.push(DraftLookup { alias, table, key, foreign_key }))
    }
}

impl LineVerb {
    fn child(&self, foreign_key: &[&str]) -> Self {
        self.say(|d| d.child = Some(foreign_key.iter().map(|column| (*column).to_owned()).collect()))
    }

    fn say(&self, say: impl FnOnce(&mut DraftLine)) -> Self {
        let mut draft = self.draft.lock();
        if let Some(line) = draft.resources.get_mut(self.resource).and_then(|r| r.lines.get_mut(self.index)) {
            say(line);
        }
        drop(draft);
        self.clone()
    }
}
