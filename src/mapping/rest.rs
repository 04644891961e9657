//! What no line stores, as one JSON document beside the resource: [`subtract`] what reads back from the
//! native side, [`merge`] it in again. Elements of an array are joined by `type`, else by `value`; where
//! both sides say something, the native side wins.

use serde_json::{Map, Value as Json};

use super::codes::same;
use crate::scim::resource::Resource;

/// What of `whole` is not in `native`.
pub(super) fn subtract(whole: &Resource, native: &Resource) -> Resource {
    let mut left = Resource::new();
    for (name, value) in whole {
        let remainder = match native.get(name) {
            None => Some(value.clone()),
            Some(stored) => remainder(value, stored),
        };
        if let Some(remainder) = remainder {
            left.insert(name.clone(), remainder);
        }
    }
    left
}

/// `native` with what `left` has beyond it.
pub(super) fn merge(native: &mut Resource, left: Resource) {
    for (name, more) in left {
        match native.get_mut(&name) {
            None => {
                native.insert(name, more);
            }
            Some(Json::Object(stored)) => {
                if let Json::Object(more) = more {
                    merge(stored, more);
                }
            }
            Some(Json::Array(stored)) => {
                if let Json::Array(more) = more {
                    merge_elements(stored, more);
                }
            }
            Some(_) => {}
        }
    }
}

fn remainder(value: &Json, stored: &Json) -> Option<Json> {
    match (value, stored) {
        (Json::Object(value), Json::Object(stored)) => {
            let left = subtract(value, stored);
            (!left.is_empty()).then_some(Json::Object(left))
        }
        (Json::Array(values), Json::Array(stored)) => {
            let mut partners: Vec<&Json> = stored.iter().collect();
            let left: Vec<Json> = values.iter().filter_map(|value| element(value, &mut partners)).collect();
            (!left.is_empty()).then_some(Json::Array(left))
        }
        _ => None,
    }
}

/// What is left of one element when its partner among the stored ones is taken off; a partner serves once.
fn element(value: &Json, partners: &mut Vec<&Json>) -> Option<Json> {
    let Some(at) = partners.iter().position(|stored| joined(value, stored)) else {
        return Some(value.clone());
    };
    let stored = partners.swap_remove(at);
    let (Json::Object(value), Json::Object(stored)) = (value, stored) else { return None };
    let mut left = subtract(value, stored);
    if left.is_empty() {
        return None;
    }
    let key = if value.contains_key("type") && stored.contains_key("type") { "type" } else { "value" };
    if let Some(join) = value.get(key) {
        left.insert(key.to_owned(), join.clone());
    }
    Some(Json::Object(left))
}

fn merge_elements(stored: &mut Vec<Json>, more: Vec<Json>) {
    let native = stored.len();
    let mut taken = vec![false; native];
    for left in more {
        let partner = (0..native).find(|at| !taken[*at] && joined(&left, &stored[*at]));
        match (partner, left) {
            (Some(at), left) => {
                taken[at] = true;
                if let (Json::Object(stored), Json::Object(left)) = (&mut stored[at], left) {
                    merge(stored, left);
                }
            }
            (None, left) => stored.push(left),
        }
    }
}

/// Whether two elements are one: the same `type` and no different `value`, else the same `value`.
fn joined(a: &Json, b: &Json) -> bool {
    let (Json::Object(a), Json::Object(b)) = (a, b) else { return a == b };
    let agree = |key: &str| match (a.get(key), b.get(key)) {
        (Some(a), Some(b)) => Some(same(Some(a), Some(b))),
        _ => None,
    };
    let exact = |a: &Map<String, Json>, b: &Map<String, Json>| match (a.get("value"), b.get("value")) {
        (Some(a), Some(b)) => Some(a == b),
        _ => None,
    };
    match (agree("type"), exact(a, b)) {
        (Some(types), values) => types && values.unwrap_or(true),
        (None, values) => values.unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Json) -> Resource {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_subtracted_comes_back_when_merged() {
        let whole = object(json!({
            "userName": "ada", "title": "Countess", "name": {"givenName": "Ada", "middleName": "King"},
            "emails": [
                {"type": "work", "value": "a@x", "primary": true},
                {"type": "work", "value": "b@x"},
                {"type": "home", "value": "c@x"}
            ]
        }));
        let mut native = object(json!({
            "userName": "ada", "name": {"givenName": "Ada"}, "emails": [{"type": "work", "value": "a@x"}]
        }));
        let left = subtract(&whole, &native);
        assert_eq!(
            Json::Object(left.clone()),
            json!({
                "title": "Countess", "name": {"middleName": "King"},
                "emails": [{"primary": true, "type": "work"}, {"type": "work", "value": "b@x"}, {"type": "home", "value": "c@x"}]
            })
        );
        merge(&mut native, left);
        assert_eq!(native, whole);
    }

    #[test]
    fn the_native_side_wins_where_both_speak() {
        let mut native = object(json!({"title": "Dr", "emails": [{"type": "work", "value": "new@x"}]}));
        merge(&mut native, object(json!({"title": "Mr", "emails": [{"type": "work", "primary": true}]})));
        assert_eq!(
            Json::Object(native),
            json!({"title": "Dr", "emails": [{"type": "work", "value": "new@x", "primary": true}]})
        );
    }
}
