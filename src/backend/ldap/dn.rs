//! Distinguished names (RFC 4514): taken apart, compared, and built from values that clients sent.
//! Knows no schema: every naming attribute is compared as caseIgnoreMatch would.

use crate::backend::Failure;

/// A distinguished name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dn {
    /// The first RDN's attributes and values, escapes undone.
    naming: Vec<Ava>,
    /// Each RDN in normalised form, the entry's own first.
    rdns: Vec<String>,
}

/// An attribute and its value in an RDN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ava {
    /// The attribute as written.
    pub attribute: String,
    /// The value's octets, escapes undone.
    pub value: Vec<u8>,
}

/// Text as caseIgnoreMatch compares it: lower case, outer spaces away, runs of spaces one.
pub(super) fn fold(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// An RDN of one attribute. Refused with a text for the client when the value cannot stand in a name.
pub(super) fn rdn(attribute: &str, value: &str) -> Result<String, Failure> {
    if value.trim().is_empty() || value.contains('\0') {
        let client = format!("{attribute}: this value cannot be an entry's name in a directory");
        return Err(Failure::Rejected(client, "an RDN that is blank or holds NUL".to_owned()));
    }
    Ok(format!("{attribute}={}", ldap3::dn_escape(value)))
}

/// The DN of the entry with this RDN right below `parent`.
pub(super) fn below(rdn: &str, parent: &str) -> String {
    if parent.is_empty() { rdn.to_owned() } else { format!("{rdn},{parent}") }
}

/// A DN's first RDN and what is above it, both as written. `None` when it is not a DN.
pub(super) fn split(dn: &str) -> Option<(&str, &str)> {
    Dn::parse(dn)?;
    let mut escaped = false;
    for (at, octet) in dn.bytes().enumerate() {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b',' | b';' => return Some((dn.get(..at)?, dn.get(at + 1..)?.trim_start())),
            _ => {}
        }
    }
    Some((dn, ""))
}

// === impl Dn ===

impl Dn {
    /// Takes a DN apart. `None` when it is not one; the empty text is the root's name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim_start_matches(' ').as_bytes();
        let (mut naming, mut rdns) = (Vec::new(), Vec::new());
        while !rest.is_empty() || !rdns.is_empty() {
            let (avas, more) = parse_rdn(&mut rest)?;
            rdns.push(normalised(&avas));
            if rdns.len() == 1 {
                naming = avas;
            }
            if !more {
                break;
            }
        }
        Some(Self { naming, rdns })
    }

    /// The first RDN's attributes and values.
    pub(super) fn naming(&self) -> &[Ava] {
        &self.naming
    }

    /// The first RDN's value of this attribute, when the RDN has no other and the value is text.
    pub(super) fn named_by(&self, attribute: &str) -> Option<&str> {
        match self.naming.as_slice() {
            [ava] if ava.attribute.eq_ignore_ascii_case(attribute) => std::str::from_utf8(&ava.value).ok(),
            _ => None,
        }
    }

    /// The first RDN's value of this attribute, when it has one that is text.
    pub(super) fn value_of(&self, attribute: &str) -> Option<String> {
        let ava = self.naming.iter().find(|ava| ava.attribute.eq_ignore_ascii_case(attribute))?;
        String::from_utf8(ava.value.clone()).ok()
    }

    /// The one text that all spellings of this name share.
    pub(super) fn normalised(&self) -> String {
        self.rdns.join(",")
    }

    /// Whether it is `base` or stands below it.
    pub(super) fn under(&self, base: &Self) -> bool {
        self.rdns.ends_with(&base.rdns)
    }
}

fn normalised(avas: &[Ava]) -> String {
    let mut parts: Vec<String> = avas.iter().map(Ava::normalised).collect();
    parts.sort_unstable();
    parts.join("+")
}

