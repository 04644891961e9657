//! A path and a query below a target: split, decoded, and each parameter read.
#![no_main]

use gantry::gateway::{Method, Request};
use gantry::http::parse_target;
use gantry::scim::project::Projection;
use gantry::scim::{filter, page};
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

fuzz_target!(|text: &str| {
    let Ok(request) = parse_target(Method::Get, text) else { return };
    let again = parse_target(Method::Get, &encoded(&request)).unwrap();
    assert_eq!((&again.path, &again.query), (&request.path, &request.query));
    let asked = |name: &str| request.parameter(name);
    if let Ok(page) = page::parse(asked("startIndex"), asked("count"), 100, 200) {
        assert!(page.start_index >= 1 && page.count <= 200);
    }
    for kind in kinds() {
        if let Some(Ok(parsed)) = asked("filter").map(filter::parse) {
            let _ = filter::check(parsed, &kind.rt);
        }
        if let Ok(shown) = Projection::parse(asked("attributes"), asked("excludedAttributes"), &kind.rt) {
            for resource in &kind.resources {
                let mut once = resource.clone();
                shown.apply(&mut once, &kind.rt);
                let mut twice = once.clone();
                shown.apply(&mut twice, &kind.rt);
                assert_eq!(once, twice);
            }
        }
    }
});

fn encoded(request: &Request) -> String {
    let encode = |text: &String| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path: String = request.path.iter().map(|segment| format!("/{}", encode(segment))).collect();
    let pairs: Vec<String> =
        request.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    // One slash at the end adds no segment.
    format!("{path}/?{}", pairs.join("&"))
}
