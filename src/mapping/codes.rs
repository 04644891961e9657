//! Coded values: `.values([[pattern, value], …])`, over several natives `.values([[[pattern, pattern], value], …])`. The
//! pairs' order counts: the first that fits is read, the first with the value is written.

use serde_json::Value as Json;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::values::{day, decimal, whole};
use crate::plan::{Case, Native, Order, Predicate, Test, Value};

/// The pairs, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Codes(pub Vec<Pair>);

/// What stands in each of the line's natives, and what that means; a value of `None` is "no value".
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub patterns: Vec<Pattern>,
    pub value: Option<Json>,
}

/// What stands natively.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Pattern {
    /// No value.
    Absent,
    /// Any value.
    Any,
    /// This value.
    Is(Value),
    /// A whole number in which this bit is set.
    Set(i64),
    /// A whole number in which this bit is clear.
    Clear(i64),
    /// A number or a day that stands so to this one.
    Ordered(Order, Value),
}

// === impl Pattern ===

impl Pattern {
    pub(super) fn fits(&self, native: Option<&Value>) -> bool {
        match (self, native) {
            (Self::Absent, None) | (Self::Any, Some(_)) => true,
            (Self::Is(code @ (Value::Date(_) | Value::Today)), Some(value)) => day(code) == day(value),
            (Self::Is(code), Some(value)) => code.same(value),
            (Self::Ordered(order, bound), Some(value)) => {
                compare(value, bound).is_some_and(|found| match order {
                    Order::Greater => found == Ordering::Greater,
                    Order::GreaterOrEqual => found != Ordering::Less,
                    Order::Less => found == Ordering::Less,
                    Order::LessOrEqual => found != Ordering::Greater,
                })
            }
            (Self::Set(bit), Some(value)) => whole(value).is_some_and(|number| number & bit != 0),
            (Self::Clear(bit), Some(value)) => whole(value).is_some_and(|number| number & bit == 0),
            _ => false,
        }
    }

    pub(super) fn predicate(&self, native: &Native) -> Predicate {
        let test = |test| Predicate::Test(native.clone(), test);
        match self {
            Self::Absent => test(Test::Present).not(),
            Self::Any => test(Test::Present),
            Self::Is(code) => test(Test::Equals(code.clone(), Case::Exact)),
            Self::Ordered(order, bound) => test(Test::Compare(*order, bound.clone())),
            Self::Set(bit) => test(Test::Bit(*bit)),
            Self::Clear(bit) => test(Test::Present).and(test(Test::Bit(*bit)).not()),
        }
    }

    fn bit(&self) -> Option<i64> {
        match self {
            Self::Set(bit) | Self::Clear(bit) => Some(*bit),
            Self::Absent | Self::Any | Self::Is(_) | Self::Ordered(..) => None,
        }
    }

    /// What is written for it.
    fn written(&self) -> Option<Value> {
        match self {
            Self::Is(code) => Some(code.clone()),
            Self::Set(bit) => Some(Value::Integer(*bit)),
            Self::Clear(_) => Some(Value::Integer(0)),
            Self::Absent | Self::Any | Self::Ordered(..) => None,
        }
    }

    /// Whether it says of a value that there is one, and not which: nothing can be written for it.
    fn is_open(&self) -> bool {
        matches!(self, Self::Any | Self::Ordered(..))
    }

    /// Whether it compares days or numbers by their order, which not every backend does as SCIM does.
    fn is_ordered(&self) -> bool {
        matches!(self, Self::Ordered(..) | Self::Is(Value::Date(_) | Value::Today))
    }

    /// Whether no value can fit both.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Absent, Self::Absent) => false,
            (Self::Is(Value::Today), Self::Is(_)) | (Self::Is(_), Self::Is(Value::Today)) => false,
            (Self::Is(a), Self::Is(b)) => !a.same(b),
            (Self::Set(a), Self::Clear(b)) | (Self::Clear(a), Self::Set(b)) => a == b,
            (one, other) => *one == Self::Absent || *other == Self::Absent,
        }
    }
}

// === impl Codes ===

impl Codes {
    /// Of one native.
    #[cfg(test)]
    fn of_one(pairs: Vec<(Pattern, Option<Json>)>) -> Self {
        Self(pairs.into_iter().map(|(pattern, value)| Pair { patterns: vec![pattern], value }).collect())
    }

    /// What native values mean; `None` when they mean nothing or no pair has them.
    pub(super) fn read(&self, natives: &[Option<&Value>]) -> Option<Json> {
        self.0.iter().find(|pair| pair.fits(natives)).and_then(|pair| pair.value.clone())
    }

