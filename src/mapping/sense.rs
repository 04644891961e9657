//! What each line says well and all of them together do not: two that write one native, a required attribute that
//! nobody maps, coded values that are never read or cannot be written. And what the types forbid.

use rhai::Position;
use serde_json::Value as Json;

use super::build::Builder;
use super::codes::Codes;
use super::diagnostic::Code;
use super::draft::{DraftLine, DraftResource, Given};
use super::line::{Conversion, How, Line, ResourceMapping};
use crate::plan::Native;
use crate::scim::schema::{ResourceType, Type};

impl Builder<'_> {
    /// Looks at a resource as a whole; `first` is how many mistakes there were before it.
    pub(super) fn sense(
        &mut self,
        draft: &DraftResource,
        of: &ResourceMapping,
        full: &ResourceType,
        first: usize,
    ) {
        let is_misread = self
            .mistakes
            .iter()
            .skip(first)
            .any(|mistake| matches!(mistake.code, Code::UnknownAttribute | Code::BadPath));
        if !is_misread {
            self.required(draft, of, full);
        }
        self.written_twice(draft, of);
        self.names(draft);
        self.calls(draft);
        self.braces(draft, of, full);
        self.passwords(draft, of);
        self.writers(draft, of, full);
        self.options(draft, of, full);
        self.spelling(draft, of);
        for said in &draft.lines {
            self.alone(draft, said);
        }
        for line in &of.lines {
            let at = place(draft, line.conversion.at);
            self.fits(at, &line.conversion);
            if let How::Codes(codes) = &line.conversion.how {
                let at = self.verb(at, "values");
                self.codes(at, codes, &line.conversion, line.writable());
            }
        }
        for collection in &of.collections {
            for part in &collection.parts {
                let at = place(draft, part.conversion.at);
                self.fits(at, &part.conversion);
                if let How::Codes(codes) = &part.conversion.how {
                    let at = self.verb(at, "values");
                    self.codes(at, codes, &part.conversion, !collection.read_only);
                }
            }
        }
    }

    /// That what every resource must have has a line, where nothing else keeps it.
    fn required(&mut self, draft: &DraftResource, of: &ResourceMapping, full: &ResourceType) {
        if of.has_rest {
            return;
        }
        let is_mapped = |urn: Option<&str>, name: &str| {
            let is_it = |path: &crate::scim::path::AttrPath| {
                path.urn.as_deref() == urn && path.name.eq_ignore_ascii_case(name)
            };
            of.lines.iter().any(|line| is_it(&line.path))
                || of.collections.iter().any(|collection| is_it(&collection.path))
                || draft.lines.iter().any(|line| line.path.eq_ignore_ascii_case(name))
        };
        let own = full.schema.attributes.iter().map(|attribute| (None, attribute));
        let is_served = |urn: &str| of.resource_type.extension(urn).is_some();
        let added =
            full.extensions.iter().filter(|extension| extension.required || is_served(&extension.schema.id));
        let added = added.flat_map(|extension| {
            extension
                .schema
                .attributes
                .iter()
                .map(|attribute| (Some(extension.schema.id.as_str()), attribute))
        });
        for (urn, attribute) in own.chain(added).filter(|(_, attribute)| attribute.required) {
            if !is_mapped(urn, &attribute.name) {
                let path = urn.map_or(attribute.name.clone(), |urn| format!("{urn}:{}", attribute.name));
                let message = format!("a {} has a `{path}`, and no line says where it stands", full.name);
                let help = format!("say it: attr(\"{path}\", \"…\")");
                self.wrong_with_help(Code::RequiredUnmapped, draft.at, message, Some(help));
            }
        }
    }

    /// That no two lines write one native, other than lists and bits of one number.
    fn written_twice(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        let written: Vec<&Line> = of.lines.iter().filter(|line| line.writable()).collect();
        for (index, line) in written.iter().enumerate() {
            for other in written.iter().take(index) {
                let mut shared = line
                    .all_natives()
                    .filter(|native| other.all_natives().any(|known| is_one(known, native)));
                if let Some(native) = shared.find(|native| clash(line, other, native)) {
                    let message = format!("`{native}` is written by `{}` already", other.name());
                    let help = "say `.read_only()` of the one that only shows it";
                    let at = place(draft, line.conversion.at);
                    self.wrong_with_help(Code::WrittenTwice, at, message, Some(help.to_owned()));
                }
            }
        }
        for stamp in &draft.stamps {
            let is_it = |native: &Native| native.to_string().eq_ignore_ascii_case(&stamp.native);
            if let Some(line) = written.iter().find(|line| line.all_natives().any(is_it)) {
                let message = format!("`{}` is written by `{}` already", stamp.native, line.name());
                let help = "what the mapping stamps, clients cannot say: `.read_only()` of that line";
                self.wrong_with_help(Code::WrittenTwice, stamp.at, message, Some(help.to_owned()));
            }
        }
        for (verb, all) in [("initial", &draft.initial), ("stamp", &draft.stamps)] {
            for (index, given) in all.iter().enumerate() {
                if all.iter().take(index).any(|other| other.native.eq_ignore_ascii_case(&given.native)) {
                    let message = format!("`{verb}` of `{}` stands here a second time", given.native);
                    self.wrong(Code::SaidTwice, given.at, message);
                }
            }
        }
    }

    /// That one native has one spelling.
    fn spelling(&mut self, draft: &DraftResource, of: &ResourceMapping) {
        let mut known: Vec<String> = Vec::new();
        let lines = of.lines.iter().flat_map(|line| {
            line.all_natives().map(|native| (native.to_string(), place(draft, line.conversion.at)))
        });
        let given = draft.initial.iter().chain(&draft.stamps).map(|given| (given.native.clone(), given.at));
        for (native, at) in lines.chain(given) {
            match known.iter().find(|other| other.eq_ignore_ascii_case(&native)) {
                Some(other) if *other != native => {
                    let message = format!("`{native}` is spelt `{other}` elsewhere");
                    self.warn(
                        Code::Spelling,
                        at,
                        &message,
                        "one native has one spelling, upper and lower case too",
                    );
                }
                Some(_) => {}
                None => known.push(native),
            }
        }
    }

    /// That what is to be a call is no text.
    fn calls(&mut self, draft: &DraftResource) {
        const CALLS: [&str; 5] = ["now()", "uuid()", "today()", "sequence(", "counter("];
        for given in draft.initial.iter().chain(&draft.stamps) {
            let Given::Literal(Json::String(text)) = &given.value else { continue };
            if CALLS.iter().any(|call| text.trim_start().starts_with(call)) {
                let message = format!("{text:?} is written as it stands there, for it is a text");
                let help = format!("without quotes it is what it says: {text}");
                self.wrong_with_help(Code::GivenValue, given.at, message, Some(help));
            }
        }
    }

    /// Verbs that say more of something that the line does not say.
    fn alone(&mut self, draft: &DraftResource, line: &DraftLine) {
        let is_looked_up = line.natives.iter().any(|native| {
            let alias = native.split_once('.').map(|(alias, _)| alias);
            draft.lookups.iter().any(|lookup| alias == Some(lookup.alias.as_str()))
        });
        if let Some((_, at)) = line.on_missing.as_ref().filter(|_| line.refs.is_empty() && !is_looked_up) {
            let message = "`on_missing` is for references and look-ups, and this line is neither";
            self.wrong(Code::ReferenceForm, *at, message);
        }
        if line.placeholder.is_some() && line.refs.is_empty() && draft.base.is_some() {
            let message = "`placeholder` stands among references, and there is no `ref`";
            self.wrong(Code::ReferenceForm, self.verb(line.at, "placeholder"), message);
        }
        if line.missing == Some(Json::Null) {
            let message = "`missing` is the native value that stands for no value; `()` says nothing";
            self.wrong(Code::MissingForm, self.verb(line.at, "missing"), message);
        }
        if line.natives.len() == 1 && matches!(line.missing, Some(Json::Array(_))) {
            let message = "one native has one value that stands for no value";
            self.wrong(Code::MissingForm, self.verb(line.at, "missing"), message);
        }
    }

    /// That what is said of texts is said of a text.
    fn fits(&mut self, at: Position, conversion: &Conversion) {
        let is_text =
            matches!(conversion.kind, Type::String | Type::Reference | Type::Binary | Type::Complex);
        if conversion.max_len.is_some() && !is_text {
            let message =
                format!("`max_len` is for texts, and this is of the type {}", name(conversion.kind));
            self.wrong(Code::ValueType, self.verb(at, "max_len"), message);
        }
    }

    /// That coded values are of the attribute's type, and each is read and written by some pair.
    fn codes(&mut self, at: Position, codes: &Codes, conversion: &Conversion, is_written: bool) {
        let misfit = codes
            .0
            .iter()
            .filter_map(|pair| pair.value.as_ref())
            .find(|value| !is_of(conversion.kind, value));
        if let Some(value) = misfit {
            let message = format!("{value} is no value of the type {}", name(conversion.kind));
            let help = match conversion.kind {
                Type::Boolean => "a pair is [native, value], the value true or false without quotes",
                _ => "a pair is [native, value]: what stands natively comes first",
            };
            return self.wrong_with_help(Code::ValueType, at, message, Some(help.to_owned()));
        }
        if let Some(native) = codes.mixed_types() {
            let message =
                format!("{native} is of another type than what stands natively in the pairs before");
            let help = "one native holds texts, or numbers, or true and false";
            return self.wrong_with_help(Code::ValueType, at, message, Some(help.to_owned()));
        }
        if let Some(pair) = codes.never_read() {
            let message = format!("the pair {} of `values` is never read: one before it fits too", pair + 1);
            let help = "the first pair that fits counts; each native value stands once, `any()` last";
            self.wrong_with_help(Code::NeverRead, at, message, Some(help.to_owned()));
        } else if is_written {
            let writable = codes.writable();
            let all = match conversion.kind {
                Type::Boolean => vec!["true".to_owned(), "false".to_owned()],
                _ => codes.meant(),
            };
            for value in all.iter().filter(|value| !writable.contains(value)) {
                let message =
                    format!("nothing says what is written for {value}: a client that sends it is refused");
                let help = "add a pair with a native value for it, or say `.read_only()`";
                self.warn(Code::NoInverse, at, &message, help);
            }
        }
    }
}

