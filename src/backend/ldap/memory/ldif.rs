//! Entries as LDIF has them (RFC 2849), as `ldapsearch` prints them or as a person writes them.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::dn::Dn;
use super::Held;

/// All entries of a file. The error says what is wrong, and in which line.
pub(super) fn parse(text: &str) -> Result<Vec<Held>, String> {
    let (mut entries, mut current): (Vec<Held>, Option<Held>) = (Vec::new(), None);
    let mut skips = false;
    for (number, line) in unfolded(text) {
        let wrong = |why: &str| format!("line {number}: {why}");
        if line.is_empty() {
            entries.extend(current.take());
            skips = false;
            continue;
        }
        let (name, value) = pair(&line).map_err(|why| wrong(&why))?;
        match (&mut current, name.to_ascii_lowercase().as_str()) {
            _ if skips => {}
            (None, "version") => {}
            // What `ldapsearch` says behind the last one.
            (None, "search" | "result") => skips = true,
            (None, "dn") => current = Some(begun(value).ok_or_else(|| wrong("this is no DN"))?),
            (None, _) => return Err(wrong("an entry begins with `dn:`")),
            (Some(_), "changetype") => {
                return Err(wrong("these are entries as they are, and no changes"));
            }
            // An attribute's options, such as a language, are left out, as they are of a server's answers.
            (Some(held), _) => held.add(name.split(';').next().unwrap_or(&name), value),
        }
    }
    entries.extend(current);
    let mut names = BTreeSet::new();
    match entries.iter().find(|entry| !names.insert(entry.name.normalised())) {
        Some(twice) => Err(format!("{} is there twice", twice.dn)),
        None => Ok(entries),
    }
}

fn begun(dn: Vec<u8>) -> Option<Held> {
    let dn = String::from_utf8(dn).ok()?;
    let name = Dn::parse(&dn).filter(|name| !name.naming().is_empty())?;
    Some(Held { dn, name, attributes: Vec::new() })
}

/// Lines with what was folded put together again, comments left out, each with its number.
fn unfolded(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match (line.strip_prefix(' '), lines.last_mut()) {
            (Some(more), Some((_, before))) if !before.is_empty() => before.push_str(more),
            _ => lines.push((at + 1, line.to_owned())),
        }
    }
    lines.retain(|(_, line)| !line.starts_with('#'));
    lines
}

fn pair(line: &str) -> Result<(String, Vec<u8>), String> {
    let (name, value) = line.split_once(':').ok_or("neither `name: value` nor `name:: base64`")?;
    let octets = match value.strip_prefix(':') {
        Some(text) => STANDARD.decode(text.trim()).map_err(|cause| format!("no base64: {cause}"))?,
        None if value.starts_with('<') => return Err("values are not taken from other files".to_owned()),
        None => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok((name.to_owned(), octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ldapsearch_prints_is_taken() {
        let text = "# extended LDIF\n#\n# a comment that is\n  folded\nversion: 1\n\n# ann, x\ndn: uid=ann,dc=x\n\
            uid: ann\ndescription: long and\n  folded\ncn;lang-de: An\ncn:: w4Q=\nmail:\n\n\
            dn:: dWlkPcOkLGRjPXg=\r\nuid: b\r\n\n# search result\nsearch: 2\nresult: 0 Success\n\n# numEntries: 2\n";
        let entries = parse(text).unwrap();
        assert_eq!(
            entries.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(),
            ["uid=ann,dc=x", "uid=ä,dc=x"]
        );
        assert_eq!(entries[0].values("DESCRIPTION"), [b"long and folded".to_vec()]);
        assert_eq!(entries[0].values("cn"), [b"An".to_vec(), "Ä".as_bytes().to_vec()]);
        assert_eq!(entries[0].values("mail"), [b"".to_vec()]);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        for (text, told) in [
            ("dn: uid=a,dc=x\nnonsense\n", "line 2: neither"),
            ("uid: a\n", "line 1: an entry begins with"),
            ("\ndn: no name\n", "line 2: this is no DN"),
            ("dn: uid=a\nchangetype: add\n", "line 2: these are entries"),
            ("dn: uid=a\ncn:: %\n", "line 2: no base64"),
            ("dn: uid=a\njpegPhoto:< file:///etc/passwd\n", "line 2: values are not taken"),
            ("dn: uid=a\n\ndn: UID=A\n", "UID=A is there twice"),
        ] {
            let found = parse(text).unwrap_err();
            assert!(found.starts_with(told), "{text}: {found}");
        }
    }
}
