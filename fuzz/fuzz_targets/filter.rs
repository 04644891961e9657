//! A filter from a client: parsed, printed, checked against a resource type, and asked of resources.
#![no_main]

use gantry::scim::evaluate::{Folding, matches};
use gantry::scim::filter;
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;

/// How long a filter may be; a printed one has more spaces than its source.
const BYTES: usize = 16 * 1024;

fuzz_target!(|text: &str| {
    let parsed = match filter::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return assert!(text.is_char_boundary(error.position), "{error}"),
    };
    let printed = parsed.to_string();
    if printed.len() <= BYTES {
        assert_eq!(filter::parse(&printed).as_ref(), Ok(&parsed), "{printed}");
    }
    for kind in kinds() {
        let Ok(checked) = filter::check(parsed.clone(), &kind.rt) else { continue };
        assert_eq!(filter::check(checked.clone(), &kind.rt).as_ref(), Ok(&checked));
        for resource in &kind.resources {
            for folding in [Folding::Ascii, Folding::Unicode, Folding::Directory] {
                matches(&checked, resource, &kind.rt, folding);
            }
        }
    }
});
