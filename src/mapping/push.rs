//! Filter push-down: from a checked SCIM filter to a predicate over native names.
//!
//! Every filter has two bounds: `over`, a predicate that holds wherever the filter does, and `under`, one
//! that holds only where it does. `not` swaps them, so the negation of an imprecise term stays sound. Only
//! `over` is ever pushed; where the two are not one, what comes back is re-checked by `scim::evaluate`.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use time::{Duration, OffsetDateTime, UtcOffset};

use super::codes::{Codes, Pair};
use super::explain::Reason;
use super::line::{Collection, Conversion, Find, How, Line, Missing, Part, ResourceMapping};
use super::{Mapping, build, script, verbs};
use crate::plan::{Case, Instants, Native, Order, Precision, Predicate, Profile, Reference, Test, Value};
use crate::scim::evaluate::{self, instant};
use crate::scim::filter::{Filter, Literal, Op};
use crate::scim::path::AttrPath;
use crate::scim::resource::Resource;
use crate::scim::schema::Type;

/// A filter as a backend can take it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pushed {
    /// What the backend is asked: a superset when `exact` is false.
    pub predicate: Predicate,
    /// Whether it is the filter itself, so that nothing need be re-checked.
    pub exact: bool,
}

/// A filter's two bounds.
pub(super) struct Bounds {
    pub over: Predicate,
    pub under: Predicate,
    /// Why they are not one, where they are not: of several reasons the first.
    pub why: Option<Reason>,
}

impl Mapping {
    /// What of the filter the backend can do.
    pub fn push(&self, of: &ResourceMapping, filter: &Filter, profile: &Profile) -> Pushed {
        let bounds = Pusher { mapping: self, of, profile }.filter(filter);
        Pushed { predicate: bounds.over, exact: bounds.why.is_none() }
    }
}

pub(super) struct Pusher<'a> {
    pub mapping: &'a Mapping,
    pub of: &'a ResourceMapping,
    pub profile: &'a Profile,
}

// === impl Bounds ===

impl Bounds {
    fn exact(predicate: Predicate) -> Self {
        Self { over: predicate.clone(), under: predicate, why: None }
    }

    fn over(predicate: Predicate, why: Reason) -> Self {
        Self { over: predicate, under: Predicate::Nothing, why: Some(why) }
    }

    /// Nothing can be said: everything may match, nothing must.
    fn unknown(why: Reason) -> Self {
        Self::over(Predicate::All, why)
    }

    pub fn not(self) -> Self {
        Self { over: self.under.not(), under: self.over.not(), why: self.why }
    }

    /// The same of any row of a child table.
    fn within(self, table: &Arc<str>) -> Self {
        let any = |rows| match rows {
            Predicate::Nothing => Predicate::Nothing,
            // Whoever has no row at all cannot be meant, but nothing is known of the others.
            rows => Predicate::Child(table.clone(), Box::new(rows)),
        };
        Self { over: any(self.over), under: any(self.under), why: self.why }
    }

    fn and(self, other: Self) -> Self {
        Self {
            over: self.over.and(other.over),
            under: self.under.and(other.under),
            why: self.why.or(other.why),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            over: self.over.or(other.over),
            under: self.under.or(other.under),
            why: self.why.or(other.why),
        }
    }
}

// === impl Pusher ===

