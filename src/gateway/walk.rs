//! Places in an ordered list, and which of them are on a page: by a number, or by what stands before it.

use std::cmp::Ordering;
use std::ops::Range;

use crate::scim::cursor::Cursor;
use crate::scim::sort::{self, Key};

/// A resource's place in a list over several types. Resources that are sorted alike stand in the order of
/// their types, and then of their ids.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub key: Option<Key>,
    /// Which of the types that are asked.
    pub kind: usize,
    pub id: String,
}

/// Which page of an ordered list, and from which side it is entered.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Walk {
    /// How many to leave out first.
    pub offset: usize,
    /// How many at the most.
    pub count: usize,
    /// Whether it is walked from its end.
    pub backward: bool,
    /// Only what comes behind this place.
    pub behind: Option<Place>,
}

// === impl Place ===

impl Place {
    /// Which of two stands first.
    pub(super) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        sort::compare(self.key.as_ref(), other.key.as_ref(), descending)
            .then(self.kind.cmp(&other.kind))
            .then_with(|| by_number(&self.id).cmp(&by_number(&other.id)))
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let key = match &self.key {
            Some(Key::Text(text)) => text.len(),
            _ => 0,
        };
        size_of::<Self>() + self.id.len() + key
    }
}

/// Ids that are numbers in the order of the numbers, and before all others.
fn by_number(id: &str) -> (usize, &str) {
    let is_number = id.bytes().all(|b| b.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    (if is_number { id.len() } else { usize::MAX }, id)
}

// === impl Walk ===

impl Walk {
    /// Whether it begins where its list begins (or ends).
    pub(super) fn is_from_start(&self) -> bool {
        self.offset == 0 && self.behind.is_none()
    }

    /// Where a cursor goes on; `kind` gives the place of a type's name among those that are asked.
    pub(super) fn of_cursor(cursor: Cursor, kind: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        let behind = match cursor.mark {
            Some(mark) => Some(Place { key: mark.key, kind: kind(&mark.kind)?, id: mark.id }),
            None => None,
        };
        Some(Self { offset: 0, count: cursor.count, backward: cursor.backward, behind })
    }

    /// Which of these places are on the page, and whether more follow on the walk.
    pub(super) fn cut(&self, places: &[Place], descending: bool) -> (Range<usize>, bool) {
        let before = |limit: &Place, or_same: bool| {
            places.partition_point(|place| match place.compare(limit, descending) {
                Ordering::Less => true,
                Ordering::Equal => or_same,
                Ordering::Greater => false,
            })
        };
        if self.backward {
            let end = self.behind.as_ref().map_or(places.len(), |place| before(place, false));
            let start = end.saturating_sub(self.count);
            return (start..end, start > 0);
        }
        let start = self.behind.as_ref().map_or(self.offset, |place| before(place, true)).min(places.len());
        let end = start.saturating_add(self.count).min(places.len());
        (start..end, end < places.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(key: Option<u8>, kind: usize, id: u8) -> Place {
        Place { key: key.map(|key| Key::Integer(key.into())), kind, id: id.to_string() }
    }

    fn any_place() -> impl Strategy<Value = Place> {
        (proptest::option::of(0u8..4), 0usize..2, any::<u8>())
            .prop_map(|(key, kind, id)| place(key, kind, id))
    }

    fn ordered(mut places: Vec<Place>, descending: bool) -> Vec<Place> {
        places.sort_by(|a, b| a.compare(b, descending));
        places.dedup();
        places
    }

    #[test]
    fn numbers_stand_in_their_own_order() {
        let mut ids = ["10", "b", "9", "", "09", "0", "a"];
        ids.sort_by_key(|id| by_number(id));
        assert_eq!(ids, ["", "0", "9", "10", "09", "a", "b"]);
    }

    proptest! {
        /// Forward and back again, while places come and go: nobody who is there throughout is missed or
        /// met twice.
        #[test]
        fn a_walk_meets_everybody_once(
            places in proptest::collection::vec(any_place(), 0..24),
            others in proptest::collection::vec(proptest::collection::vec(any_place(), 0..6), 0..12),
            count in 1usize..5,
            descending: bool,
            backward: bool,
        ) {
            let (places, mut met) = (ordered(places, descending), Vec::new());
            let mut walk = Walk { offset: 0, count, backward, behind: None };
            for more in others.into_iter().chain(std::iter::repeat(Vec::new())) {
                let now = ordered([places.clone(), more].concat(), descending);
                let (range, goes_on) = walk.cut(&now, descending);
                let mut page = now[range].to_vec();
                if backward { page.reverse() }
                walk.behind = page.last().cloned();
                met.extend(page);
                if !goes_on { break }
            }
            let mut stayed: Vec<Place> = met.iter().filter(|place| places.contains(place)).cloned().collect();
            if backward { stayed.reverse() }
            prop_assert_eq!(stayed, places);
            let distinct = ordered(met.clone(), descending);
            prop_assert_eq!(distinct.len(), met.len());
        }

        /// By number, pages are the list cut into pieces.
        #[test]
        fn pages_by_number_are_the_list(places in proptest::collection::vec(any_place(), 0..24), count in 1usize..6) {
            let places = ordered(places, false);
            let page = |offset| Walk { offset, count, ..Walk::default() }.cut(&places, false).0;
            let pages: Vec<Place> = (0..30).step_by(count).flat_map(|offset| places[page(offset)].to_vec()).collect();
            prop_assert_eq!(pages, places);
        }
    }
}
