//! What a result code (RFC 4511 §4.1.9) means to the gateway. Texts for clients hold no DN, and no native
//! message but what a policy has against a password; the server's own text goes into the cause, for the log.
//! That text decides nothing except whether a 19 is a uniqueness overlay's, for which LDAP has no code, and what
//! `subcodes` reads in it.

use ldap3::LdapResult;

use crate::backend::Failure;
use crate::plan::{AttributeChange, LdapOperation, Value};

use super::dn::split;
use super::subcodes::{self, Meaning};

/// Compared with a failed assertion, a version that moved on (RFC 4528 §4).
pub(super) const ASSERTION_FAILED: u32 = 122;
pub(super) const OPERATIONS_ERROR: u32 = 1;
pub(super) const SIZE_LIMIT: u32 = 4;
/// Also OpenLDAP's answer to pages larger than it gives.
pub(super) const ADMIN_LIMIT: u32 = 11;
pub(super) const NO_SUCH_ATTRIBUTE: u32 = 16;
pub(super) const NO_SUCH_OBJECT: u32 = 32;
pub(super) const OBJECT_CLASS: u32 = 65;
const NO_RIGHTS: u32 = 50;
/// Also OpenLDAP's answer to a name that its database has no room for.
const OTHER: u32 = 80;
/// A name of an entry (RDN) that OpenLDAP's database still takes, in octets.
const NAME_OCTETS: usize = 250;

/// Why the bind was refused, for the log.
pub(super) fn bind(result: &LdapResult) -> String {
    let hint = match result.rc {
        49 => "; look at bind_dn and bind_password",
        _ => "",
    };
    format!("the bind was refused with {}{hint}", cause(result))
}

/// A search's failure; the size limit is the caller's affair.
pub(super) fn search(base: &str, result: &LdapResult) -> Failure {
    match result.rc {
        NO_SUCH_OBJECT => Failure::Internal(format!("the base {base} does not exist, or is not visible")),
        34 => Failure::Internal(format!("the base {base} is not a DN")),
        SIZE_LIMIT => Failure::TooMany(cause(result)),
        NO_RIGHTS => Failure::Forbidden(format!("to read {base}: {}", cause(result))),
        _ => common(result),
    }
}

/// A write's failure.
pub(super) fn write(write: &LdapOperation, result: &LdapResult) -> Failure {
    if let Some(meaning) = subcodes::meaning(write, result) {
        return meant(write, result, meaning);
    }
    let adds = matches!(write, LdapOperation::Add { .. });
    match result.rc {
        68 => Failure::Uniqueness("an entry with this name exists".to_owned()),
        19 if is_uniqueness(&result.text) => Failure::Uniqueness(cause(result)),
        16 | 20 if matches!(write, LdapOperation::Modify { .. }) => Failure::Conflict(cause(result)),
        NO_SUCH_OBJECT if adds => Failure::Internal(format!("the parent does not exist: {}", cause(result))),
        // A mapping's own step, which names an entry that nobody looked for.
        NO_SUCH_OBJECT if matches!(write, LdapOperation::Modify { assertion: None, .. }) => {
            Failure::Internal(format!("there is no entry {}: {}", dn(write), cause(result)))
        }
        // Found a moment ago under this DN: it has another name now, or is gone. Asking again tells which.
        NO_SUCH_OBJECT => Failure::Conflict(cause(result)),
        ASSERTION_FAILED => Failure::Conflict(cause(result)),
        19 if sets_password(write) => refused_password(result),
        66 => Failure::Refused("other entries stand below this one".to_owned()),
        67 => rejected(write, result, "its name cannot be changed so"),
        16 | 18 | 19 | 20 | 21 | 34 => rejected(write, result, "the directory does not take this value"),
        17 => rejected(write, result, "the directory does not know this attribute"),
        64 | OBJECT_CLASS | 69 => rejected(write, result, "the directory's schema does not allow this"),
        NO_RIGHTS => Failure::Forbidden(format!("to write {}: {}", dn(write), cause(result))),
        OTHER if has_long_name(write) => rejected(write, result, "the name is too long for the directory"),
        53 => rejected(write, result, "the directory will not do this"),
        _ => common(result),
    }
}

