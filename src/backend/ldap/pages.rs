//! A search by pages (RFC 2696), on a connection of its own, for OpenLDAP allows one such search a connection.

use ldap3::LdapResult;
use ldap3::asn1::PL;
use ldap3::controls::{PagedResults, RawControl};
use tokio::time::Instant;

use crate::backend::Failure;
use crate::plan::LdapOperation;

use super::ber;
use super::codes;
use super::entry::Entry;
use super::pool::Lease;
use super::read::{Directory, unavailable};

/// Entries a page: as many as Active Directory gives.
const PAGE: i32 = 1000;
/// And where the server does not allow that.
const SMALL_PAGE: i32 = 200;

/// The pages of one search.
pub(super) struct Pages {
    lease: Lease,
    operation: LdapOperation,
    size: i32,
    /// Where the next page begins; `None` after the last.
    cookie: Option<Vec<u8>>,
    /// Whether there is more: pages that were not asked for, or entries that the server does not give.
    pub more: bool,
}

// === impl Pages ===

impl Pages {
    /// A search from its start; `None` where the server knows no pages.
    pub(super) async fn of(
        directory: &Directory,
        operation: &LdapOperation,
        until: Instant,
    ) -> Result<Option<Self>, Failure> {
        let lease = directory.pool.dedicated(until).await?;
        if !lease.connection.features.paged {
            return Ok(None);
        }
        let (operation, cookie) = (unlimited(operation), Some(Vec::new()));
        Ok(Some(Self { lease, operation, size: PAGE, cookie, more: true }))
    }

    /// The next page; `None` after the last.
    pub(super) async fn next(&mut self, until: Instant) -> Result<Option<Vec<Entry>>, Failure> {
        while let Some(cookie) = self.cookie.take() {
            let is_first = cookie.is_empty();
            let control = Some(RawControl::from(PagedResults { size: self.size, cookie }));
            let searching = self.lease.connection.search(&self.operation, control, until);
            let answer = searching.await.map_err(unavailable)?;
            match answer.result.rc {
                0 => {
                    self.cookie = next_page(&answer.result);
                    self.more = self.cookie.is_some();
                }
                // OpenLDAP's size.pr: no page is given at all.
                codes::ADMIN_LIMIT if self.size == PAGE && is_first && answer.entries.is_empty() => {
                    (self.cookie, self.size) = (Some(Vec::new()), SMALL_PAGE);
                    continue;
                }
                codes::SIZE_LIMIT | codes::ADMIN_LIMIT => {}
                _ => return Err(codes::search("the paged search's", &answer.result)),
            }
            return Ok(Some(answer.entries));
        }
        Ok(None)
    }
}

fn unlimited(operation: &LdapOperation) -> LdapOperation {
    let mut operation = operation.clone();
    if let LdapOperation::Search { size_limit, .. } = &mut operation {
        *size_limit = 0;
    }
    operation
}

/// The cookie of the next page (RFC 2696); `None` after the last.
fn next_page(result: &LdapResult) -> Option<Vec<u8>> {
    let paged = |control: &&ldap3::controls::Control| control.1.ctype == "1.2.840.113556.1.4.319";
    let value = result.ctrls.iter().find(paged)?.1.val.as_ref()?;
    match ber::parse(value)?.payload {
        PL::C(mut parts) => match parts.pop()?.payload {
            PL::P(cookie) if !cookie.is_empty() => Some(cookie),
            _ => None,
        },
        PL::P(_) => None,
    }
}
