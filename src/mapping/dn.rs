//! DNs as a mapping writes them (RFC 4514): whether a text is one, and whether one is below another. What servers take
//! for the same beyond case and blanks, only they know.

/// Whether this can name an attribute of an entry: a descriptor or a number (RFC 4512 §1.4), with options or without.
/// Some servers have names with `_`.
pub(super) fn is_attribute(name: &str) -> bool {
    let is_number = |part: &str| part.split('.').all(|arc| arc.parse::<u64>().is_ok());
    let is_word = |part: &str| part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let mut parts = name.split(';');
    let own = parts.next().unwrap_or_default();
    let is_name = own.starts_with(|c: char| c.is_ascii_alphabetic()) && is_word(own);
    (is_name || own.contains('.') && is_number(own))
        && parts.all(|option| !option.is_empty() && is_word(option))
}

/// Whether this may be a DN: it begins with an attribute. What is behind it only servers read, in more ways than one.
pub(super) fn is_dn(text: &str) -> bool {
    text.split_once('=').is_some_and(|(name, _)| is_attribute(name.trim()))
}

/// Whether a DN is another one, or below it.
pub(super) fn is_within(dn: &str, base: &str) -> bool {
    let [dn, base] = [dn, base].map(|dn| parts(&dn.to_lowercase()));
    dn.ends_with(&base)
}

/// The parts between commas, without the blanks that mean nothing.
fn parts(dn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut is_escaped = false;
    for c in dn.chars() {
        match c {
            ',' if !is_escaped => parts.push(String::new()),
            c => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    let tidy = |part: &String| match part.split_once('=') {
        Some((name, value)) => format!("{}={}", name.trim(), value.trim()),
        None => part.trim().to_owned(),
    };
    parts.iter().map(tidy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dns_and_attributes_are_told_from_other_texts() {
        for dn in [
            "ou=people,dc=x",
            "OU = a\\,b , dc=x",
            "cn=x",
            "2.5.4.3=x,o=\"a, b\"",
            "cn=a+sn=b,dc=x",
            "ou=a,b",
        ] {
            assert!(is_dn(dn), "{dn}");
        }
        for text in ["people", "", "dc", "a b=c", "=x", "people,dc=x"] {
            assert!(!is_dn(text), "{text}");
        }
        for name in ["cn", "userCertificate;binary", "2.5.4.3", "x-y_z", "cn;lang-de"] {
            assert!(is_attribute(name), "{name}");
        }
        for name in ["", "a b", "(cn=*)", "posix.title", "5", "cn;", "a,b", "1a"] {
            assert!(!is_attribute(name), "{name}");
        }
    }

    #[test]
    fn a_place_is_within_another_whatever_the_blanks() {
        assert!(is_within("OU=gone, ou=people,dc=x", "ou=people, dc=x"));
        assert!(is_within("ou=people,dc=x", "ou=people,dc=x"));
        assert!(!is_within("ou=notpeople,dc=x", "ou=people,dc=x"));
        assert!(!is_within("ou=gone,dc=x", "ou=people,dc=x"));
    }
}
