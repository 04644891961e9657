//! A bulk request: parsed, put into turns, its references resolved.
#![no_main]

use std::collections::BTreeSet;

use gantry::scim::bulk::{Bulk, Turn, resolve, without};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|octets: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(octets) else { return };
    let Ok(bulk) = Bulk::parse(&body) else { return };
    let turns = bulk.turns();
    // Each operation has one turn.
    let mut done = BTreeSet::new();
    for turn in &turns {
        match turn {
            Turn::One(at) => assert!(done.insert(*at)),
            Turn::Circle(circle) => circle.iter().for_each(|at| assert!(done.insert(*at))),
        }
    }
    assert_eq!(done, (0..bulk.operations.len()).collect());
    let mut ids = bulk.ids();
    for turn in &turns {
        let circle = match turn {
            Turn::One(at) => vec![*at],
            Turn::Circle(circle) => circle.clone(),
        };
        let members: Vec<_> = circle.iter().map(|at| &bulk.operations[*at]).collect();
        let referred: BTreeSet<&str> = members.iter().filter_map(|one| one.bulk_id.as_deref()).collect();
        let data = |of: &gantry::scim::bulk::Operation| of.asked.as_ref().ok().and_then(|asked| asked.data.clone());
        // What is left of a circle hangs on nothing that comes later.
        for operation in &members {
            let Some(data) = data(operation) else { continue };
            let left = without(&data, &referred);
            if let Err(error) = resolve(&left, &ids) {
                assert!(!error.detail.contains("did not succeed"), "{error}");
            }
        }
        for bulk_id in referred {
            if let Some(id) = ids.get_mut(bulk_id) {
                *id = Some("made".to_owned());
            }
        }
        for operation in &members {
            let Some(data) = data(operation) else { continue };
            if let Err(error) = resolve(&data, &ids) {
                assert!(!error.detail.contains("did not succeed"), "{error}");
            }
        }
    }
});