impl Pusher<'_> {
    pub fn filter(&self, filter: &Filter) -> Bounds {
        match filter {
            Filter::And(terms) => {
                terms.iter().fold(Bounds::exact(Predicate::All), |all, term| all.and(self.filter(term)))
            }
            Filter::Or(terms) => {
                terms.iter().fold(Bounds::exact(Predicate::Nothing), |any, term| any.or(self.filter(term)))
            }
            Filter::Not(inner) => self.filter(inner).not(),
            Filter::Present { path, .. } | Filter::Compare { path, .. } if is_resource_type(path) => {
                self.of_resource_type(filter)
            }
            Filter::Present { path, .. } => self.present(path),
            Filter::Compare { path, op, value, .. } => self.compare(path, *op, value),
            Filter::ValuePath { .. } => Bounds::unknown(Reason::OneElement),
        }
    }

    /// A test of `meta.resourceType` has one answer for all resources of the type.
    fn of_resource_type(&self, filter: &Filter) -> Bounds {
        let rt = &self.of.resource_type;
        let mut resource = Resource::new();
        resource.insert("meta".to_owned(), json!({ "resourceType": rt.name }));
        match evaluate::matches(filter, &resource, rt, evaluate::Folding::Ascii) {
            true => Bounds::exact(Predicate::All),
            false => Bounds::exact(Predicate::Nothing),
        }
    }

    fn present(&self, path: &AttrPath) -> Bounds {
        if is_id(path) {
            return Bounds::exact(Predicate::All);
        }
        match place(self.of, path) {
            Place::Line(line) => self.line_present(line),
            Place::Links(collection) => {
                Bounds::exact(Predicate::Child(collection.table.clone(), Box::new(Predicate::All)))
            }
            Place::Elements(collection, part) => {
                let native = Native::of(collection.table.clone(), part.column.clone());
                let present = Predicate::Test(native.clone(), Test::Present);
                let valued = self.really(&part.conversion, &native, present);
                self.filled(&part.conversion, &native, valued).within(&collection.table)
            }
            Place::Elsewhere => Bounds::unknown(Reason::Scattered),
        }
    }

    fn compare(&self, path: &AttrPath, op: Op, value: &Literal) -> Bounds {
        if matches!(value, Literal::Null) {
            return match op {
                Op::Eq => self.present(path).not(),
                Op::Ne => self.present(path),
                _ => Bounds::unknown(Reason::Comparison),
            };
        }
        if op == Op::Ne {
            // An absent attribute matches neither `eq` nor `ne`; several values match `ne` when any differs.
            return match place(self.of, path) {
                Place::Line(line) if !line.many => {
                    self.line_valued(line).and(self.compare(path, Op::Eq, value).not())
                }
                Place::Elsewhere => Bounds::unknown(Reason::Scattered),
                _ => Bounds::unknown(Reason::NeOfMany),
            };
        }
        if let (true, Op::Eq, Literal::Text(id)) = (is_id(path), op, value) {
            return Bounds::exact(Predicate::Id(vec![id.clone()]));
        }
        match place(self.of, path) {
            Place::Line(line) => self.line_compare(line, op, value),
            Place::Links(collection) => links_compare(collection, op, value),
            Place::Elements(collection, part) => {
                let native = Native::of(collection.table.clone(), part.column.clone());
                self.plain_compare(&part.conversion, &native, op, value).within(&collection.table)
            }
            Place::Elsewhere => Bounds::unknown(Reason::Scattered),
        }
    }

    fn line_present(&self, line: &Line) -> Bounds {
        let valued = self.line_valued(line);
        match line.natives.as_slice() {
            [native] => self.filled(&line.conversion, native, valued),
            _ => valued,
        }
    }

    /// Coded values; bits only where the backend can test them, and order only where it has SCIM's.
    fn coded(&self, codes: &Codes, natives: &[Native], wanted: &dyn Fn(Option<&Json>) -> bool) -> Bounds {
        let lacks_bits = codes.have_bits() && !self.profile.bits;
        match lacks_bits || codes.are_ordered() && !self.profile.ordering {
            true => Bounds::unknown(Reason::Codes),
            false => Bounds::exact(codes.predicate(natives, wanted)),
        }
    }

    /// A value that is no empty text (RFC 7644 §3.4.2.2, `pr`), which an entry never holds.
    fn filled(&self, conversion: &Conversion, native: &Native, valued: Bounds) -> Bounds {
        let is_text =
            matches!((conversion.kind, &conversion.how), (Type::String | Type::Reference, How::Plain));
        match is_text && !self.of.is_entry {
            true => valued.and(self.text(native, Test::Equals(Value::from(""), Case::Exact)).not()),
            false => valued,
        }
    }

    fn line_valued(&self, line: &Line) -> Bounds {
        if let How::Codes(codes) = &line.conversion.how {
            return self.coded(codes, &line.natives, &|value| value.is_some());
        }
        let [native] = line.natives.as_slice() else { return Bounds::unknown(severally(line)) };
        let present = Predicate::Test(native.clone(), Test::Present);
        match &line.conversion.how {
            How::Script { read: Some(_), .. } => Bounds::unknown(Reason::Function),
            How::Hash { .. } => Bounds::unknown(Reason::Hash),
            // A value that leads nowhere, or a placeholder, is not shown.
            How::Reference { .. } if self.of.is_entry => Bounds::over(present, Reason::Astray),
            _ if line.conversion.prefix.is_some() => self.prefixed(&line.conversion, native, ""),
            _ => self.really(&line.conversion, native, present),
        }
    }

    /// A test, without the value that stands for "no value". A backend that may take other values for that one,
    /// as LDAP takes `－` for `-`, is not asked to leave it out.
    fn really(&self, conversion: &Conversion, native: &Native, test: Predicate) -> Bounds {
        match (&conversion.missing, self.profile.text) {
            (None, _) => Bounds::exact(test),
            (Some(Missing::Value(missing)), Precision::Exact) => {
                let missing = Test::Equals(missing.clone(), Case::Exact);
                Bounds::exact(test.and(Predicate::Test(native.clone(), missing).not()))
            }
            // What other natives make together is compared here.
            (Some(_), _) => Bounds::over(test, Reason::Missing),
        }
    }

    /// A test of text, as exact as the backend's.
    fn text(&self, native: &Native, test: Test) -> Bounds {
        let test = Predicate::Test(native.clone(), test);
        match self.profile.text {
            Precision::Exact => Bounds::exact(test),
            Precision::Over => Bounds::over(test, Reason::Text),
        }
    }

    /// What `.find` makes of a comparison. Its function gives `()` for what is not to be asked of the backend; one that
    /// fails asks nothing either, for what comes back is checked again.
    fn found(&self, find: &Find, path: &AttrPath, op: Op, value: &Literal) -> Bounds {
        let Some(value) = json(value) else { return Bounds::unknown(Reason::Comparison) };
        let (Mapping { engine, ast, .. }, value) = (self.mapping, script::to_script(&value));
        let given = match (find.is_asked_all, op) {
            (true, _) => script::call(engine, ast, &find.function, (path.to_string(), op.to_string(), value)),
            (false, Op::Eq) => script::call(engine, ast, &find.function, (value,)),
            (false, _) => return Bounds::unknown(Reason::FindOfEq),
        };
        let pattern = given.ok().filter(|given| !given.is_unit()).and_then(verbs::pattern_of);
        let Some(pattern) = pattern.as_ref().map(build::code) else {
            return Bounds::unknown(Reason::FoundNone);
        };
        let codes = Codes(vec![Pair { patterns: vec![pattern], value: None }]);
        let bounds = self.coded(&codes, std::slice::from_ref(&find.native), &|_| true);
        match find.is_exact && self.profile.text == Precision::Exact {
            true => bounds,
            false => Bounds::over(bounds.over, bounds.why.unwrap_or(Reason::FindOver)),
        }
    }

    fn line_compare(&self, line: &Line, op: Op, value: &Literal) -> Bounds {
        if let Some(find) = &line.find {
            return self.found(find, &line.path, op, value);
        }
        if let How::Codes(codes) = &line.conversion.how {
            return match (op, json(value)) {
                (Op::Eq, Some(wanted)) => {
                    let wanted = as_kind(wanted, line.conversion.kind);
                    self.coded(codes, &line.natives, &|value| super::codes::same(value, Some(&wanted)))
                }
                _ => Bounds::unknown(Reason::CodesOfEq),
            };
        }
        let [native] = line.natives.as_slice() else { return Bounds::unknown(severally(line)) };
        match &line.conversion.how {
            How::Reference { .. } => match (op, value) {
                // The value is a URI, of which the backend knows the last part.
                (Op::Eq, Literal::Text(_)) if line.conversion.kind == Type::Reference => {
                    Bounds::unknown(Reason::Uri)
                }
                (Op::Eq, Literal::Text(id)) => {
                    Bounds::exact(Predicate::Test(native.clone(), Test::Equals(link(id), Case::Exact)))
                }
                _ => Bounds::unknown(Reason::ReferenceOfEq),
            },
            How::Script { read: Some(_), .. } => Bounds::unknown(Reason::Function),
            How::Hash { .. } => Bounds::unknown(Reason::Hash),
            _ if line.conversion.prefix.is_some() => match (op, value) {
                (Op::Eq | Op::Sw, Literal::Text(text)) => self.prefixed(&line.conversion, native, text),
                _ => Bounds::over(self.prefixed(&line.conversion, native, "").over, Reason::Prefix),
            },
            _ => self.plain_compare(&line.conversion, native, op, value),
        }
    }

    /// Values that start with the prefix and this. Whether letters' case is as it should be in both is re-checked.
    fn prefixed(&self, conversion: &Conversion, native: &Native, text: &str) -> Bounds {
        let start = format!("{}{text}", conversion.prefix.as_deref().unwrap_or_default());
        Bounds::over(Predicate::Test(native.clone(), Test::StartsWith(start, Case::Folded)), Reason::Prefix)
    }

    fn plain_compare(&self, conversion: &Conversion, native: &Native, op: Op, value: &Literal) -> Bounds {
        let case = if conversion.case_exact { Case::Exact } else { Case::Folded };
        let test = |test| self.really(conversion, native, Predicate::Test(native.clone(), test));
        let text = |of| self.text(native, of).and(self.really(conversion, native, Predicate::All));
        match (conversion.kind, op, value) {
            (Type::String | Type::Reference, Op::Eq, Literal::Text(wanted)) => {
                text(Test::Equals(Value::Text(wanted.clone()), case))
            }
            (Type::String | Type::Reference, Op::Co, Literal::Text(part)) => {
                text(Test::Contains(part.clone(), case))
            }
            (Type::String | Type::Reference, Op::Sw, Literal::Text(part)) => {
                text(Test::StartsWith(part.clone(), case))
            }
            (Type::String | Type::Reference, Op::Ew, Literal::Text(part)) => {
                text(Test::EndsWith(part.clone(), case))
            }
            (Type::Boolean, Op::Eq, _) => match json(value).map(|value| as_kind(value, Type::Boolean)) {
                Some(Json::Bool(truth)) => test(Test::Equals(Value::Bool(truth), Case::Exact)),
                _ => Bounds::unknown(Reason::Comparison),
            },
            (Type::Integer, _, Literal::Number(number)) => match (number.as_i64(), order(op)) {
                (Some(number), None) if op == Op::Eq => {
                    test(Test::Equals(Value::Integer(number), Case::Exact))
                }
                (Some(number), Some(order)) if self.profile.ordering => {
                    test(Test::Compare(order, Value::Integer(number)))
                }
                _ => Bounds::unknown(Reason::Comparison),
            },
            (Type::DateTime, _, Literal::Text(text)) => match instant(text).and_then(in_utc) {
                Some(at) => self.instant_compare(native, op, at, test),
                None => Bounds::unknown(Reason::Instants),
            },
            (Type::String | Type::Reference, _, _) if order(op).is_some() => {
                Bounds::unknown(Reason::TextOrder)
            }
            _ => Bounds::unknown(Reason::Comparison),
        }
    }

    /// An instant's comparison. Where only whole seconds compare, the bounds are rounded away from it and
    /// what comes back is re-checked.
    fn instant_compare(
        &self,
        native: &Native,
        op: Op,
        at: OffsetDateTime,
        test: impl Fn(Test) -> Bounds,
    ) -> Bounds {
        let compared = |order, at| test(Test::Compare(order, Value::Timestamp(at)));
        match (self.profile.instants, order(op)) {
            (Instants::Exact, Some(order)) => compared(order, at),
            (Instants::Exact, None) if op == Op::Eq => test(Test::Equals(Value::Timestamp(at), Case::Exact)),
            (Instants::Seconds(names), order)
                if names.iter().any(|name| name.eq_ignore_ascii_case(&native.name)) =>
            {
                let floor = at.replace_nanosecond(0).unwrap_or(at);
                let ceiling = if floor == at { at } else { floor.saturating_add(Duration::SECOND) };
                let (from, to) =
                    (compared(Order::GreaterOrEqual, floor), compared(Order::LessOrEqual, ceiling));
                match order {
                    Some(Order::Greater | Order::GreaterOrEqual) => Bounds::over(from.over, Reason::Seconds),
                    Some(Order::Less | Order::LessOrEqual) => Bounds::over(to.over, Reason::Seconds),
                    None if op == Op::Eq => Bounds::over(from.and(to).over, Reason::Seconds),
                    None => Bounds::unknown(Reason::Comparison),
                }
            }
            _ => Bounds::unknown(Reason::Instants),
        }
    }
}

