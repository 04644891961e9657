//! Where values come from that nobody says: the time, and identifiers that nobody had before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use time::OffsetDateTime;
use uuid::Uuid;

use super::Mapping;
use super::codes::Pattern;
use super::line::{Generated, How, ResourceMapping};
use crate::plan::{Initial, Store, Value};

/// Who gives such values.
pub(super) enum Source {
    /// The clock and chance.
    World,
    /// Always the same: this instant, and identifiers that count from 1.
    Fixed { now: OffsetDateTime, count: AtomicU64 },
}

// === impl Source ===

impl Source {
    pub(super) fn uuid(&self) -> Uuid {
        match self {
            Self::World => Uuid::new_v4(),
            Self::Fixed { count, .. } => Uuid::from_u128(u128::from(count.fetch_add(1, Ordering::Relaxed))),
        }
    }
}

// === impl Mapping ===

impl Mapping {
    /// The same where the time stands still and identifiers count from 1, for a request whose plan must always be the
    /// same.
    pub fn fixed(mut self, now: OffsetDateTime) -> Self {
        let today = Value::Date(now.date());
        // A database has words of its own for the day; in a directory's operations it stands as it is.
        for of in self.resources.iter_mut().filter(|of| of.is_entry) {
            of.days().filter(|day| **day == Value::Today).for_each(|day| day.clone_from(&today));
        }
        for entity in Arc::make_mut(&mut self.model).entities.values_mut() {
            let Store::Entries(entries) = &mut entity.store else { continue };
            for (_, initial) in entries.parts.iter_mut().flat_map(|part| &mut part.initial) {
                if *initial == Initial::Literal(Value::Today) {
                    *initial = Initial::Literal(today.clone());
                }
            }
        }
        self.source = Source::Fixed { now, count: AtomicU64::new(1) };
        self
    }

    /// Counts identifiers from 1 again, where they are counted.
    pub fn restart(&self) {
        if let Source::Fixed { count, .. } = &self.source {
            count.store(1, Ordering::Relaxed);
        }
    }

    /// What time it is.
    pub fn now(&self) -> OffsetDateTime {
        match &self.source {
            Source::World => OffsetDateTime::now_utc(),
            Source::Fixed { now, .. } => *now,
        }
    }
}

// === impl ResourceMapping ===

impl ResourceMapping {
    /// The values in the mapping that may be the day that it is.
    fn days(&mut self) -> impl Iterator<Item = &mut Value> {
        let patterns = self.lines.iter_mut().filter_map(|line| match &mut line.conversion.how {
            How::Codes(codes) => Some(codes.0.iter_mut().flat_map(|pair| &mut pair.patterns)),
            How::Plain | How::Script { .. } | How::Reference { .. } | How::Hash { .. } => None,
        });
        let coded = patterns.flatten().filter_map(|pattern| match pattern {
            Pattern::Is(value) | Pattern::Ordered(_, value) => Some(value),
            Pattern::Absent | Pattern::Any | Pattern::Set(_) | Pattern::Clear(_) => None,
        });
        let given = self.initial.iter_mut().chain(&mut self.stamps);
        coded.chain(given.filter_map(|(_, given)| match given {
            Generated::Literal(value) => Some(value),
            Generated::Template(_) | Generated::Uuid | Generated::Now => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use time::macros::datetime;

    use super::*;
    use crate::plan::Record;
    use crate::scim::resource::Resource;

    #[test]
    fn what_is_made_is_always_the_same() {
        let text = r#"
            resource("User").base("dc=x").classes(["person"]).rdn("uid", "{userName}").on_delete("delete");
            attr("userName", "uid").required().unique();
            attr("active", "left").values([[(), true], [gt(today()), true], [today(), false], [any(), false]]);
            initial("a", uuid());
            initial("b", uuid());
            initial("c", now());
            initial("d", today());
        "#;
        let now = datetime!(2026-01-15 08:00 UTC);
        let mapping = Mapping::parse("m", text, &BTreeMap::new()).unwrap().fixed(now);
        let of = &mapping.resources()[0];
        let inactive: Resource = serde_json::from_str(r#"{ "userName": "x", "active": false }"#).unwrap();
        let mut record: Record = mapping.write(of, &inactive, None).unwrap();
        mapping.initialise(of, &inactive, mapping.now(), &mut record).unwrap();
        let id = |number: u128| Value::Text(Uuid::from_u128(number).to_string());
        let day = Value::Date(now.date());
        for (native, value) in
            [("a", id(1)), ("b", id(2)), ("c", Value::Timestamp(now)), ("d", day.clone()), ("left", day)]
        {
            assert_eq!(record.values[&crate::plan::Native::own(native)], [value], "{native}");
        }
    }
}
