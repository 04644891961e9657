//! The typed way from a [`Predicate`] to a filter (RFC 4515). Every value is escaped here and nowhere
//! else; attribute names come from the mapping and are checked. Pure.

use crate::backend::Failure;
use crate::plan::{Entries, Native, Order, Predicate, Test, Value};

use super::id;
use super::value::{self, Dns};

/// Terms in one filter: Samba dropped connections at some thousands, 389-ds grows slow.
pub(super) const TERMS: usize = 500;
/// Nesting of one filter: 389-ds rejects 100 levels; the parser of the wire library recurses.
const DEPTH: usize = 20;

/// Active Directory's rule for numbers in which all these bits are set ([MS-ADTS] 3.1.1.3.4.4.1).
const BIT_AND: &str = "1.2.840.113556.1.4.803";

/// What a condition became.
#[derive(Debug, PartialEq)]
enum Term {
    Every,
    Nothing,
    Filter(String),
}

/// The filter for the entries of one type that meet the predicate; `None` when none can.
/// [`Failure::TooMany`] or [`Failure::Rejected`] beyond the bounds. A reference whose DN is unknown
/// matches nothing.
pub(super) fn build(entries: &Entries, predicate: &Predicate, dns: &Dns) -> Result<Option<String>, Failure> {
    let mut builder = Builder { entries, dns, terms: 0 };
    Ok(match builder.term(predicate, 0)? {
        Term::Nothing => None,
        Term::Every => Some(of_type(entries, "")?),
        Term::Filter(text) => Some(of_type(entries, &text)?),
    })
}

/// The filter of a condition alone; `None` when every entry meets it.
pub(super) fn condition(entries: &Entries, predicate: &Predicate) -> Result<Option<String>, Failure> {
    match (Builder { entries, dns: &Dns::new(), terms: 0 }).term(predicate, 0)? {
        Term::Every => Ok(None),
        Term::Nothing => {
            Err(Failure::Internal("a condition of the mapping holds for no entry at all".to_owned()))
        }
        Term::Filter(text) => Ok(Some(text)),
    }
}

/// What the entries of a type are, their classes and the mapping's `only`, and-ed with one more filter or none.
pub(super) fn of_type(entries: &Entries, more: &str) -> Result<String, Failure> {
    let mut terms: Vec<String> =
        entries.classes.iter().map(|class| equals("objectClass", class.as_bytes())).collect();
    terms.extend(condition(entries, &entries.only)?);
    if !more.is_empty() {
        terms.push(more.to_owned());
    }
    Ok(if terms.is_empty() { "(objectClass=*)".to_owned() } else { all(terms) })
}

/// `(attribute=value)`, the value escaped.
pub(super) fn equals(attribute: &str, octets: &[u8]) -> String {
    format!("({attribute}={})", escape(octets))
}

/// At least one of these filters, of which there must be one.
pub(super) fn any(filters: Vec<String>) -> String {
    if filters.len() == 1 { filters.concat() } else { format!("(|{})", filters.concat()) }
}

/// All of these filters, of which there must be one.
pub(super) fn all(filters: Vec<String>) -> String {
    if filters.len() == 1 { filters.concat() } else { format!("(&{})", filters.concat()) }
}

/// A condition on the entry at this DN, as an assertion (RFC 4528) of a write to it. OpenLDAP's overlays hand
/// an assertion on to what they do themselves: `memberof` to its changes of the members, which would then be
/// left out without a word, `unique` to its search. So it says nothing of entries elsewhere (RFC 5020).
pub(super) fn at_this_entry(dn: &str, condition: &str) -> String {
    format!("(|{condition}(!{}))", equals("entryDN", dn.as_bytes()))
}

/// The attribute's name, when it may stand in a filter.
pub(super) fn attribute(native: &Native) -> Result<&str, Failure> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b';');
    let fits = native.part.is_none() && !native.name.is_empty() && native.name.bytes().all(plain);
    fits.then_some(&*native.name)
        .ok_or_else(|| Failure::Internal(format!("{native} is not an attribute that a directory can have")))
}