/// Where the attribute's values stand, if they all stand in one native place.
pub(super) fn place<'a>(of: &'a ResourceMapping, path: &AttrPath) -> Place<'a> {
    let whole = path.without_sub();
    if let Some(line) = of.line(path).filter(|line| holds_all(of, line)) {
        return Place::Line(line);
    }
    if of.rest_may_hold(&whole) {
        return Place::Elsewhere;
    }
    let is_value = path.sub.as_deref().is_none_or(|sub| sub == "value");
    if let Some(line) = of.line(path) {
        return Place::Line(line);
    }
    if let (true, Some(line)) = (is_value, of.line(&whole).filter(|line| line.is_reference())) {
        return Place::Line(line);
    }
    match of.collection(&whole).filter(|_| is_value) {
        Some(collection) if collection.reference().is_some() => Place::Links(collection),
        Some(collection) if collection.is_simple() => match collection.parts.as_slice() {
            [part] if matches!(part.conversion.how, How::Plain) => Place::Elements(collection, part),
            _ => Place::Elsewhere,
        },
        _ => Place::Elsewhere,
    }
}

/// Whether a line of a sub-attribute stores whatever a client says of it, so that `rest`, which may hold other
/// parts of the attribute, never holds this one: `name.givenName` in a column of its own.
fn holds_all(of: &ResourceMapping, line: &Line) -> bool {
    let found = of.resource_type.find(&line.path);
    let is_single = found.is_some_and(|found| found.sub.is_some() && !found.attribute.multi_valued);
    is_single && line.conversion.missing.is_none() && matches!(line.conversion.how, How::Plain)
}

