//! The check of a parsed filter against a resource type. Resolution is total: what the type does not know
//! is refused, never "false", or `not` of it would match everyone.

use super::{Filter, Literal, Op};
use crate::scim::error::{Error, ScimType};
use crate::scim::path::{AttrPath, named};
use crate::scim::schema::{Attribute, ResourceType, Returned, Type};

/// The filter with names in the schema's own spelling; 400 `invalidFilter` with the position where it
/// asks for what cannot be asked.
pub fn check(filter: Filter, rt: &ResourceType) -> Result<Filter, Error> {
    check_among(filter, rt, &[])
}

/// The same in a query over several types (RFC 7644 §3.4.2.1): an attribute that another of them has is
/// simply absent here; one that none has is refused all the same.
pub fn check_among(filter: Filter, rt: &ResourceType, others: &[&ResourceType]) -> Result<Filter, Error> {
    Checker { rt, others, within: None }.filter(filter)
}

/// The same for a filter on the elements of a multi-valued attribute (a value path's, a PATCH path's).
pub(in crate::scim) fn check_elements(
    filter: Filter,
    path: &AttrPath,
    rt: &ResourceType,
) -> Result<Filter, Error> {
    Checker { rt, others: &[], within: Some(path) }.filter(filter)
}

struct Checker<'a> {
    rt: &'a ResourceType,
    /// The other types that are asked.
    others: &'a [&'a ResourceType],
    /// The multi-valued attribute inside whose brackets the filter stands.
    within: Option<&'a AttrPath>,
}

// === impl Checker ===

impl Checker<'_> {
    fn filter(&self, filter: Filter) -> Result<Filter, Error> {
        if let Some(other) = self.elsewhere(&filter) {
            let is_null = matches!(filter, Filter::Compare { op: Op::Eq, value: Literal::Null, .. });
            Checker { rt: other, others: &[], within: None }.filter(filter)?;
            // What has no value equals null, and passes no other test.
            return Ok(if is_null { Filter::And(Vec::new()) } else { Filter::Or(Vec::new()) });
        }
        let all = |terms: Vec<Filter>| {
            terms.into_iter().map(|term| self.filter(term)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match filter {
            Filter::And(terms) => Filter::And(all(terms)?),
            Filter::Or(terms) => Filter::Or(all(terms)?),
            Filter::Not(inner) => Filter::Not(Box::new(self.filter(*inner)?)),
            Filter::Present { path, at } => {
                let (path, _) = self.resolve(&path, at)?;
                Filter::Present { path, at }
            }
            Filter::Compare { path, op, value, at } => self.compare(&path, op, value, at)?,
            Filter::ValuePath { path, filter, then, at } => self.value_path(&path, *filter, then, at)?,
        })
    }

    fn compare(&self, path: &AttrPath, op: Op, value: Literal, at: usize) -> Result<Filter, Error> {
        let (mut path, mut attribute) = self.resolve(path, at)?;
        if attribute.kind == Type::Complex && value != Literal::Null {
            // RFC 7644 §3.4.2.2: a complex attribute compared directly means its `value`.
            let value = attribute.sub("value").filter(|_| path.sub.is_none()).cloned();
            let value =
                value.ok_or_else(|| wrong(at, format!("{path} has sub-attributes; name one of them")))?;
            if value.returned == Returned::Never {
                return Err(wrong(at, format!("{path}.{} cannot be asked for", value.name)));
            }
            path.sub = Some(value.name.clone());
            attribute = value;
        }
        let value = literal(&path, &attribute, op, value, at)?;
        Ok(Filter::Compare { path, op, value, at })
    }

    fn value_path(
        &self,
        path: &AttrPath,
        filter: Filter,
        then: Option<Box<Filter>>,
        at: usize,
    ) -> Result<Filter, Error> {
        if self.within.is_some() {
            return Err(wrong(at, "brackets do not stand within brackets".to_owned()));
        }
        let (path, attribute) = self.resolve(path, at)?;
        if path.sub.is_some() || !(attribute.kind == Type::Complex || attribute.multi_valued) {
            return Err(wrong(at, format!("{path} has no elements to put a filter on")));
        }
        let inner = Checker { rt: self.rt, others: &[], within: Some(&path) };
        let filter = Box::new(inner.filter(filter)?);
        let then = then.map(|then| inner.filter(*then)).transpose()?.map(Box::new);
        Ok(Filter::ValuePath { path, filter, then, at })
    }

    /// The other type that has the attribute which this test asks for, when this one has not.
    fn elsewhere(&self, test: &Filter) -> Option<&ResourceType> {
        let (Filter::Present { path, .. } | Filter::Compare { path, .. } | Filter::ValuePath { path, .. }) =
            test
        else {
            return None;
        };
        let is_known = |rt: &ResourceType| named(path, rt).is_some();
        match self.within.is_some() || is_known(self.rt) {
            true => None,
            false => self.others.iter().find(|rt| is_known(rt)).copied(),
        }
    }

    /// The path in the schema's spelling, and what it leads to. What is never told, such as a password, cannot
    /// be asked for either.
    fn resolve(&self, path: &AttrPath, at: usize) -> Result<(AttrPath, Attribute), Error> {
        let found = match self.within {
            Some(home) if path.urn.is_none() && path.sub.is_none() => self.in_elements(home, &path.name),
            Some(_) => return Err(wrong(at, format!("{path} is no sub-attribute"))),
            None => self.in_resource(path),
        };
        let (path, attribute) = found.ok_or_else(|| {
            let home = self.within.map(|home| format!("{home} of a ")).unwrap_or_default();
            wrong(at, format!("{home}{} has no attribute {:?}", self.rt.name, path.to_string()))
        })?;
        match attribute.returned {
            Returned::Never => Err(wrong(at, format!("{path} cannot be asked for"))),
            _ => Ok((path, attribute)),
        }
    }

    fn in_elements(&self, home: &AttrPath, name: &str) -> Option<(AttrPath, Attribute)> {
        let attribute = self.rt.in_elements(home, name)?;
        Some((AttrPath::attribute(attribute.name.clone()), attribute))
    }

    fn in_resource(&self, path: &AttrPath) -> Option<(AttrPath, Attribute)> {
        let path = named(path, self.rt)?;
        let found = self.rt.find(&path)?;
        let mut attribute = found.sub.unwrap_or(found.attribute).clone();
        if found.attribute.returned == Returned::Never {
            attribute.returned = Returned::Never;
        }
        Some((path, attribute))
    }
}

