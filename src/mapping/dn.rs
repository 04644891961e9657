//! So much of a DN (RFC 4514) as tells whether what a function made of values is a place below a base, and whether a value
//! made more of it than a value. Comparing is the directory's business.

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

/// Whether a DN is the base or stands below it.
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
