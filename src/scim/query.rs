//! What is asked of a list (RFC 7644 §3.4.2, RFC 9865): filter, sort, page and projection. One reading for
//! the parameters of a GET and for the SearchRequest of a POST to `.search` (RFC 7644 §3.4.3).
//!
//! Names are not looked up here: which types are asked is not known yet.

use serde_json::{Map, Value};

use super::body::{member, syntax, wrong_type};
use super::error::{Error, ScimType};
use super::filter::{self, Filter};
use super::page::{self, Page};
use super::sort::SortBy;

/// The URN of a query's body.
const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Which resources.
    pub filter: Option<Filter>,
    /// In which order.
    pub sort: Option<SortBy>,
    /// Which page of them.
    pub paging: Paging,
    /// `attributes`, a list with commas.
    pub attributes: Option<String>,
    /// `excludedAttributes`, a list with commas.
    pub excluded: Option<String>,
}

/// How the list is paged. By index unless a cursor is asked for (RFC 9865 §2.4: the method that clients
/// without a cursor expect).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paging {
    /// From a place in the list.
    Index(Page),
    /// From a cursor; an empty one begins.
    Cursor {
        /// What the client sent.
        cursor: String,
        /// How many at the most; absent: as many as on the page that the cursor came with.
        count: Option<usize>,
    },
}

/// The parameters as texts, wherever they came from.
#[derive(Default)]
struct Texts {
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<String>,
    count: Option<String>,
    cursor: Option<String>,
    attributes: Option<String>,
    excluded: Option<String>,
}

// === impl Query ===

impl Query {
    /// From the parameters of a GET; `parameter` gives the first value of a name. `page_size` is what is
    /// given when `count` is absent, and the most that is given.
    pub fn of_parameters<'a>(
        parameter: impl Fn(&str) -> Option<&'a str>,
        page_size: usize,
    ) -> Result<Self, Error> {
        let text = |name: &str| parameter(name).map(str::to_owned);
        Texts {
            filter: text("filter"),
            sort_by: text("sortBy"),
            sort_order: text("sortOrder"),
            start_index: text("startIndex"),
            count: text("count"),
            cursor: text("cursor"),
            attributes: text("attributes"),
            excluded: text("excludedAttributes"),
        }
        .read(page_size)
    }

    /// From the body of a POST to `.search`: names in any case, null is absent, what is not known is left
    /// aside. 400 `invalidSyntax` when it is no SearchRequest, 400 `invalidValue` that names the attribute
    /// when its type is wrong.
    pub fn of_body(body: &Value, page_size: usize) -> Result<Self, Error> {
        let Value::Object(body) = body else { return Err(syntax("The body is no JSON object.")) };
        let is_request =
            |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(SEARCH_REQUEST));
        if !member(body, "schemas").and_then(Value::as_array).is_some_and(|urns| urns.iter().any(is_request))
        {
            return Err(syntax(&format!("The body's schemas lack {SEARCH_REQUEST}.")));
        }
        Texts {
            filter: text(body, "filter")?,
            sort_by: text(body, "sortBy")?,
            sort_order: text(body, "sortOrder")?,
            start_index: whole(body, "startIndex")?,
            count: whole(body, "count")?,
            cursor: text(body, "cursor")?,
            attributes: names(body, "attributes")?,
            excluded: names(body, "excludedAttributes")?,
        }
        .read(page_size)
    }
}

// === impl Texts ===

impl Texts {
    fn read(self, page_size: usize) -> Result<Query, Error> {
        let parsed = |text: String| {
            filter::parse(&text)
                .map_err(|error| Error::bad_request(ScimType::InvalidFilter, error.to_string()))
        };
        Ok(Query {
            paging: self.paging(page_size)?,
            filter: self.filter.map(parsed).transpose()?,
            sort: SortBy::parse(self.sort_by.as_deref(), self.sort_order.as_deref())?,
            attributes: self.attributes,
            excluded: self.excluded,
        })
    }

    fn paging(&self, page_size: usize) -> Result<Paging, Error> {
        let (start_index, count) = (self.start_index.as_deref(), self.count.as_deref());
        match (&self.cursor, start_index) {
            (None, _) => page::parse(start_index, count, page_size, page_size).map(Paging::Index),
            (Some(_), Some(_)) => {
                let detail = "cursor and startIndex exclude each other: each asks for a way of paging.";
                Err(Error::bad_request(ScimType::InvalidValue, detail))
            }
            (Some(cursor), None) => Ok(Paging::Cursor {
                cursor: cursor.clone(),
                count: page::count_with_cursor(count, page_size)?,
            }),
        }
    }
}

