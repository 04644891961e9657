//! The numbers of paging (RFC 7644 §3.4.2.4, RFC 9865 §2) and the ListResponse (RFC 7644 §3.4.2).

use serde_json::{Value, json};

use super::error::{Error, ScimType};
use super::resource::Resource;

/// The URN of a list's body.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Which page of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The first resource's place, from 1.
    pub start_index: usize,
    /// How many at the most.
    pub count: usize,
}

/// Reads `startIndex` and `count`. Below 1 means 1, a negative count means 0, a huge one is capped (all
/// three by RFC 7644 §3.4.2.4); what is no number is 400 `invalidValue`.
pub fn parse(
    start_index: Option<&str>,
    count: Option<&str>,
    default_count: usize,
    max_count: usize,
) -> Result<Page, Error> {
    let start_index = number("startIndex", start_index)?.map_or(1, |start| start.max(1));
    let count = number("count", count)?.unwrap_or(default_count);
    Ok(Page { start_index, count: count.min(max_count) })
}

/// Reads the `count` of a page that is asked for with a cursor: negative means 0; more than a page's size,
/// or no number, is 400 `invalidCount` (RFC 9865 §2.1).
pub fn count_with_cursor(count: Option<&str>, page_size: usize) -> Result<Option<usize>, Error> {
    let invalid = |detail: String| Error::bad_request(ScimType::InvalidCount, detail);
    let count = number("count", count).map_err(|error| invalid(error.detail))?;
    match count {
        Some(count) if count > page_size => {
            Err(invalid(format!("With a cursor, count is from 0 to {page_size} (maxPageSize), not {count}.")))
        }
        count => Ok(count),
    }
}

/// A whole number, cut to what can be counted here; negative is 0.
fn number(name: &str, text: Option<&str>) -> Result<Option<usize>, Error> {
    let Some(text) = text.map(str::trim) else { return Ok(None) };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::bad_request(
            ScimType::InvalidValue,
            format!("{name} is a whole number, not {text:?}."),
        ));
    }
    // Beyond i64 no backend counts; the largest value means "past the end" and "as many as you give".
    let huge = usize::try_from(i64::MAX / 2).unwrap_or(usize::MAX);
    let value = digits.parse::<usize>().unwrap_or(huge).min(huge);
    Ok(Some(if text.starts_with('-') { 0 } else { value }))
}

/// What a page of `count` of a list of `total` resources says of itself; they themselves, `Resources`, come behind it.
pub fn list_response(total: usize, page: &Page, count: usize) -> Value {
    response(total, count, [("startIndex", Some(page.start_index.into()))])
}

/// The same of a list that is walked by cursors (RFC 9865 §2): no place, but the ways on.
pub fn cursor_response(total: usize, next: Option<String>, previous: Option<String>, count: usize) -> Value {
    let ways = [("previousCursor", previous.map(Value::from)), ("nextCursor", next.map(Value::from))];
    response(total, count, ways)
}

/// The same with the resources themselves.
pub fn with_resources(mut response: Value, resources: impl Iterator<Item = Resource>) -> Value {
    // Moved in: inside of `json!` they would be copied value by value.
    response["Resources"] = resources.map(Value::Object).collect();
    response
}

/// A ListResponse, and where in the list it is.
fn response<const N: usize>(total: usize, count: usize, place: [(&str, Option<Value>); N]) -> Value {
    let mut response = json!({
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "itemsPerPage": count,
    });
    for (name, value) in place {
        if let Some(value) = value {
            response[name] = value;
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_as_the_rfc_says() {
        let page = |start, count| parse(start, count, 100, 200).map(|page| (page.start_index, page.count));
        assert_eq!(page(None, None), Ok((1, 100)));
        assert_eq!(page(Some("0"), Some("-5")), Ok((1, 0)));
        assert_eq!(page(Some("-3"), Some("7")), Ok((1, 7)));
        assert_eq!(page(Some("11"), Some("99999999999999999999999")), Ok((11, 200)));
        assert!(page(Some("x"), None).is_err());
        assert!(page(None, Some("")).is_err());
    }
}
