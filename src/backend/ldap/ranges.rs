//! The rest of an attribute's values, where the server gives only so many at once: Active Directory answers
//! `member;range=0-1499`, and the others come range by range ([MS-ADTS] §3.1.1.3.1.3.3). Without it a group of
//! some thousands would be read as one of 1,500.

use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::{LdapOperation, Scope};

use super::codes;
use super::entry::Entry;
use super::read::Directory;

/// The entry with all values of the attributes that were asked for.
pub(super) async fn complete(
    directory: &Directory,
    mut entry: Entry,
    until: Instant,
) -> Result<Entry, Failure> {
    let mut last = None;
    while let Some((attribute, next)) = entry.take_cut() {
        if last.as_ref().is_some_and(|(of, at)| *of == attribute && next <= *at) {
            return Err(Failure::Internal(format!("{}: {attribute} has ranges without an end", entry.dn)));
        }
        let operation = LdapOperation::Search {
            base: entry.dn.clone(),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: vec![format!("{attribute};range={next}-*")],
            size_limit: 1,
        };
        let answer = directory.ask(&operation, until).await?;
        match (answer.result.rc, answer.entries.into_iter().next()) {
            (0, Some(more)) => entry.extend(more),
            (0 | codes::NO_SUCH_OBJECT, _) => {
                return Err(Failure::Unavailable(format!("{} went away while it was read", entry.dn)));
            }
            _ => return Err(codes::search(&entry.dn, &answer.result)),
        }
        last = Some((attribute, next));
    }
    Ok(entry)
}