/// A member that is not null.
fn given<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    member(body, name).filter(|value| !value.is_null())
}

fn text(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match given(body, name) {
        None => Ok(None),
        Some(Value::String(text)) if text.contains('\0') => Err(wrong_type(name, "a text without U+0000")),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(wrong_type(name, "a text")),
    }
}

/// A whole number, as its digits. One that is too large for an integer comes as a float without a fraction.
fn whole(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match given(body, name) {
        None => Ok(None),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        Some(Value::Number(number)) if number.as_f64().is_some_and(|number| number.fract() == 0.0) => {
            Ok(number.as_f64().map(|number| format!("{number:.0}")))
        }
        Some(_) => Err(wrong_type(name, "a whole number")),
    }
}

fn names(body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    let wanted = || wrong_type(name, "an array of texts");
    match given(body, name) {
        None => Ok(None),
        Some(Value::Array(items)) => {
            let names: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
            Ok(Some(names.ok_or_else(wanted)?.join(",")))
        }
        Some(_) => Err(wanted()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_get(pairs: &[(&str, &str)]) -> Result<Query, Error> {
        let first = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
        Query::of_parameters(first, 100)
    }

    fn of_post(mut body: Value) -> Result<Query, Error> {
        body["schemas"] = json!([SEARCH_REQUEST]);
        Query::of_body(&body, 100)
    }

    fn refused(query: Result<Query, Error>, kind: ScimType, word: &str) {
        let error = query.unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(kind)), "{error}");
        assert!(error.detail.contains(word), "{error}");
    }

    #[test]
    fn a_get_and_a_post_that_ask_the_same_are_the_same() {
        let pairs = [
            ("filter", "userName sw \"a\""),
            ("sortBy", "name.familyName"),
            ("sortOrder", "Descending"),
            ("startIndex", "3"),
            ("count", "7"),
            ("attributes", "userName,emails"),
        ];
        let body = json!({
            "FILTER": "userName sw \"a\"", "sortBy": "name.familyName", "sortOrder": "Descending",
            "startIndex": 3, "count": 7, "attributes": ["userName", "emails"], "other": {}, "cursor": null,
        });
        assert_eq!(of_get(&pairs), of_post(body));
        assert_eq!(of_get(&[("cursor", ""), ("count", "5")]), of_post(json!({ "cursor": "", "count": 5 })));
        assert_eq!(of_get(&[("count", "-4")]), of_post(json!({ "count": -4 })));
        assert_eq!(of_get(&[("count", "99999999999999999999999")]), of_post(json!({ "count": 1e23 })));
        assert_eq!(of_get(&[]), of_post(json!({})));
    }

    #[test]
    fn mistakes_name_what_is_wrong() {
        for (body, word) in [
            (json!({ "count": "7" }), "count must be a whole number"),
            (json!({ "startIndex": 1.5 }), "startIndex must be a whole number"),
            (json!({ "filter": 3 }), "filter must be a text"),
            (json!({ "attributes": "userName" }), "attributes must be an array"),
            (json!({ "excludedAttributes": [1] }), "excludedAttributes must be an array"),
            (json!({ "sortBy": "userName", "sortOrder": "up" }), "sortOrder"),
            (json!({ "sortBy": "emails[type eq \"work\"]" }), "sortBy"),
            (json!({ "cursor": "", "startIndex": 1 }), "exclude each other"),
        ] {
            refused(of_post(body), ScimType::InvalidValue, word);
        }
        refused(of_post(json!({ "filter": "userName" })), ScimType::InvalidFilter, "operator");
        refused(Query::of_body(&json!([]), 9), ScimType::InvalidSyntax, "no JSON object");
        refused(Query::of_body(&json!({ "count": 1 }), 9), ScimType::InvalidSyntax, SEARCH_REQUEST);
        for count in ["x", "", "101", "1.5"] {
            refused(of_get(&[("cursor", ""), ("count", count)]), ScimType::InvalidCount, "count");
        }
    }

    #[test]
    fn a_count_with_a_cursor_is_as_rfc_9865_says() {
        for (count, expected) in [("-3", 0), ("0", 0), ("100", 100)] {
            let paging = Paging::Cursor { cursor: String::new(), count: Some(expected) };
            assert_eq!(of_get(&[("cursor", ""), ("count", count)]).unwrap().paging, paging);
        }
    }
}