impl DraftResource {
    /// What was said for this line.
    pub(super) fn said(&self, line: &Line) -> Option<&DraftLine> {
        let is_it = |said: &&DraftLine| {
            let natives = line.natives.iter().map(ToString::to_string);
            said.at.line() == Some(line.conversion.at)
                && (natives.eq(said.natives.iter().cloned()) || said.link().is_some())
        };
        self.lines.iter().find(is_it)
    }

    /// What was said first at this line of the mapping's file.
    pub(super) fn said_at(&self, line: usize) -> Option<&DraftLine> {
        self.lines.iter().find(|said| said.at.line() == Some(line))
    }

    /// Where it was said.
    pub(super) fn place(&self, line: &Line) -> Position {
        self.said(line).map_or(self.at, |said| said.at)
    }
}

/// The place of the line of the mapping's file at which a conversion is said.
fn place(draft: &DraftResource, at: usize) -> Position {
    draft.said_at(at).map_or(draft.at, |line| line.at)
}

/// Whether two names are one for a directory and for most databases.
fn is_one(a: &Native, b: &Native) -> bool {
    a.part == b.part && a.name.eq_ignore_ascii_case(&b.name)
}

/// Whether two lines that write one native get into each other's way.
fn clash(a: &Line, b: &Line, native: &Native) -> bool {
    let is_list = |line: &Line| line.many || line.conversion.prefix.is_some();
    let bits = |line: &Line| match &line.conversion.how {
        How::Codes(codes) => {
            line.natives.iter().position(|known| is_one(known, native)).map_or(0, |at| codes.bits(at))
        }
        _ => 0,
    };
    let (bits_a, bits_b) = (bits(a), bits(b));
    let is_apart = bits_a != 0 && bits_b != 0 && bits_a & bits_b == 0;
    !is_list(a) && !is_list(b) && !is_apart
}

/// Whether a value is of this type.
pub(super) fn is_of(kind: Type, value: &Json) -> bool {
    match kind {
        Type::Boolean => value.is_boolean(),
        Type::Integer => value.is_i64(),
        Type::Decimal => value.is_number(),
        Type::String | Type::DateTime | Type::Binary | Type::Reference | Type::Complex => value.is_string(),
    }
}

/// The type's name in RFC 7643 §2.3.
pub(super) fn name(kind: Type) -> &'static str {
    match kind {
        Type::String => "string",
        Type::Boolean => "boolean",
        Type::Decimal => "decimal",
        Type::Integer => "integer",
        Type::DateTime => "dateTime",
        Type::Binary => "binary",
        Type::Reference => "reference",
        Type::Complex => "complex",
    }
}
