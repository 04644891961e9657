//! DNs as a mapping writes and makes them (RFC 4514): whether a text may be one, whether what a function made of values is a
//! place below a base, and whether a value made more of it than a value. What servers take for the same beyond case and
//! blanks, only they know.

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

/// Its RDNs, the first its own, in lower case and without blanks around; `None` where it is no DN.
pub(super) fn rdns(dn: &str) -> Option<Vec<String>> {
    let (mut rdns, mut rdn, mut is_escaped) = (Vec::new(), String::new(), false);
    for sign in dn.chars() {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            ',' | ';' => {
                rdns.push(std::mem::take(&mut rdn));
                continue;
            }
            _ => {}
        }
        rdn.push(sign);
    }
    rdns.push(rdn);
    let tidy = |rdn: &String| {
        let (attribute, value) = rdn.split_once('=')?;
        let (attribute, value) = (attribute.trim(), value.trim());
        let is_one = !attribute.is_empty() && !value.is_empty();
        is_one.then(|| format!("{attribute}={value}").to_lowercase())
    };
    rdns.iter().map(tidy).collect()
}

/// Whether a DN is the base or stands below it; both are RDNs.
pub(super) fn is_within(dn: &[String], base: &[String]) -> bool {
    dn.ends_with(base)
}

/// Whether this value, which a client may have sent, stands in a DN so that its signs are the DN's own.
pub(super) fn is_spliced(dn: &str, value: &str) -> bool {
    value.contains([',', ';', '+', '"', '\\', '<', '>']) && dn.contains(value)
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
    fn a_dn_is_its_rdns() {
        let found = rdns("OU=a\\,b, ou=People,dc=x").unwrap();
        assert_eq!(found, ["ou=a\\,b", "ou=people", "dc=x"]);
        assert!(is_within(&found, &rdns("ou=people, DC=x").unwrap()));
        assert!(!is_within(&found, &rdns("ou=leavers,dc=x").unwrap()));
        for text in ["", "people", "ou=,dc=x", "a,ou=x"] {
            assert_eq!(rdns(text), None, "{text}");
        }
    }

    #[test]
    fn a_value_that_is_not_escaped_is_seen() {
        assert!(is_spliced("ou=x,ou=admins,dc=x", "x,ou=admins"));
        assert!(!is_spliced("ou=x\\,ou\\=admins,dc=x", "x,ou=admins"));
        assert!(!is_spliced("ou=Sales,dc=x", "Sales"));
    }
}
