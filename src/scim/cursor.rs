//! Cursors (RFC 9865): what one holds, and its plain octets. It names a place in an ordered list by the
//! values that stand there, not by a number, so it stays true while resources come and go, and no server
//! keeps anything for it. What makes it opaque, and bound to its list, is the gateway's.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::error::{Error, ScimType};
use super::sort::Key;

/// Where a page begins, and which way it goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The resource behind which the page begins; absent: the list's beginning, or its end when backward.
    pub mark: Option<Mark>,
    /// Whether the page is the one before the mark.
    pub backward: bool,
    /// How many resources a page of this walk has.
    pub count: usize,
    /// When it was made.
    pub made: OffsetDateTime,
}

/// A resource's place in an ordered list.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// What it was sorted by.
    pub key: Option<Key>,
    /// Its resource type's name.
    pub kind: String,
    /// Its id.
    pub id: String,
}

// === impl Cursor ===

impl Cursor {
    /// The octets of a cursor; to the second.
    pub fn encode(&self) -> Vec<u8> {
        let mark =
            self.mark.as_ref().map(|mark| json!([mark.key.as_ref().map(Key::to_json), mark.kind, mark.id]));
        json!([self.made.unix_timestamp(), self.count, self.backward, mark]).to_string().into_bytes()
    }

    /// The cursor of such octets.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(octets).ok()?;
        let [made, count, backward, mark] = json.as_array()?.as_slice() else { return None };
        Some(Self {
            mark: if mark.is_null() { None } else { Some(Mark::of_json(mark)?) },
            backward: backward.as_bool()?,
            count: usize::try_from(count.as_u64()?).ok()?,
            made: OffsetDateTime::from_unix_timestamp(made.as_i64()?).ok()?,
        })
    }

    /// Checks what is asked together with the cursor: 400 `expiredCursor` when it was made longer ago than
    /// `timeout_s`, 400 `invalidCount` when the count is another than that of the page it came with.
    pub fn check(&self, count: Option<usize>, timeout_s: u64, now: OffsetDateTime) -> Result<(), Error> {
        let age_s = now.unix_timestamp() - self.made.unix_timestamp();
        if i64::try_from(timeout_s).is_ok_and(|timeout_s| age_s > timeout_s) {
            let detail =
                format!("The cursor is older than {timeout_s} seconds; begin again with an empty one.");
            return Err(Error::bad_request(ScimType::ExpiredCursor, detail));
        }
        match count {
            Some(count) if count != self.count => Err(Error::bad_request(
                ScimType::InvalidCount,
                format!("The cursor came with a page of count={}, which stays so until its end.", self.count),
            )),
            _ => Ok(()),
        }
    }
}

// === impl Mark ===

impl Mark {
    fn of_json(json: &Value) -> Option<Self> {
        let [key, Value::String(kind), Value::String(id)] = json.as_array()?.as_slice() else { return None };
        let key = if key.is_null() { None } else { Some(Key::of_json(key)?) };
        Some(Self { key, kind: kind.clone(), id: id.clone() })
    }
}

/// 400 `invalidCursor`: one and the same sentence whatever is wrong with it.
pub fn invalid() -> Error {
    let detail = "The cursor is none of this list: send back nextCursor or previousCursor as it was, with the same filter and sorting, or an empty cursor to begin.";
    Error::bad_request(ScimType::InvalidCursor, detail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursor(mark: Option<Mark>) -> Cursor {
        let made = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        Cursor { mark, backward: true, count: 7, made }
    }

    #[test]
    fn octets_and_back() {
        let mark = |key| Mark { key, kind: "User".to_owned(), id: "4\"2".to_owned() };
        for mark in [None, Some(mark(None)), Some(mark(Some(Key::Text("é\u{1}".to_owned()))))] {
            assert_eq!(Cursor::decode(&cursor(mark.clone()).encode()), Some(cursor(mark)));
        }
    }

    #[test]
    fn an_old_one_and_another_count_are_refused() {
        let cursor = cursor(None);
        let at = |seconds| cursor.made + time::Duration::seconds(seconds);
        assert_eq!(cursor.check(Some(7), 60, at(60)), Ok(()));
        assert_eq!(cursor.check(None, 60, at(-5)), Ok(()));
        let kind = |result: Result<(), Error>| result.unwrap_err().scim_type.unwrap();
        assert_eq!(kind(cursor.check(Some(7), 60, at(61))), ScimType::ExpiredCursor);
        assert_eq!(kind(cursor.check(Some(8), 60, at(1))), ScimType::InvalidCount);
    }

    proptest! {
        #[test]
        fn any_octets_are_a_cursor_or_none(octets: Vec<u8>) {
            let _ = Cursor::decode(&octets);
        }
    }
}