/// RFC 4515 §3, and control characters too, so that a filter is always one line.
fn escape(octets: &[u8]) -> String {
    let text = std::str::from_utf8(octets);
    let mut escaped = String::with_capacity(octets.len());
    let hex = |octet: &u8| format!("\\{octet:02x}");
    match text {
        Ok(text) => text.chars().for_each(|c| match c {
            '(' | ')' | '*' | '\\' | '\0'..='\x1f' | '\x7f' => escaped.push_str(&hex(&(c as u8))),
            plain => escaped.push(plain),
        }),
        Err(_) => octets.iter().for_each(|octet| escaped.push_str(&hex(octet))),
    }
    escaped
}

struct Builder<'a> {
    entries: &'a Entries,
    dns: &'a Dns,
    terms: usize,
}

impl Builder<'_> {
    fn term(&mut self, predicate: &Predicate, depth: usize) -> Result<Term, Failure> {
        if depth > DEPTH {
            let client = format!("the filter is nested deeper than {DEPTH} levels");
            return Err(Failure::Rejected(client, "the depth bound of LDAP filters".to_owned()));
        }
        match predicate {
            Predicate::All => Ok(Term::Every),
            Predicate::Nothing => Ok(Term::Nothing),
            Predicate::And(terms) => self.and(terms, depth),
            Predicate::Or(terms) => self.or(terms, depth),
            Predicate::Not(inner) => Ok(match self.term(inner, depth + 1)? {
                Term::Every => Term::Nothing,
                Term::Nothing => Term::Every,
                Term::Filter(text) => Term::Filter(format!("(!{text})")),
            }),
            Predicate::Id(ids) => self.ids(ids),
            Predicate::Entry(dn) => {
                Err(Failure::Internal(format!("{dn}: one entry is read at its place, and by nothing else")))
            }
            Predicate::Test(native, test) => self.test(native, test),
            Predicate::Child(table, _) => {
                Err(Failure::Internal(format!("{table}: a directory has no child tables")))
            }
        }
    }

    fn and(&mut self, terms: &[Predicate], depth: usize) -> Result<Term, Failure> {
        let mut filters = Vec::new();
        for term in terms {
            match self.term(term, depth + 1)? {
                Term::Every => {}
                Term::Nothing => return Ok(Term::Nothing),
                Term::Filter(text) => filters.push(text),
            }
        }
        Ok(if filters.is_empty() { Term::Every } else { Term::Filter(all(filters)) })
    }

    fn or(&mut self, terms: &[Predicate], depth: usize) -> Result<Term, Failure> {
        let mut filters = Vec::new();
        for term in terms {
            match self.term(term, depth + 1)? {
                Term::Every => return Ok(Term::Every),
                Term::Nothing => {}
                Term::Filter(text) => filters.push(text),
            }
        }
        Ok(if filters.is_empty() { Term::Nothing } else { Term::Filter(any(filters)) })
    }

    fn ids(&mut self, ids: &[String]) -> Result<Term, Failure> {
        let possible: Vec<&String> = ids.iter().filter(|id| id::is_possible(&self.entries.id, id)).collect();
        self.count(possible.len())?;
        if possible.is_empty() {
            return Ok(Term::Nothing);
        }
        let one = |value: &&String| id::equals(&self.entries.id, value);
        Ok(Term::Filter(any(possible.iter().map(one).collect())))
    }

    fn test(&mut self, native: &Native, test: &Test) -> Result<Term, Failure> {
        self.count(1)?;
        let name = attribute(native)?;
        Ok(match test {
            Test::Present => Term::Filter(present(name)),
            Test::Equals(value, _) => match self.octets(name, value)? {
                Some(octets) => Term::Filter(equals(name, &octets)),
                None => Term::Nothing,
            },
            Test::StartsWith(text, _) => Term::Filter(begins(name, text)),
            Test::EndsWith(text, _) => Term::Filter(ends(name, text)),
            Test::Contains(text, _) => Term::Filter(contains(name, text)),
            Test::Bit(bit) => Term::Filter(format!("({name}:{BIT_AND}:={bit})")),
            Test::Compare(order, value) => match self.octets(name, value)? {
                Some(octets) => Term::Filter(compare(name, *order, &octets)),
                None => Term::Nothing,
            },
        })
    }

    /// What the value is compared as; `None` when no entry can hold it.
    fn octets(&self, name: &str, value: &Value) -> Result<Option<Vec<u8>>, Failure> {
        match value {
            Value::Secret(_) => Err(Failure::Internal(format!("{name}: a secret cannot be searched for"))),
            Value::Text(text) if text.is_empty() => Ok(None),
            Value::Reference(reference) if !matches!(self.dns.get(reference), Some(Some(_))) => Ok(None),
            value => value::stored(name, value, self.dns).map(|value| Some(value::octets(&value))),
        }
    }

    fn count(&mut self, more: usize) -> Result<(), Failure> {
        self.terms += more;
        if self.terms <= TERMS {
            return Ok(());
        }
        Err(Failure::TooMany(format!("a filter of more than {TERMS} terms")))
    }
}