impl Ava {
    fn normalised(&self) -> String {
        let attribute = self.attribute.to_ascii_lowercase();
        match std::str::from_utf8(&self.value) {
            Ok(text) => format!("{attribute}={}", ldap3::dn_escape(fold(text))),
            Err(_) => format!("{attribute}=#{}", hex(&self.value)),
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

// === The grammar ===

/// One RDN off the front; the flag says whether a separator, and so another RDN, follows.
fn parse_rdn(rest: &mut &[u8]) -> Option<(Vec<Ava>, bool)> {
    let mut avas = Vec::new();
    loop {
        let attribute = parse_attribute(rest)?;
        let value = parse_value(rest)?;
        avas.push(Ava { attribute, value });
        match take(rest) {
            None => return Some((avas, false)),
            Some(b'+') => {}
            Some(b',' | b';') => return Some((avas, true)),
            Some(_) => return None,
        }
    }
}

fn take(rest: &mut &[u8]) -> Option<u8> {
    let (first, tail) = rest.split_first()?;
    *rest = tail;
    Some(*first)
}

fn parse_attribute(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|octet| *octet == b'=')?;
    let name = std::str::from_utf8(rest.get(..end)?).ok()?.trim_matches(' ');
    *rest = rest.get(end + 1..)?;
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-' || octet == b'.';
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_owned())
}

/// A value up to its separator, which stays. Spaces around it that are not escaped do not count.
fn parse_value(rest: &mut &[u8]) -> Option<Vec<u8>> {
    while rest.first() == Some(&b' ') {
        take(rest);
    }
    if rest.first() == Some(&b'#') {
        take(rest);
        return parse_hex(rest);
    }
    let (mut value, mut counted) = (Vec::new(), 0);
    while let Some(&octet) = rest.first() {
        if matches!(octet, b',' | b';' | b'+') {
            break;
        }
        take(rest);
        match octet {
            b'\\' => value.push(parse_escape(rest)?),
            0 | b'"' | b'<' | b'>' => return None,
            plain => value.push(plain),
        }
        if octet != b' ' {
            counted = value.len();
        }
    }
    value.truncate(counted);
    Some(value)
}

fn parse_escape(rest: &mut &[u8]) -> Option<u8> {
    let first = take(rest)?;
    match (digit(first), rest.first().copied().and_then(digit)) {
        (Some(high), Some(low)) => {
            take(rest);
            Some(high << 4 | low)
        }
        (Some(_), None) => None,
        (None, _) => Some(first),
    }
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `#` and hex digits: a BER value. The content of a short string type is the value; else the BER itself.
fn parse_hex(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut ber = Vec::new();
    while let Some(high) = rest.first().copied().and_then(digit) {
        take(rest);
        ber.push(high << 4 | digit(take(rest)?)?);
    }
    while rest.first() == Some(&b' ') {
        take(rest);
    }
    match ber.as_slice() {
        [0x04 | 0x0c | 0x13 | 0x16, length, content @ ..] if usize::from(*length) == content.len() => {
            Some(content.to_vec())
        }
        [] => None,
        _ => Some(ber),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(text: &str) -> String {
        Dn::parse(text).unwrap().normalised()
    }

    #[test]
    fn spellings_of_one_name_are_equal() {
        assert_eq!(normal("CN=Smith\\2C  John , OU=People,dc=x"), normal("cn=smith\\, john,ou=people,DC=X"));
        assert_eq!(normal("b=2+a=1,dc=x"), normal("A=1 + B=2,dc=x"));
        assert_eq!(normal("cn=#04024869"), normal("cn=hi"));
        assert_eq!(normal("cn=\\20a\\20"), normal("cn=a"));
        assert_ne!(normal("cn=a\\,dc\\=x"), normal("cn=a,dc=x"));
        assert_ne!(normal("cn=a b"), normal("cn=ab"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        for text in ["cn", "=x", "cn=x,", "c n=x", "cn=\\4", "cn=#4", "cn=a\"b", "cn=\0", "cn=x,,dc=y"] {
            assert_eq!(Dn::parse(text), None, "{text:?}");
        }
        assert_eq!(Dn::parse("").unwrap().rdns.len(), 0);
    }

    #[test]
    fn under_compares_whole_rdns() {
        let base = Dn::parse("ou=people,dc=x").unwrap();
        assert!(Dn::parse("uid=a,OU=People, dc=x").unwrap().under(&base));
        assert!(!Dn::parse("uid=a,ou=other,dc=x").unwrap().under(&base));
        assert!(!Dn::parse("uid=a\\,ou=people,dc=x").unwrap().under(&base));
        assert!(base.under(&Dn::parse("").unwrap()));
    }

    #[test]
    fn splits_at_the_first_separator_that_is_one() {
        assert_eq!(split("cn=a\\,b\\2c,ou=x,dc=y"), Some(("cn=a\\,b\\2c", "ou=x,dc=y")));
        assert_eq!(split("cn=a"), Some(("cn=a", "")));
        assert_eq!(split("nonsense"), None);
    }

    #[test]
    fn a_name_that_cannot_be_is_refused() {
        for value in ["", "  ", "a\0b"] {
            assert!(matches!(rdn("uid", value), Err(Failure::Rejected(..))), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_built_parses_back(value in "[^\0]{1,40}") {
            prop_assume!(!value.trim().is_empty());
            let dn = below(&rdn("uid", &value).unwrap(), "ou=people,dc=example,dc=test");
            let parsed = Dn::parse(&dn).unwrap();
            prop_assert_eq!(parsed.named_by("UID"), Some(value.as_str()));
            prop_assert_eq!(parsed.rdns.len(), 4);
            prop_assert_eq!(split(&dn).unwrap().1, "ou=people,dc=example,dc=test");
        }

        #[test]
        fn parsing_anything_ends(text in ".{0,60}") {
            let _ = Dn::parse(&text);
            let _ = split(&text);
        }
    }
}
