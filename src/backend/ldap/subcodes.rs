//! Active Directory's own codes: Windows errors (MS-ERREF §2.2), hexadecimal digits at the start of a result's text,
//! which tell what the LDAP code leaves open. Where Samba gives none, its words must do. Knows no mapping.

use ldap3::LdapResult;

use crate::plan::{AttributeChange, LdapOperation, ModifyKind};

use super::codes::sets_password;

/// What a result with an LDAP code of several meanings is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A value that must be unique in the domain or the forest is taken.
    Taken,
    /// The state was not as the write took it to be.
    Moved,
    /// The schema has no such attribute.
    Unknown,
    /// The place that an entry should go to does not exist.
    NoPlace,
    /// A password that the domain's rules do not allow; why, in words.
    Password(&'static str),
    /// An account that would be enabled without a password that the rules allow.
    Unprotected,
}

const ATTRIBUTE_CONVERSION: u32 = 0x57;
const USER_EXISTS: u32 = 0x524;
const GROUP_EXISTS: u32 = 0x526;
const PASSWORD_RESTRICTION: u32 = 0x52d;
const MEMBER_NOT_IN_GROUP: u32 = 0x561;
const ALIAS_EXISTS: u32 = 0x563;
const NAME_EXISTS: u32 = 0x2071;
const UNKNOWN_PARENT: u32 = 0x2089;
const SPN_NOT_UNIQUE: u32 = 0x21c7;
const UPN_NOT_UNIQUE: u32 = 0x21c8;

/// The meaning of a write's failure, where Active Directory says more than the code.
pub(super) fn meaning(write: &LdapOperation, result: &LdapResult) -> Option<Meaning> {
    let (code, text) = (subcode(&result.text), result.text.as_str());
    if let Some(USER_EXISTS | GROUP_EXISTS | ALIAS_EXISTS | NAME_EXISTS | SPN_NOT_UNIQUE | UPN_NOT_UNIQUE) =
        code
    {
        return Some(Meaning::Taken);
    }
    let changes = match write {
        LdapOperation::Modify { changes, .. } => changes.as_slice(),
        LdapOperation::ModifyDn { new_superior: Some(_), .. } if code == Some(UNKNOWN_PARENT) => {
            return Some(Meaning::NoPlace);
        }
        _ => &[],
    };
    let removes = |change: &AttributeChange| change.kind == ModifyKind::Delete;
    match (result.rc, code) {
        (19 | 53, Some(PASSWORD_RESTRICTION)) if !sets_password(write) => Some(Meaning::Unprotected),
        (19 | 53, Some(PASSWORD_RESTRICTION)) => Some(Meaning::Password(reason(text))),
        (16, Some(ATTRIBUTE_CONVERSION)) => Some(Meaning::Unknown),
        (16, _) if text.contains("not found in the schema") => Some(Meaning::Unknown),
        // A value that is there already: a group's member.
        (68, _) if !changes.is_empty() => Some(Meaning::Moved),
        (53, Some(MEMBER_NOT_IN_GROUP)) => Some(Meaning::Moved),
        (53, _) if changes.iter().any(removes) && is_absent(text) => Some(Meaning::Moved),
        _ => None,
    }
}

/// Samba's words for a member that is none, or is no entry any more.
fn is_absent(text: &str) -> bool {
    let said = ["doesn't exist for target GUID", "already deleted for target GUID", "Unable to find GUID"];
    said.iter().any(|words| text.contains(words))
}

/// Why a password is refused, as far as it is said.
fn reason(text: &str) -> &'static str {
    let of = |word: &str| text.contains(word);
    if of("too short") {
        "it is too short"
    } else if of("complexity") {
        "it is too simple: kinds of characters are missing, or it holds the name"
    } else if of("history") {
        "it was used before"
    } else if of("too young") {
        "the present one is too new to be changed"
    } else {
        "it is too short, too simple or was used before"
    }
}

/// `0000052D: …`
fn subcode(text: &str) -> Option<u32> {
    let (digits, _) = text.split_once(':')?;
    if digits.len() == 8 { u32::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Secret, Value};

    fn said(write: &LdapOperation, rc: u32, text: &str) -> Option<Meaning> {
        let text = text.to_owned();
        meaning(write, &LdapResult { rc, matched: String::new(), text, refs: vec![], ctrls: vec![] })
    }

    /// Active Directory's own texts and Samba's.
    #[test]
    fn what_the_code_leaves_open_is_told() {
        let change =
            |kind| AttributeChange { kind, attribute: "member".to_owned(), values: vec!["x".into()] };
        let modify =
            |kind| LdapOperation::Modify { dn: String::new(), changes: vec![change(kind)], assertion: None };
        let (add, remove) = (modify(ModifyKind::Add), modify(ModifyKind::Delete));
        let new = LdapOperation::Add { dn: String::new(), attributes: vec![] };
        let taken = Some(Meaning::Taken);
        for (rc, text, expected) in [
            (68, "00000524: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0\0", taken),
            (68, "00002071: samldb: samAccountName 'a' already in use!", taken),
            (19, "000021C8: AtrErr: DSID-03200EE8, #1: problem 1005 (CONSTRAINT_ATT_TYPE)", taken),
            (53, "00000526: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM), data 0", taken),
            (
                68,
                "00000562: UpdErr: DSID-031A11E2, problem 6005 (ENTRY_EXISTS), data 0",
                Some(Meaning::Moved),
            ),
            (68, "Attribute member already exists for target GUID c54e684a", Some(Meaning::Moved)),
            (
                16,
                "00000057: LdapErr: DSID-0C090D10, comment: Error in attribute conversion",
                Some(Meaning::Unknown),
            ),
            (
                16,
                "acl_modify: attribute 'x' on entry 'cn=a' was not found in the schema!",
                Some(Meaning::Unknown),
            ),
            (16, "attribute 'title': no matching attribute value while deleting", None),
            (53, "0000001F: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM), data 0", None),
            (53, "", None),
        ] {
            assert_eq!(said(&add, rc, text), expected, "{text}");
        }
        for text in [
            "00000561: SvcErr: DSID-031A1254, problem 5003 (WILL_NOT_PERFORM), data 0",
            "Attribute member doesn't exist for target GUID 6a22ac3d",
            "Attribute member already deleted for target GUID 6a22ac3d",
            "00002035: Unable to find GUID for DN cn=nobody",
        ] {
            assert_eq!(said(&remove, 53, text), Some(Meaning::Moved), "{text}");
        }
        assert_eq!(said(&new, 68, "Entry CN=a already exists"), None);
        let unprotected = "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0";
        assert_eq!(said(&add, 53, unprotected), Some(Meaning::Unprotected));
        let secret = vec![("unicodePwd".to_owned(), vec![Value::Secret(Secret::text("x"))])];
        let weak = LdapOperation::Add { dn: String::new(), attributes: secret };
        for (rc, text, why) in [
            (
                19,
                "0000052D: Constraint violation - check_password_restrictions: the password is too short.",
                "short",
            ),
            (
                53,
                "0000052D: SvcErr: DSID-031A12D2, problem 5003 (WILL_NOT_PERFORM), data 0",
                "or was used before",
            ),
        ] {
            assert!(
                matches!(said(&weak, rc, text), Some(Meaning::Password(reason)) if reason.contains(why)),
                "{text}"
            );
        }
    }
}
