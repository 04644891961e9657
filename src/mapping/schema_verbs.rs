//! The words that declare schemas: `schema`, `define` and what is chained to them. Like the other verbs, they
//! write down what was said and understand nothing.

use rhai::{Array, Engine, NativeCallContext};

use super::diagnostic::Code;
use super::draft::{DraftAccess, DraftAttribute, DraftSchema, Shared};
use super::verbs::{Said, texts, wrong};

/// What `schema(…)` returns: a handle for chaining.
#[derive(Clone)]
struct SchemaVerb {
    draft: Shared,
    index: usize,
}

/// What `define(…)` returns: a handle for chaining.
#[derive(Clone)]
struct DefineVerb {
    draft: Shared,
    schema: usize,
    index: usize,
}

/// Registers the words; what they say goes to `draft`.
pub(super) fn register(engine: &mut Engine, draft: &Shared) {
    engine.register_type_with_name::<SchemaVerb>("schema").register_type_with_name::<DefineVerb>("define");
    register_schema(engine, draft);
    register_define(engine, draft);
    register_characteristics(engine);
}

fn register_schema(engine: &mut Engine, draft: &Shared) {
    let shared = draft.clone();
    engine.register_fn("schema", move |call: NativeCallContext, urn: &str| schema(&shared, &call, urn, None));
    let shared = draft.clone();
    engine.register_fn("schema", move |call: NativeCallContext, urn: &str, name: &str| {
        schema(&shared, &call, urn, Some(name))
    });
    engine.register_fn("description", |s: &mut SchemaVerb, text: &str| {
        if let Some(schema) = s.draft.lock().schemas.get_mut(s.index) {
            schema.description = text.to_owned();
        }
        s.clone()
    });
}

fn schema(shared: &Shared, call: &NativeCallContext, urn: &str, name: Option<&str>) -> SchemaVerb {
    let mut draft = shared.lock();
    draft.schemas.push(DraftSchema {
        at: call.call_position(),
        urn: urn.to_owned(),
        name: name.map(str::to_owned),
        ..Default::default()
    });
    SchemaVerb { draft: shared.clone(), index: draft.schemas.len() - 1 }
}

fn register_define(engine: &mut Engine, draft: &Shared) {
    let shared = draft.clone();
    engine.register_fn(
        "define",
        move |call: NativeCallContext, path: &str, kind: &str| -> Said<DefineVerb> {
            let mut draft = shared.lock();
            let index = draft.schemas.len().checked_sub(1);
            let (Some(index), Some(schema)) = (index, draft.schemas.last_mut()) else {
                return Err(wrong(
                    Code::OutOfOrder,
                    &call,
                    "`define` comes after the `schema` that it belongs to",
                ));
            };
            schema.attributes.push(DraftAttribute {
                at: call.call_position(),
                path: path.to_owned(),
                kind: kind.to_owned(),
                ..Default::default()
            });
            let attribute = schema.attributes.len() - 1;
            Ok(DefineVerb { draft: shared.clone(), schema: index, index: attribute })
        },
    );
}

fn register_characteristics(engine: &mut Engine) {
    engine
        .register_fn("description", |d: &mut DefineVerb, text: &str| {
            d.say(|a| a.description = text.to_owned())
        })
        .register_fn("many", |d: &mut DefineVerb| d.say(|a| a.many = true))
        .register_fn("required", |d: &mut DefineVerb| d.say(|a| a.required = true))
        .register_fn("case_exact", |d: &mut DefineVerb| d.say(|a| a.case_exact = true))
        .register_fn("read_only", |d: &mut DefineVerb| d.say(|a| a.access = Some(DraftAccess::ReadOnly)))
        .register_fn("immutable", |d: &mut DefineVerb| d.say(|a| a.access = Some(DraftAccess::Immutable)))
        .register_fn("write_only", |d: &mut DefineVerb| d.say(|a| a.access = Some(DraftAccess::WriteOnly)))
        .register_fn("returned", |call: NativeCallContext, d: &mut DefineVerb, when: &str| {
            let said = (when.to_owned(), call.call_position());
            d.say(|a| a.returned = Some(said))
        })
        .register_fn("canonical_values", |call: NativeCallContext, d: &mut DefineVerb, values: Array| {
            let said = (texts(&call, values)?, call.call_position());
            Said::Ok(d.say(|a| a.canonical_values = Some(said)))
        })
        .register_fn("reference_types", |call: NativeCallContext, d: &mut DefineVerb, types: Array| {
            let said = (texts(&call, types)?, call.call_position());
            Said::Ok(d.say(|a| a.reference_types = Some(said)))
        })
        .register_fn("unique", |call: NativeCallContext, _: &mut DefineVerb| -> Said<DefineVerb> {
            let message = "only the backend can keep values unique: say it on the line, `attr(…).unique()`";
            Err(wrong(Code::Definition, &call, message))
        });
}

// === impl DefineVerb ===

impl DefineVerb {
    fn say(&self, say: impl FnOnce(&mut DraftAttribute)) -> Self {
        let mut draft = self.draft.lock();
        let schema = draft.schemas.get_mut(self.schema);
        if let Some(attribute) = schema.and_then(|schema| schema.attributes.get_mut(self.index)) {
            say(attribute);
        }
        drop(draft);
        self.clone()
    }
}