/// Where an attribute's values stand.
pub(super) enum Place<'a> {
    /// In the native of this line.
    Line(&'a Line),
    /// In the rows of this collection of references.
    Links(&'a Collection),
    /// In the rows of this collection of simple values, in this column.
    Elements(&'a Collection, &'a Part),
    /// In several places, or in `rest`, or nowhere.
    Elsewhere,
}

fn links_compare(collection: &Collection, op: Op, value: &Literal) -> Bounds {
    match (collection.reference(), op, value) {
        (Some(part), Op::Eq, Literal::Text(id)) if collection.kind != Type::Reference => {
            let native = Native::of(collection.table.clone(), part.column.clone());
            let is = Predicate::Test(native, Test::Equals(link(id), Case::Exact));
            Bounds::exact(Predicate::Child(collection.table.clone(), Box::new(is)))
        }
        (_, Op::Eq, Literal::Text(_)) => Bounds::unknown(Reason::Uri),
        _ => Bounds::unknown(Reason::ReferenceOfEq),
    }
}

/// Why a line without codes is not asked: several natives are put together by a function.
fn severally(line: &Line) -> Reason {
    match line.conversion.how {
        How::Script { .. } => Reason::Function,
        _ => Reason::Scattered,
    }
}

fn link(id: &str) -> Value {
    Value::Reference(Reference { resource: None, id: id.to_owned() })
}

/// The instant in UTC; `None` beyond the years that every backend can write there.
fn in_utc(at: OffsetDateTime) -> Option<OffsetDateTime> {
    at.checked_to_offset(UtcOffset::UTC).filter(|at| (1..=9998).contains(&at.year()))
}

fn is_resource_type(path: &AttrPath) -> bool {
    path.urn.is_none() && path.name == "meta" && path.sub.as_deref() == Some("resourceType")
}

fn is_id(path: &AttrPath) -> bool {
    path.urn.is_none() && path.name == "id" && path.sub.is_none()
}

fn order(op: Op) -> Option<Order> {
    match op {
        Op::Gt => Some(Order::Greater),
        Op::Ge => Some(Order::GreaterOrEqual),
        Op::Lt => Some(Order::Less),
        Op::Le => Some(Order::LessOrEqual),
        _ => None,
    }
}

fn json(value: &Literal) -> Option<Json> {
    match value {
        Literal::Null => None,
        Literal::Bool(truth) => Some((*truth).into()),
        Literal::Number(number) => Some(Json::Number(number.clone())),
        Literal::Text(text) => Some(text.clone().into()),
    }
}

/// A literal as the attribute's type has it: `"True"` is true for a boolean.
fn as_kind(value: Json, kind: Type) -> Json {
    match (&value, kind) {
        (Json::String(text), Type::Boolean) if text.eq_ignore_ascii_case("true") => true.into(),
        (Json::String(text), Type::Boolean) if text.eq_ignore_ascii_case("false") => false.into(),
        _ => value,
    }
}
