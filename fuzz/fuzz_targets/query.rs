//! A path and a query below a target: split, decoded, and read as the query of a list.
#![no_main]

use gantry::gateway::Request;
use gantry::scim::filter;
use gantry::scim::method::Method;
use gantry::scim::project::Projection;
use gantry::scim::query::{Paging, Query};
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

fuzz_target!(|text: &str| {
    let Ok(request) = Request::parse(Method::Get, text) else { return };
    let again = Request::parse(Method::Get, &encoded(&request)).unwrap();
    assert_eq!((&again.path, &again.query), (&request.path, &request.query));
    let Ok(query) = Query::of_parameters(|name| request.parameter(name), 100) else { return };
    if let Paging::Index(page) = &query.paging {
        assert!(page.start_index >= 1 && page.count <= 100);
    }
    for kind in kinds() {
        if let Some(parsed) = &query.filter {
            let _ = filter::check(parsed.clone(), &kind.rt);
        }
        let shown = Projection::parse(query.attributes.as_deref(), query.excluded.as_deref(), &kind.rt);
        let Ok(shown) = shown else { continue };
        for resource in &kind.resources {
            let mut once = resource.clone();
            shown.apply(&mut once, &kind.rt);
            let mut twice = once.clone();
            shown.apply(&mut twice, &kind.rt);
            assert_eq!(once, twice);
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