    /// What is written for a value, to each native a value or none; `None`: no pair has it.
    pub(super) fn write(&self, value: Option<&Json>) -> Option<Vec<Option<Value>>> {
        let pair = self.0.iter().find(|pair| !pair.is_open() && same(pair.value.as_ref(), value));
        match pair {
            Some(pair) => Some(pair.patterns.iter().map(Pattern::written).collect()),
            None if value.is_none() => Some(self.0.first()?.patterns.iter().map(|_| None).collect()),
            None => None,
        }
    }

    /// The bits that the pairs are about in the native at this place; 0 where they are about whole values. What is
    /// written says nothing of the number's other bits: see [`with_bits`].
    pub(super) fn bits(&self, at: usize) -> i64 {
        self.at(at).filter_map(Pattern::bit).fold(0, |bits, bit| bits | bit)
    }

    /// Whether some pairs are about bits.
    pub(super) fn have_bits(&self) -> bool {
        self.patterns().any(|pattern| pattern.bit().is_some())
    }

    /// Whether some pairs are about the order of days or numbers.
    pub(super) fn are_ordered(&self) -> bool {
        self.patterns().any(Pattern::is_ordered)
    }

    /// Whether of one native some pairs are about bits and others about whole values, so that it is unclear what is
    /// written.
    pub(super) fn is_mixed(&self) -> bool {
        let is_whole =
            |pattern: &Pattern| matches!(pattern, Pattern::Any | Pattern::Is(_) | Pattern::Ordered(..));
        let natives = self.0.first().map_or(0, |pair| pair.patterns.len());
        (0..natives).any(|at| self.bits(at) != 0 && self.at(at).any(is_whole))
    }

    /// Whether every pair is about so many natives.
    pub(super) fn are_of(&self, natives: usize) -> bool {
        self.0.iter().all(|pair| pair.patterns.len() == natives)
    }