/// What Active Directory says beside the code.
fn meant(write: &LdapOperation, result: &LdapResult, meaning: Meaning) -> Failure {
    match meaning {
        Meaning::Taken => Failure::Uniqueness(cause(result)),
        Meaning::Moved => Failure::Conflict(cause(result)),
        Meaning::Unknown => rejected(write, result, "the directory does not know this attribute"),
        Meaning::NoPlace => Failure::Internal(format!("the parent does not exist: {}", cause(result))),
        Meaning::Unprotected => {
            let client = "the directory does not enable an account without a password that its rules allow";
            Failure::Rejected(client.to_owned(), cause(result))
        }
        Meaning::Password(why) => {
            Failure::Rejected(format!("the directory does not take this password: {why}"), cause(result))
        }
    }
}

fn common(result: &LdapResult) -> Failure {
    match result.rc {
        3 | ADMIN_LIMIT | 51 | 52 => Failure::Unavailable(cause(result)),
        8 | 13 | 48 | 49 => {
            tracing::error!(code = result.rc, "the directory does not accept the gateway's bind");
            Failure::Unavailable(cause(result))
        }
        10 => Failure::Internal("a referral, which is never followed".to_owned()),
        _ => Failure::Internal(cause(result)),
    }
}

pub(super) fn cause(result: &LdapResult) -> String {
    format!("LDAP result {}: {}", result.rc, result.text.trim_end_matches('\0'))
}

/// The entry that an operation is about.
pub(super) fn dn(operation: &LdapOperation) -> &str {
    match operation {
        LdapOperation::Search { base: dn, .. }
        | LdapOperation::Add { dn, .. }
        | LdapOperation::Modify { dn, .. }
        | LdapOperation::ModifyDn { dn, .. }
        | LdapOperation::Delete { dn, .. } => dn,
    }
}

/// OpenLDAP's overlay says "some attributes not unique", 389-ds "… already exists".
fn is_uniqueness(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("unique") || text.contains("already exists")
}

fn rejected(write: &LdapOperation, result: &LdapResult, what: &str) -> Failure {
    let client = match named(write, &result.text) {
        Some(attribute) => format!("{attribute}: {what}"),
        None => what.to_owned(),
    };
    Failure::Rejected(client, cause(result))
}

/// Whether the write gives an entry a name that is longer than every database takes.
fn has_long_name(write: &LdapOperation) -> bool {
    let name = match write {
        LdapOperation::Add { dn, .. } => split(dn).map(|(name, _)| name),
        LdapOperation::ModifyDn { new_rdn, .. } => Some(new_rdn.as_str()),
        _ => None,
    };
    name.is_some_and(|name| name.len() > NAME_OCTETS)
}

/// The server's policy is the server's to explain; what could name an entry is not shown.
fn refused_password(result: &LdapResult) -> Failure {
    let reason = result.text.trim_end_matches('\0').trim();
    let client = match reason.is_empty() || reason.contains('=') || reason.chars().any(char::is_control) {
        true => "the directory does not take this password".to_owned(),
        false => format!("the directory does not take this password: {reason}"),
    };
    Failure::Rejected(client, cause(result))
}

/// Whether the write says a secret.
pub(super) fn sets_password(write: &LdapOperation) -> bool {
    let is_secret = |value: &Value| matches!(value, Value::Secret(_));
    match write {
        LdapOperation::Add { attributes, .. } => {
            attributes.iter().any(|(_, values)| values.iter().any(is_secret))
        }
        LdapOperation::Modify { changes, .. } => {
            changes.iter().any(|change| change.values.iter().any(is_secret))
        }
        _ => false,
    }
}