/// The literal as the attribute's type has it; 400 where the two can never compare.
fn literal(
    path: &AttrPath,
    attribute: &Attribute,
    op: Op,
    value: Literal,
    at: usize,
) -> Result<Literal, Error> {
    let ordering = matches!(op, Op::Gt | Op::Ge | Op::Lt | Op::Le);
    let substring = matches!(op, Op::Co | Op::Sw | Op::Ew);
    let refuse = |why: &str| Err(wrong(at, format!("{path} {op} {value}: {why}")));
    if let Literal::Text(text) = &value
        && text.contains('\0')
    {
        return Err(wrong(at, format!("the text compared with {path} has the character U+0000")));
    }
    match (attribute.kind, &value) {
        (_, Literal::Null) if ordering || substring => refuse("null is only equal or not"),
        (_, Literal::Null) => Ok(value),
        (Type::Boolean, _) if ordering || substring => refuse("a truth value is only equal or not"),
        (Type::Boolean, Literal::Bool(_)) => Ok(value),
        (Type::Boolean, Literal::Text(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Literal::Bool(true)),
            "false" => Ok(Literal::Bool(false)),
            _ => refuse("a truth value is true or false"),
        },
        (Type::Binary, _) if ordering => refuse("binary data has no order"),
        (Type::Integer | Type::Decimal, _) if substring => refuse("a number has no parts"),
        (Type::Integer | Type::Decimal, Literal::Number(_)) => Ok(value),
        (Type::Binary, Literal::Text(text)) if !substring => match super::super::resource::base64(text) {
            Some(text) => Ok(Literal::Text(text)),
            None => refuse("it is compared with octets in base64"),
        },
        (Type::DateTime, Literal::Text(text))
            if !substring && super::super::evaluate::instant(text).is_none() =>
        {
            refuse("it is compared with a date and time such as \"2026-01-31T12:00:00Z\"")
        }
        (Type::String | Type::Reference | Type::Binary | Type::DateTime, Literal::Text(_)) => Ok(value),
        _ => refuse("the value is of another type than the attribute"),
    }
}

fn wrong(at: usize, message: String) -> Error {
    Error::bad_request(ScimType::InvalidFilter, format!("The filter asks, at position {at}: {message}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::filter::parse;
    use crate::scim::schema::{core_group, core_user};

    fn of(name: &str, schema: &crate::scim::schema::Schema) -> ResourceType {
        ResourceType { name: name.to_owned(), schema: schema.clone(), ..ResourceType::default() }
    }

    #[test]
    fn what_another_type_has_is_absent_here() {
        let (user, group) = (of("User", core_user()), of("Group", core_group()));
        let among = |text: &str, rt| check_among(parse(text).unwrap(), rt, &[&user, &group]);
        let (truth, falsehood) = (Filter::And(Vec::new()), Filter::Or(Vec::new()));
        for (text, expected) in [
            ("userName eq \"x\"", &falsehood),
            ("userName pr", &falsehood),
            ("userName ne null", &falsehood),
            ("userName eq null", &truth),
            ("emails[type eq \"work\"]", &falsehood),
        ] {
            assert_eq!(&among(text, &group).unwrap(), expected, "{text}");
            assert_eq!(among(text, &user).unwrap(), check(parse(text).unwrap(), &user).unwrap(), "{text}");
        }
        // What is a mistake in the type that has it is one for all, and what none has is one everywhere.
        for text in ["userName gt 3", "password pr", "emails[shoe pr]", "shoeSize pr", "userName.x pr"] {
            assert_eq!(among(text, &group).unwrap_err().scim_type, Some(ScimType::InvalidFilter), "{text}");
        }
    }
}
