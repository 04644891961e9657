//! What a server itself writes into an entry: its id, when it was made and changed, and what changes with every write.

use time::OffsetDateTime;
use uuid::Uuid;

use super::super::id;
use super::super::kind::Kind;
use super::super::value::generalized_time;
use super::{Held, Memory};

/// Where the numbers of changes begin.
const FIRST_CHANGE: u64 = 1_000_000;

// === impl Memory ===

impl Memory {
    /// What a new entry has beside what it is sent with; its ids count from 1.
    pub(super) fn begin(&self, held: &mut Held, number: u64) {
        self.identify(held, Uuid::from_u128(u128::from(number)));
        let (created, _) = self.times();
        held.set(created, vec![self.instant(self.now)]);
    }

    /// Gives an entry that a file shows without its id one, by its place there: no server has such entries.
    pub(super) fn complete(&self, held: &mut Held, place: usize) {
        if self.ids.iter().all(|attribute| held.values(attribute).is_empty()) {
            self.identify(held, Uuid::from_u128(u128::MAX - place as u128));
        }
    }

    fn identify(&self, held: &mut Held, uuid: Uuid) {
        for attribute in &self.ids {
            let value = match attribute {
                guid if id::is_guid(guid) => uuid.as_bytes().to_vec(),
                other if other.eq_ignore_ascii_case("nsUniqueId") => in_fours(&uuid.simple().to_string()),
                other if id::is_of_server(other) => uuid.to_string().into_bytes(),
                // One of the mapping's own.
                _ => continue,
            };
            held.set(attribute, vec![value]);
        }
    }

    /// What a write leaves in the entry that it changed.
    pub(super) fn stamp(&self, held: &mut Held, number: u64) {
        let (_, modified) = self.times();
        held.set(modified, vec![self.instant(self.now)]);
        for attribute in &self.versions {
            let value = match attribute.eq_ignore_ascii_case("entryCSN") {
                true => {
                    let time = generalized_time(self.now);
                    format!("{}.{number:06}Z#000000#000#000000", time.trim_end_matches('Z'))
                }
                false => (FIRST_CHANGE + number).to_string(),
            };
            held.set(attribute, vec![value.into_bytes()]);
        }
    }

    fn times(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::ActiveDirectory => ("whenCreated", "whenChanged"),
            Kind::OpenLdap | Kind::Ds389 | Kind::Generic => ("createTimestamp", "modifyTimestamp"),
        }
    }

    fn instant(&self, at: OffsetDateTime) -> Vec<u8> {
        let text = generalized_time(at);
        match self.kind {
            Kind::ActiveDirectory => format!("{}.0Z", text.trim_end_matches('Z')).into_bytes(),
            Kind::OpenLdap | Kind::Ds389 | Kind::Generic => text.into_bytes(),
        }
    }
}

/// As 389 Directory Server writes an id.
fn in_fours(digits: &str) -> Vec<u8> {
    let groups: Vec<&[u8]> = digits.as_bytes().chunks(8).collect();
    groups.join(&b'-')
}
