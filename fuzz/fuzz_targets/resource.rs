//! A resource's body: parsed, put in place of another, and shown.
#![no_main]

use gantry::scim::project::Projection;
use gantry::scim::resource;
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|octets: &[u8]| {
    let Ok(body) = serde_json::from_slice::<Value>(octets) else { return };
    for kind in kinds() {
        let Ok(parsed) = resource::parse(&body, &kind.rt) else { continue };
        let canonical = Value::Object(parsed.resource.clone());
        let again = resource::parse(&canonical, &kind.rt);
        assert_eq!(again.map(|again| again.resource), Ok(parsed.resource.clone()));
        for before in &kind.resources {
            let Ok(mut after) = resource::replace(before, &parsed, &kind.rt) else { continue };
            assert_eq!(resource::replace(&after, &parsed, &kind.rt), Ok(after.clone()));
            let _ = resource::require(&after, &kind.rt);
            if let Ok(projection) = Projection::parse(None, None, &kind.rt) {
                projection.apply(&mut after, &kind.rt);
                assert!(!after.contains_key("password"));
            }
        }
    }
});
