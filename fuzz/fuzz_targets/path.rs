//! A PATCH path, or the path of an attribute: parsed, printed, and looked up in a resource type.
#![no_main]

use gantry::scim::path::{Path, canonical, parse_path};
use gantry_fuzz::kinds;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = match parse_path(text) {
        Ok(path) => path,
        Err(error) => return assert!(text.is_char_boundary(error.position), "{error}"),
    };
    let printed = printed(&path);
    assert_eq!(parse_path(&printed).as_ref(), Ok(&path), "{printed}");
    for kind in kinds() {
        let Some(found) = canonical(&path.attr, &kind.rt) else { continue };
        assert_eq!(canonical(&found, &kind.rt).as_ref(), Some(&found));
        // The bare URN of an extension leads to its object and to no attribute.
        assert_eq!(kind.rt.find(&found).is_none(), found.name.is_empty());
    }
});

fn printed(path: &Path) -> String {
    let filter = path.filter.as_ref().map(|filter| format!("[{filter}]")).unwrap_or_default();
    let sub = path.sub.as_ref().map(|sub| format!(".{sub}")).unwrap_or_default();
    format!("{}{filter}{sub}", path.attr)
}