    /// The SCIM values that can be written, as text, for `canonicalValues` and messages.
    pub(super) fn writable(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for pair in self.0.iter().filter(|pair| !pair.is_open()) {
            let name = match &pair.value {
                Some(Json::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The SCIM values that some pair means, as text.
    pub(super) fn meant(&self) -> Vec<String> {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.0
            .iter()
            .filter_map(|pair| pair.value.as_ref())
            .map(text)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// The first pair that one before it always takes the place of, counted from 0.
    pub(super) fn never_read(&self) -> Option<usize> {
        let is_hidden = |(at, pair): &(usize, &Pair)| self.0.iter().take(*at).any(|other| other.covers(pair));
        self.0.iter().enumerate().find(is_hidden).map(|(at, _)| at)
    }

    /// A native value of another type than one before it in the same native, as text.
    pub(super) fn mixed_types(&self) -> Option<String> {
        let natives = self.0.first().map_or(0, |pair| pair.patterns.len());
        (0..natives).find_map(|at| {
            let whole = |pattern: &Pattern| match pattern {
                Pattern::Is(value @ (Value::Text(_) | Value::Integer(_) | Value::Bool(_))) => {
                    Some(value.clone())
                }
                _ => None,
            };
            let values: Vec<Value> = self.at(at).filter_map(whole).collect();
            let first = values.first().map(std::mem::discriminant)?;
            values.iter().find(|value| std::mem::discriminant(*value) != first)?.text()
        })
    }

    /// The native values that mean this; exact.
    pub(super) fn predicate(&self, natives: &[Native], wanted: impl Fn(Option<&Json>) -> bool) -> Predicate {
        let mut result = Predicate::Nothing;
        for (index, pair) in self.0.iter().enumerate() {
            if !wanted(pair.value.as_ref()) {
                continue;
            }
            let earlier = self.0.iter().take(index).filter(|other| !pair.excludes(other));
            let fits =
                earlier.fold(pair.predicate(natives), |fits, other| fits.and(other.predicate(natives).not()));
            result = result.or(fits);
        }
        result
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.0.iter().flat_map(|pair| &pair.patterns)
    }

    fn at(&self, at: usize) -> impl Iterator<Item = &Pattern> {
        self.0.iter().filter_map(move |pair| pair.patterns.get(at))
    }
}

// === impl Pair ===

impl Pair {
    fn fits(&self, natives: &[Option<&Value>]) -> bool {
        self.patterns.iter().zip(natives).all(|(pattern, native)| pattern.fits(*native))
    }

    /// Whether it leaves open what stands in some native: then it is read and never written.
    fn is_open(&self) -> bool {
        self.patterns.iter().any(Pattern::is_open)
    }

    /// Whether no values can fit both.
    fn excludes(&self, other: &Self) -> bool {
        self.patterns.iter().zip(&other.patterns).any(|(one, other)| one.excludes(other))
    }

    /// Whether it fits wherever the other one does.
    fn covers(&self, other: &Self) -> bool {
        self.patterns
            .iter()
            .zip(&other.patterns)
            .all(|(one, other)| one == other || *one == Pattern::Any && *other != Pattern::Absent)
    }

    fn predicate(&self, natives: &[Native]) -> Predicate {
        let both = self.patterns.iter().zip(natives);
        both.fold(Predicate::All, |all, (pattern, native)| all.and(pattern.predicate(native)))
    }
}

/// A native number with these bits of another one; what is no number counts as 0.
pub(super) fn with_bits(number: Option<&Value>, bits: i64, of: Option<&Value>) -> Value {
    let [number, of] = [number, of].map(|value| value.and_then(whole).unwrap_or(0));
    Value::Integer((number & !bits) | (of & bits))
}

/// How a native value stands to a number or a day; `None` when it is none.
fn compare(value: &Value, bound: &Value) -> Option<Ordering> {
    match bound {
        Value::Date(_) | Value::Today => day(value)?.partial_cmp(&day(bound)?),
        bound => match (whole(value), whole(bound)) {
            (Some(value), Some(bound)) => Some(value.cmp(&bound)),
            _ => decimal(value)?.partial_cmp(&decimal(bound)?),
        },
    }
}

/// Whether two SCIM values are the same code: text without regard to case (RFC 7643 §2.4 names `type`s so).
pub(super) fn same(a: Option<&Json>, b: Option<&Json>) -> bool {
    match (a, b) {
        (Some(Json::String(a)), Some(Json::String(b))) => a.eq_ignore_ascii_case(b),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Codes {
        Codes::of_one(vec![
            (Pattern::Is("A".into()), Some(true.into())),
            (Pattern::Is("T".into()), Some(false.into())),
            (Pattern::Is("L".into()), Some(false.into())),
        ])
    }

    fn locked() -> Codes {
        Codes::of_one(vec![
            (Pattern::Absent, Some(true.into())),
            (Pattern::Is("000001010000Z".into()), Some(false.into())),
            (Pattern::Any, Some(true.into())),
        ])
    }

    #[test]
    fn the_first_pair_decides_in_both_directions() {
        assert_eq!(status().read(&[Some(&"L".into())]), Some(false.into()));
        assert_eq!(status().write(Some(&false.into())), Some(vec![Some("T".into())]));
        assert_eq!(status().read(&[None]), None);
        assert_eq!(locked().read(&[None]), Some(true.into()));
        assert_eq!(locked().read(&[Some(&"20260101000000Z".into())]), Some(true.into()));
        assert_eq!(locked().write(Some(&true.into())), Some(vec![None]));
        assert_eq!(locked().write(Some(&false.into())), Some(vec![Some("000001010000Z".into())]));
    }

    fn disabled() -> Codes {
        Codes::of_one(vec![(Pattern::Clear(2), Some(true.into())), (Pattern::Set(2), Some(false.into()))])
    }

    #[test]
    fn a_bit_is_read_and_written_among_others() {
        for (native, active) in [("512", true), ("514", false), ("66050", false), ("66048", true)] {
            assert_eq!(disabled().read(&[Some(&native.into())]), Some(active.into()), "{native}");
        }
        assert_eq!((disabled().read(&[None]), disabled().read(&[Some(&"x".into())])), (None, None));
        let written = |number: &str, active: bool| {
            let code = disabled().write(Some(&active.into())).unwrap();
            with_bits(Some(&number.into()), disabled().bits(0), code[0].as_ref())
        };
        assert_eq!(written("66048", false), Value::Integer(66050));
        assert_eq!(written("66050", false), Value::Integer(66050));
        assert_eq!(written("66050", true), Value::Integer(66048));
    }

    #[test]
    fn a_bit_is_asked_for_by_itself() {
        let native = Native::own("x");
        let is = |test| Predicate::Test(native.clone(), test);
        let wanted = |active: bool| {
            disabled().predicate(std::slice::from_ref(&native), |value| value == Some(&active.into()))
        };
        assert_eq!(wanted(false), is(Test::Bit(2)));
        assert_eq!(wanted(true), is(Test::Present).and(is(Test::Bit(2)).not()));
    }

    /// Case 2 of the legacy systems: who has a date in the future is there until then.
    fn leaving() -> Codes {
        Codes::of_one(vec![
            (Pattern::Absent, Some(true.into())),
            (Pattern::Ordered(Order::Greater, Value::Today), Some(true.into())),
            (Pattern::Is(Value::Today), Some(false.into())),
            (Pattern::Any, Some(false.into())),
        ])
    }

    #[test]
    fn days_are_compared_with_today_whatever_their_form() {
        let at = |days: i64| time::OffsetDateTime::now_utc() + time::Duration::days(days);
        for (days, active) in [(-400, false), (-1, false), (0, false), (1, true), (400, true)] {
            let date = Value::Date(at(days).date()).text().unwrap();
            let general = format!("{}235959Z", date.replace('-', ""));
            for form in [date.clone(), format!("{date} 23:59:59.997"), format!("{date}T00:00:00Z"), general] {
                assert_eq!(leaving().read(&[Some(&form.as_str().into())]), Some(active.into()), "{form}");
            }
        }
        assert_eq!(leaving().read(&[None]), Some(true.into()));
        // What is no day is neither before nor after one.
        assert_eq!(leaving().read(&[Some(&"soon".into())]), Some(false.into()));
        assert_eq!(leaving().write(Some(&false.into())), Some(vec![Some(Value::Today)]));
        assert_eq!(leaving().write(Some(&true.into())), Some(vec![None]));
    }

    #[test]
    fn numbers_are_ordered_as_numbers() {
        let level = |order, bound: Value| Pattern::Ordered(order, bound);
        let nine = || Value::Integer(9);
        for (native, fits) in [
            ("10", [true, true, false, false]),
            ("9", [false, true, false, true]),
            ("8.5", [false, false, true, true]),
        ] {
            let orders = [Order::Greater, Order::GreaterOrEqual, Order::Less, Order::LessOrEqual];
            assert_eq!(orders.map(|order| level(order, nine()).fits(Some(&native.into()))), fits, "{native}");
        }
        assert!(!level(Order::Less, nine()).fits(Some(&"many".into())));
        assert!(!level(Order::Less, nine()).fits(None));
    }

    #[test]
    fn a_later_pair_leaves_out_what_an_earlier_one_takes() {
        let native = Native::own("x");
        let present = Predicate::Test(native.clone(), Test::Present);
        let never = Predicate::Test(native.clone(), Test::Equals("000001010000Z".into(), Case::Exact));
        let expected = present.clone().not().or(present.and(never.not()));
        assert_eq!(
            locked().predicate(std::slice::from_ref(&native), |value| value == Some(&true.into())),
            expected
        );
    }

    /// A person may be gone, or come in the future.
    fn of_two() -> Codes {
        let pair = |kind: Pattern, from: Pattern, value: &str| Pair {
            patterns: vec![kind, from],
            value: Some(value.into()),
        };
        Codes(vec![
            pair(Pattern::Is("G".into()), Pattern::Absent, "gone"),
            pair(Pattern::Is("G".into()), Pattern::Any, "back"),
            pair(Pattern::Is("E".into()), Pattern::Is("now".into()), "here"),
            pair(Pattern::Any, Pattern::Any, "unknown"),
        ])
    }

    #[test]
    fn several_natives_mean_one_value_together() {
        let read = |kind: Option<&str>, from: Option<&str>| {
            let [kind, from] = [kind, from].map(|text| text.map(Value::from));
            of_two().read(&[kind.as_ref(), from.as_ref()])
        };
        assert_eq!(read(Some("G"), None), Some("gone".into()));
        assert_eq!(read(Some("G"), Some("x")), Some("back".into()));
        assert_eq!(read(Some("E"), Some("now")), Some("here".into()));
        assert_eq!((read(Some("E"), Some("x")), read(Some("E"), None)), (Some("unknown".into()), None));
        let write = |value: &str| of_two().write(Some(&value.into()));
        assert_eq!(write("gone"), Some(vec![Some("G".into()), None]));
        assert_eq!(write("here"), Some(vec![Some("E".into()), Some("now".into())]));
        // What leaves a native open is read and never written.
        assert_eq!((write("back"), of_two().write(None)), (None, Some(vec![None, None])));
        assert_eq!(of_two().writable(), ["gone", "here"]);

        let (kind, from) = (Native::own("Kind"), Native::own("From"));
        let is = |native: &Native, text: &str| {
            Predicate::Test(native.clone(), Test::Equals(text.into(), Case::Exact))
        };
        let present = |native: &Native| Predicate::Test(native.clone(), Test::Present);
        let natives = [kind.clone(), from.clone()];
        let found = |value: &str| of_two().predicate(&natives, |found| found == Some(&value.into()));
        assert_eq!(found("gone"), is(&kind, "G").and(present(&from).not()));
        assert_eq!(found("back"), is(&kind, "G").and(present(&from)));
        let (back, here) = (found("back"), is(&kind, "E").and(is(&from, "now")));
        let unknown = present(&kind).and(present(&from)).and(back.not()).and(here.not());
        assert_eq!(found("unknown"), unknown);
    }
}
