//! A cursor that a client sends back: sealed text, and the octets within.
#![no_main]

use std::sync::LazyLock;

use gantry::gateway::Cursors;
use gantry::plan::Secret;
use gantry::scim::cursor::Cursor;
use libfuzzer_sys::fuzz_target;

static CURSORS: LazyLock<Cursors> =
    LazyLock::new(|| Cursors::new(Some(&Secret::text("a secret of the fuzz target's"))).unwrap());

fuzz_target!(|octets: &[u8]| {
    if let Ok(text) = std::str::from_utf8(octets) {
        assert!(CURSORS.open("Users", text).is_err(), "a cursor that nobody made is taken");
    }
    let Some(cursor) = Cursor::decode(octets) else { return };
    assert_eq!(Cursor::decode(&cursor.encode()).as_ref(), Some(&cursor));
    let _ = cursor.check(Some(7), 60, cursor.made);
    let sealed = CURSORS.seal("Users", &cursor).unwrap();
    assert!(CURSORS.open("Groups", &sealed).is_err(), "a cursor of another list is taken");
    // One that is longer than what is taken back is refused.
    if let Ok(opened) = CURSORS.open("Users", &sealed) {
        assert_eq!(opened, cursor);
    }
});