/// The first attribute of the operation that the server's text names.
fn named<'a>(write: &'a LdapOperation, text: &str) -> Option<&'a str> {
    let attributes: Vec<&str> = match write {
        LdapOperation::Add { attributes, .. } => attributes.iter().map(|(name, _)| name.as_str()).collect(),
        LdapOperation::Modify { changes, .. } => changes.iter().map(attribute).collect(),
        _ => Vec::new(),
    };
    if let [only] = attributes.as_slice() {
        return Some(only);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.split(|c| !plain(c))
        .find_map(|word| attributes.iter().find(|name| name.eq_ignore_ascii_case(word)).copied())
}

fn attribute(change: &AttributeChange) -> &str {
    &change.attribute
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ModifyKind, Secret};

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: vec![], ctrls: vec![] }
    }

    fn modify() -> LdapOperation {
        let change = |name: &str| AttributeChange {
            kind: ModifyKind::Add,
            attribute: name.to_owned(),
            values: vec![Value::from("x")],
        };
        let changes = vec![change("sn"), change("mail")];
        LdapOperation::Modify {
            dn: "uid=secret-dn".to_owned(),
            changes,
            assertion: Some("(uid=a)".to_owned()),
        }
    }

    #[test]
    fn codes_have_their_meaning() {
        let of = |rc, text| write(&modify(), &result(rc, text));
        assert!(matches!(of(19, "some attributes not unique"), Failure::Uniqueness(_)));
        assert!(matches!(of(19, "Password fails quality checking policy"), Failure::Rejected(..)));
        for rc in [16, 20, 32, 122] {
            assert!(matches!(of(rc, ""), Failure::Conflict(_)), "{rc}");
        }
        for rc in [3, 11, 51, 52, 49] {
            assert!(matches!(of(rc, ""), Failure::Unavailable(_)), "{rc}");
        }
        assert!(matches!(of(50, ""), Failure::Forbidden(_)));
        assert!(matches!(of(66, ""), Failure::Refused(_)));
        let add = LdapOperation::Add { dn: String::new(), attributes: vec![] };
        assert!(matches!(write(&add, &result(68, "")), Failure::Uniqueness(_)));
        assert!(matches!(write(&add, &result(20, "")), Failure::Rejected(..)));
        assert!(matches!(write(&add, &result(32, "")), Failure::Internal(_)));
    }

    #[test]
    fn a_name_without_room_is_the_clients_mistake_and_another_failure_is_not() {
        let named = |length: usize| {
            let dn = format!("uid={},dc=x", "a".repeat(length));
            write(&LdapOperation::Add { dn, attributes: vec![] }, &result(OTHER, ""))
        };
        assert!(matches!(named(20), Failure::Internal(_)));
        assert!(
            matches!(named(300), Failure::Rejected(text, _) if text == "the name is too long for the directory")
        );
    }

    #[test]
    fn a_refused_password_has_the_servers_reason_and_nobodys_name() {
        let attributes = vec![("userPassword".to_owned(), vec![Value::Secret(Secret::text("x"))])];
        let add = LdapOperation::Add { dn: String::new(), attributes };
        for (text, reason) in [
            ("invalid password syntax - too short", ": invalid password syntax - too short"),
            ("uid=x has it", ""),
            ("", ""),
        ] {
            let Failure::Rejected(client, _) = write(&add, &result(19, text)) else { panic!("{text}") };
            assert_eq!(client, format!("the directory does not take this password{reason}"));
        }
        assert!(matches!(write(&add, &result(19, "already exists")), Failure::Uniqueness(_)));
    }

    #[test]
    fn a_rejected_value_is_named_without_the_servers_text() {
        match write(&modify(), &result(21, "mail: value #0 invalid per syntax in uid=secret-dn")) {
            Failure::Rejected(client, _) => {
                assert_eq!(client, "mail: the directory does not take this value")
            }
            other => panic!("{other:?}"),
        }
    }
}
