//! The way round a defect of 389 Directory Server (2.3.1): with its attribute uniqueness plug-in, a rename that
//! takes away the old name's value fails with an operations error where that name is written with escapes.
//! There the rename leaves the value, and a modify takes it away.

use ldap3::LdapResult;
use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{AttributeChange, LdapOperation, ModifyKind, Value};

use super::codes;
use super::connection::{Connection, Trouble};
use super::dn::{Dn, below, fold, split};
use super::kind::Kind;
use super::read::unavailable;

/// Whether a write failed by that defect; nothing was changed then.
pub(super) fn is_met(kind: Kind, write: &LdapOperation, result: &LdapResult) -> bool {
    let LdapOperation::ModifyDn { dn, .. } = write else { return false };
    let is_escaped = split(dn).is_some_and(|(rdn, _)| rdn.contains('\\'));
    kind == Kind::Ds389 && result.rc == codes::OPERATIONS_ERROR && is_escaped
}

/// The rename in two operations; its result is that of the first.
pub(super) async fn in_two(
    connection: &Connection,
    write: &LdapOperation,
    until: Instant,
) -> Result<LdapResult, Failure> {
    let renamed = connection.rename_keeping(write.clone(), until).await.map_err(unknown)?;
    let Some(rest) = rest(write).filter(|_| renamed.rc == 0) else { return Ok(renamed) };
    let cleared = connection.write(rest, Vec::new(), until).await.map_err(unknown)?;
    match cleared.rc {
        0 | codes::NO_SUCH_ATTRIBUTE => Ok(renamed),
        _ => {
            Err(Failure::Internal(format!("{write:?} left the old name's value: {}", codes::cause(&cleared))))
        }
    }
}

/// The failure of a write that nobody looks up again.
fn unknown(trouble: Trouble) -> Failure {
    match trouble {
        Trouble::Lost(text) => Failure::Unknown(text),
        other => unavailable(other),
    }
}

/// What takes the old name's values away, if the new name has not the same.
fn rest(write: &LdapOperation) -> Option<LdapOperation> {
    let LdapOperation::ModifyDn { dn, new_rdn, new_superior, .. } = write else { return None };
    let (old, new, (_, parent)) = (Dn::parse(dn)?, Dn::parse(new_rdn)?, split(dn)?);
    let goes = |attribute: &str, value: &str| {
        new.value_of(attribute).is_none_or(|stays| fold(&stays) != fold(value))
    };
    let changes: Vec<AttributeChange> = old
        .naming()
        .iter()
        .filter_map(|ava| Some((ava.attribute.clone(), old.value_of(&ava.attribute)?)))
        .filter(|(attribute, value)| goes(attribute, value))
        .map(|(attribute, value)| AttributeChange {
            kind: ModifyKind::Delete,
            attribute,
            values: vec![Value::Text(value)],
        })
        .collect();
    let dn = below(new_rdn, new_superior.as_deref().unwrap_or(parent));
    (!changes.is_empty()).then_some(LdapOperation::Modify { dn, changes, assertion: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rename(new_rdn: &str) -> LdapOperation {
        LdapOperation::ModifyDn {
            dn: "cn=a\\2cb,dc=x".to_owned(),
            new_rdn: new_rdn.to_owned(),
            new_superior: None,
            assertion: None,
        }
    }

    #[test]
    fn the_old_value_goes_unless_it_is_the_new_one() {
        let gone = AttributeChange {
            kind: ModifyKind::Delete,
            attribute: "cn".to_owned(),
            values: vec![Value::from("a,b")],
        };
        let modify =
            LdapOperation::Modify { dn: "cn=c,dc=x".to_owned(), changes: vec![gone], assertion: None };
        assert_eq!(rest(&rename("cn=c")), Some(modify));
        assert_eq!(rest(&rename("cn=A\\2CB")), None);
    }
}