// Substrings. Servers differ in what is a space and in which spaces count, and 389-ds finds nothing across a line
// break. So of a text only a part without any of that is asked for, which may find more: it is checked again.

fn begins(name: &str, text: &str) -> String {
    match plain_parts(text).into_iter().next() {
        Some(part) if !text.starts_with(is_odd) && !part.is_empty() => format!("({name}={part}*)"),
        _ => contains(name, text),
    }
}

fn ends(name: &str, text: &str) -> String {
    match plain_parts(text).pop() {
        Some(part) if !text.ends_with(is_odd) && !part.is_empty() => format!("({name}=*{part})"),
        _ => contains(name, text),
    }
}

fn contains(name: &str, text: &str) -> String {
    match plain_parts(text).into_iter().max_by_key(String::len) {
        Some(part) if !part.is_empty() => format!("({name}=*{part}*)"),
        _ => present(name),
    }
}

fn present(name: &str) -> String {
    format!("({name}=*)")
}

/// What stands between odd characters, escaped, with single spaces inside and none outside.
fn plain_parts(text: &str) -> Vec<String> {
    let plain = |part: &str| {
        let words: Vec<&str> = part.split(' ').filter(|word| !word.is_empty()).collect();
        escape(words.join(" ").as_bytes())
    };
    text.split(|c| c != ' ' && is_odd(c)).map(plain).collect()
}

/// What some server takes for a space, or for nothing.
fn is_odd(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}')
}

