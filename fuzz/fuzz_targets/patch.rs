//! A PATCH body: parsed, and done to resources.
#![no_main]

use std::collections::BTreeSet;
use std::slice::from_ref;

use gantry::scim::patch::{self, Operation, Rules};
use gantry::scim::resource::{self, Resource};
use gantry::scim::schema::ResourceType;
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|octets: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(octets) else { return };
    for kind in kinds() {
        let Ok(operations) = patch::parse(&body, &kind.rt) else { continue };
        for before in &kind.resources {
            for create_on_missing in [false, true] {
                done(before, &operations, &kind.rt, &Rules { create_on_missing, ..Rules::default() });
            }
        }
    }
});

fn done(before: &Resource, operations: &[Operation], rt: &ResourceType, rules: &Rules) {
    let apply = |to: &Resource, operations: &[Operation]| patch::apply(to, operations, rt, rules);
    let Ok(after) = apply(before, operations) else { return };
    // What came of it is what a client could have sent: every value of its type, one primary, nothing empty.
    let parsed = resource::parse(&Value::Object(after.clone()), rt);
    assert_eq!(parsed.map(|parsed| parsed.resource), Ok(after.clone()));
    // Together they do what they do one by one.
    let one_by_one =
        operations.iter().try_fold(before.clone(), |resource, one| apply(&resource, from_ref(one)));
    assert_eq!(one_by_one, Ok(after.clone()));
    // A change of an attribute, once more, changes nothing; a filter may no longer match.
    if let [only] = operations
        && only.target.filter.is_none()
    {
        assert_eq!(apply(&after, operations), Ok(after.clone()));
    }
    members(before, operations, rt, &after);
}

/// Members that come and go by value are the same ones as those of the whole resource.
fn members(before: &Resource, operations: &[Operation], rt: &ResourceType, after: &Resource) {
    let Some(delta) = patch::delta(operations, rt).filter(|delta| delta.attribute.name == "members") else {
        return;
    };
    let mut values = values(before);
    delta.remove.iter().for_each(|gone| assert!(values.remove(gone) || !values.contains(gone)));
    values.extend(delta.add.iter().filter_map(|new| new["value"].as_str().map(str::to_owned)));
    assert_eq!(values, self::values(after));
}

fn values(resource: &Resource) -> BTreeSet<String> {
    let members = resource.get("members").and_then(Value::as_array).into_iter().flatten();
    members.filter_map(|member| member["value"].as_str().map(str::to_owned)).collect()
}