/// LDAP knows only `>=` and `<=`.
fn compare(name: &str, order: Order, octets: &[u8]) -> String {
    let value = escape(octets);
    match order {
        Order::GreaterOrEqual => format!("({name}>={value})"),
        Order::LessOrEqual => format!("({name}<={value})"),
        Order::Greater => format!("(&({name}>={value})(!({name}={value})))"),
        Order::Less => format!("(&({name}<={value})(!({name}={value})))"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backend::ldap::fixture;
    use crate::plan::{Case, Reference};

    const ID: &str = "11111111-2222-3333-4444-55555555aaaa";

    fn people(predicate: &Predicate) -> Option<String> {
        build(&fixture::people(), predicate, &Dns::new()).unwrap()
    }

    fn test(test: Test) -> Predicate {
        Predicate::Test(Native::own("uid"), test)
    }

    fn folded(text: &str) -> (String, Case) {
        (text.to_owned(), Case::Folded)
    }

    #[test]
    fn every_predicate_has_its_filter() {
        let a = |text: &str| test(Test::Equals(Value::from(text), Case::Folded));
        let (f, case) = folded("x*");
        for (predicate, filter) in [
            (Predicate::All, "(objectClass=inetOrgPerson)"),
            (a("b"), "(&(objectClass=inetOrgPerson)(uid=b))"),
            (a("*)(uid=*"), "(&(objectClass=inetOrgPerson)(uid=\\2a\\29\\28uid=\\2a))"),
            (a("a\0\\\né"), "(&(objectClass=inetOrgPerson)(uid=a\\00\\5c\\0aé))"),
            (test(Test::Present), "(&(objectClass=inetOrgPerson)(uid=*))"),
            (test(Test::StartsWith(f.clone(), case)), "(&(objectClass=inetOrgPerson)(uid=x\\2a*))"),
            (test(Test::EndsWith(f.clone(), case)), "(&(objectClass=inetOrgPerson)(uid=*x\\2a))"),
            (test(Test::Contains(f, case)), "(&(objectClass=inetOrgPerson)(uid=*x\\2a*))"),
            (test(Test::Contains(String::new(), case)), "(&(objectClass=inetOrgPerson)(uid=*))"),
            (test(Test::Contains("a\n b  c ".to_owned(), case)), "(&(objectClass=inetOrgPerson)(uid=*b c*))"),
            (test(Test::StartsWith("a\nbc".to_owned(), case)), "(&(objectClass=inetOrgPerson)(uid=a*))"),
            (test(Test::StartsWith(" a".to_owned(), case)), "(&(objectClass=inetOrgPerson)(uid=*a*))"),
            (test(Test::EndsWith("ab\tc ".to_owned(), case)), "(&(objectClass=inetOrgPerson)(uid=*ab*))"),
            (test(Test::EndsWith("a\tb".to_owned(), case)), "(&(objectClass=inetOrgPerson)(uid=*b))"),
            (
                test(Test::Compare(Order::Greater, Value::Integer(5))),
                "(&(objectClass=inetOrgPerson)(&(uid>=5)(!(uid=5))))",
            ),
            (Predicate::Not(Box::new(a("b"))), "(&(objectClass=inetOrgPerson)(!(uid=b)))"),
            (test(Test::Bit(2)), "(&(objectClass=inetOrgPerson)(uid:1.2.840.113556.1.4.803:=2))"),
            (
                Predicate::And(vec![a("b"), Predicate::Or(vec![a("c"), a("d"), Predicate::Nothing])]),
                "(&(objectClass=inetOrgPerson)(&(uid=b)(|(uid=c)(uid=d))))",
            ),
            (Predicate::And(vec![]), "(objectClass=inetOrgPerson)"),
            (
                Predicate::Id(vec![ID.to_owned(), "no".to_owned()]),
                "(&(objectClass=inetOrgPerson)(entryUUID=11111111-2222-3333-4444-55555555aaaa))",
            ),
        ] {
            assert_eq!(people(&predicate).as_deref(), Some(filter));
        }
    }

    #[test]
    fn what_cannot_be_is_not_asked() {
        let reference = Reference { resource: None, id: ID.to_owned() };
        for predicate in [
            Predicate::Nothing,
            Predicate::Or(vec![]),
            test(Test::Equals(Value::from(""), Case::Folded)),
            test(Test::Equals(Value::Reference(reference), Case::Exact)),
            Predicate::Id(vec!["42".to_owned(), ID.to_uppercase()]),
            Predicate::And(vec![Predicate::All, Predicate::Nothing]),
            Predicate::Not(Box::new(Predicate::All)),
        ] {
            assert_eq!(people(&predicate), None, "{predicate:?}");
        }
    }

    #[test]
    fn a_reference_is_compared_as_its_dn() {
        let reference = Reference { resource: Some("User".to_owned()), id: ID.to_owned() };
        let dns = Dns::from([(reference.clone(), Some("uid=a\\2cb,dc=x".to_owned()))]);
        let predicate = test(Test::Equals(Value::Reference(reference), Case::Exact));
        let filter = build(&fixture::people(), &predicate, &dns).unwrap().unwrap();
        assert_eq!(filter, "(&(objectClass=inetOrgPerson)(uid=uid=a\\5c2cb,dc=x))");
    }

    #[test]
    fn bounds_hold() {
        let none = Dns::new();
        let deep = (0..30).fold(Predicate::All, |inner, _| Predicate::And(vec![inner]));
        assert!(matches!(build(&fixture::people(), &deep, &none), Err(Failure::Rejected(..))));
        let wide = Predicate::Or(vec![test(Test::Present); TERMS + 1]);
        assert!(matches!(build(&fixture::people(), &wide, &none), Err(Failure::TooMany(_))));
        let odd = Predicate::Test(Native::own("a)(b"), Test::Present);
        assert!(matches!(build(&fixture::people(), &odd, &none), Err(Failure::Internal(_))));
    }

    proptest! {
        /// Whatever a client sends stays one value of one equality: the wire library's own parser agrees.
        #[test]
        fn a_value_never_changes_the_filter(value in proptest::collection::vec(0u8..=255, 0..40)) {
            let filter = equals("uid", &value);
            let parsed = ldap3::parse_filter(&filter).unwrap();
            match parsed {
                ldap3::asn1::Tag::Sequence(equality) => {
                    prop_assert_eq!(equality.id, 3);
                    match equality.inner.as_slice() {
                        [_, ldap3::asn1::Tag::OctetString(found)] => prop_assert_eq!(&found.inner, &value),
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
