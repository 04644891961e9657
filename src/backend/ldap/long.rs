//! Attributes with very many references, as a group of a hundred thousand has. What they lead to is not looked up
//! name by name: where the entries say themselves in which groups they are (`memberOf`), those of one group are
//! read page by page, which took OpenLDAP a seventh of the time. That is a hint and no more: an entry is shown when the
//! group names it, and what is left of the group's names is looked up as few are. Reads only.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::backend::Failure;
use crate::plan::{Entity, Entries, Fields, LdapOperation, Links, Native, Record, Scope, Value};

use super::dn::{Dn, fold};
use super::entry::Entry;
use super::filter;
use super::id;
use super::pages::Pages;
use super::read::Directory;
use super::references::hidden;
use super::search::{place, targets};
use super::stand_ins::by_dn;

/// More values than this are very many.
const LONG: usize = 1_000;
/// Names that are looked up at one time.
const BATCH: usize = 1_000;
/// So many deadlines it may take in all; each search has one.
const DEADLINES: u32 = 5;
/// Reads at one time whose entries may be very long: until it is taken apart, one with a hundred thousand values
/// takes some 30 MB.
const FETCHES: usize = 1;
/// Attributes at one time whose names are looked up.
const LOOK_UPS: usize = 1;
/// And so many may wait for it, each with some 7 MB of a hundred thousand names.
const WAITING: usize = 7;

/// Whose turn it is to read what is very long.
pub(super) struct LongTurns {
    fetches: Semaphore,
    waiting: Semaphore,
    look_ups: Semaphore,
}

/// The values of one attribute that are very many, as the server gave them.
pub(super) struct Long {
    /// The entry's.
    pub id: String,
    /// The entry's.
    pub dn: String,
    /// The attribute.
    pub native: Native,
    names: Wanted,
}

/// Names that are still to be found, each once, close together: there are some in memory for each that waits.
#[derive(Default)]
struct Wanted {
    text: String,
    /// In the order of their normalised forms.
    names: Vec<Name>,
}

/// A name in a text: its normalised form, and behind it the DN as the server wrote it, where that differs.
#[derive(Clone, Copy)]
struct Name {
    begin: usize,
    middle: usize,
    end: usize,
    is_found: bool,
}

impl Default for LongTurns {
    fn default() -> Self {
        Self {
            fetches: Semaphore::new(FETCHES),
            waiting: Semaphore::new(LOOK_UPS + WAITING),
            look_ups: Semaphore::new(LOOK_UPS),
        }
    }
}

// === impl LongTurns ===

impl LongTurns {
    /// The turn to read entries that may be very long.
    pub(super) async fn to_fetch(&self, until: Instant) -> Result<SemaphorePermit<'_>, Failure> {
        match timeout_at(until, self.fetches.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(busy()),
        }
    }

    /// The turn to look very many names up; refused at once where enough wait.
    async fn to_look_up(&self, until: Instant) -> Result<[SemaphorePermit<'_>; 2], Failure> {
        let waiting = self.waiting.try_acquire().map_err(|_| busy())?;
        match timeout_at(until, self.look_ups.acquire()).await {
            Ok(Ok(turn)) => Ok([waiting, turn]),
            _ => Err(busy()),
        }
    }
}

// === impl Long ===

impl Long {
    /// Takes out of an entry what is very long of it.
    pub(super) fn take(entry: &mut Entry, entries: &Entries, fields: &Fields) -> Vec<Self> {
        let long: Vec<&Native> =
            fields.long.iter().filter(|native| entry.count(&native.name) > LONG).collect();
        let Some(id) = id::of(entry, &entries.id).filter(|_| !long.is_empty()) else { return Vec::new() };
        let hidden = hidden(entries);
        let taken = |native: &Native| Self {
            id: id.clone(),
            dn: entry.dn.clone(),
            native: native.clone(),
            names: match entries.stand_ins.contains_key(native) {
                true => Wanted::of_values(entry.take(&native.name)),
                false => Wanted::of(entry.take(&native.name), hidden.as_deref()),
            },
        };
        long.into_iter().map(taken).collect()
    }
}

// === impl Wanted ===

impl Wanted {
    fn of(octets: Vec<Vec<u8>>, hidden: Option<&str>) -> Self {
        let mut wanted = Self { text: String::new(), names: Vec::with_capacity(octets.len()) };
        for dn in octets.into_iter().filter_map(|octets| String::from_utf8(octets).ok()) {
            let Some(normalised) = Dn::parse(&dn).map(|name| name.normalised()) else { continue };
            if Some(normalised.as_str()) != hidden {
                wanted.push(&normalised, &dn);
            }
        }
        wanted.sort();
        let Self { text, names } = &mut wanted;
        let normalised = |name: &Name| text.get(name.begin..name.middle);
        names.dedup_by(|a, b| normalised(a) == normalised(b));
        text.shrink_to_fit();
        wanted
    }

    /// Values that are no DNs; those that may be written in two ways stand beside each other.
    fn of_values(octets: Vec<Vec<u8>>) -> Self {
        let mut wanted = Self { text: String::new(), names: Vec::with_capacity(octets.len()) };
        for value in octets.into_iter().filter_map(|octets| String::from_utf8(octets).ok()) {
            wanted.push(&fold(&value), &value);
        }
        wanted.sort();
        wanted
    }

    fn sort(&mut self) {
        let Self { text, names } = self;
        let normalised = |name: &Name| text.get(name.begin..name.middle);
        names.sort_unstable_by(|a, b| normalised(a).cmp(&normalised(b)));
    }

    fn push(&mut self, normalised: &str, dn: &str) {
        let begin = self.text.len();
        self.text.push_str(normalised);
        let middle = self.text.len();
        if dn != normalised {
            self.text.push_str(dn);
        }
        self.names.push(Name { begin, middle, end: self.text.len(), is_found: false });
    }

    /// Whether this one is wanted, and was not found before.
    fn finds(&mut self, dn: &str) -> bool {
        let Some(wanted) = Dn::parse(dn).map(|name| name.normalised()) else { return false };
        let Self { text, names } = self;
        let at = names.binary_search_by(|name| text.get(name.begin..name.middle).cmp(&Some(wanted.as_str())));
        let name = at.ok().and_then(|at| names.get_mut(at));
        name.is_some_and(|name| !std::mem::replace(&mut name.is_found, true))
    }

    fn left(&self) -> usize {
        self.names.iter().filter(|name| !name.is_found).count()
    }

    /// What was not found, as the server wrote it.
    fn rest(&self) -> impl Iterator<Item = &str> {
        let written = |name: &Name| match name.end > name.middle {
            true => self.text.get(name.middle..name.end),
            false => self.text.get(name.begin..name.middle),
        };
        self.names.iter().filter(|name| !name.is_found).filter_map(written)
    }
}

impl Directory {
    /// The references that very many names stand for; names of nothing that the types have are left out.
    pub(super) async fn links(
        self: &Arc<Self>,
        entity: &Entity,
        entries: &Entries,
        long: Long,
    ) -> Result<Links, Failure> {
        let until = Instant::now() + self.deadline * DEADLINES;
        let _turn = self.long.to_look_up(until).await?;
        let Long { dn, native, names: mut wanted, .. } = long;
        let mut links = Links::default();
        for target in by_dn(entity, entries, &native) {
            if wanted.left() > LONG
                && let Some(search) = self.of_one_group(entity, &native, target, &dn)?
            {
                self.look_through(target, &search, &mut wanted, &mut links, until).await?;
            }
        }
        let rest: Vec<Value> = wanted.rest().map(Value::from).collect();
        for values in batches(&rest) {
            let values = [(native.clone(), values.to_vec())].into();
            let mut records = [Record { dn: Some(dn.clone()), values, ..Record::default() }];
            self.show_references(entity, entries, &mut records, self.until().min(until)).await?;
            let [record] = records;
            for value in record.values.into_values().flatten() {
                if let Value::Reference(to) = value
                    && let Some(resource) = self.model.entity(to.resource.as_deref().unwrap_or_default())
                {
                    links.push(&resource.name, &to.id);
                }
            }
        }
        Ok(links)
    }

    /// The search for all entries of a type that say that they are in this group; `None` where the type has nothing
    /// that says so. An entry that may be of another type too is not meant: whose it is, is told as of few.
    fn of_one_group(
        &self,
        entity: &Entity,
        native: &Native,
        target: &Arc<str>,
        dn: &str,
    ) -> Result<Option<LdapOperation>, Failure> {
        let (of, entries) = place(&self.model, target)?;
        let points_back = |(back, to): &(&Native, &Vec<Arc<str>>)| {
            **to == [entity.name.clone()] && !entries.stand_ins.contains_key(*back)
        };
        let Some((back, _)) = of.references.iter().find(points_back) else { return Ok(None) };
        let mut terms = vec![filter::equals(filter::attribute(back)?, dn.as_bytes())];
        for other in targets(entity, native).iter().filter(|other| *other != target) {
            let (_, other) = place(&self.model, other)?;
            terms.push(format!("(!{})", filter::of_type(other, "")?));
        }
        Ok(Some(LdapOperation::Search {
            base: entries.base.to_string(),
            scope: Scope::Subtree,
            filter: filter::of_type(entries, &filter::all(terms))?,
            attributes: vec![entries.id.to_string()],
            size_limit: 0,
        }))
    }

    /// Takes from a search what is wanted.
    async fn look_through(
        self: &Arc<Self>,
        target: &Arc<str>,
        search: &LdapOperation,
        wanted: &mut Wanted,
        links: &mut Links,
        until: Instant,
    ) -> Result<(), Failure> {
        let (_, entries) = place(&self.model, target)?;
        let next = || self.until().min(until);
        let Some(mut pages) = Pages::of(self, search, next()).await? else { return Ok(()) };
        loop {
            match pages.next(next()).await {
                Ok(Some(page)) => {
                    for entry in page {
                        if let Some(id) = id::of(&entry, &entries.id).filter(|_| wanted.finds(&entry.dn)) {
                            links.push(target, &id);
                        }
                    }
                }
                Ok(None) => return Ok(()),
                Err(cause @ Failure::Unavailable(_)) => return Err(cause),
                // A server that does not know the attribute, say.
                Err(cause) => {
                    tracing::info!(%cause, "members are looked up by their names");
                    return Ok(());
                }
            }
        }
    }
}

/// Values some at a time, those that differ in nothing but their writing together.
fn batches(mut values: &[Value]) -> impl Iterator<Item = &[Value]> {
    let folded = |value: &Value| value.text().map(|text| fold(&text));
    std::iter::from_fn(move || {
        let last = values.get(..BATCH.min(values.len()))?.last().map(folded)?;
        let behind = values.iter().skip(BATCH).take_while(|value| folded(value) == last).count();
        let (batch, rest) = values.split_at((BATCH + behind).min(values.len()));
        values = rest;
        Some(batch)
    })
}

fn busy() -> Failure {
    Failure::Unavailable("enough is read already of what is very long".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn wanted(names: &[&str]) -> Wanted {
        Wanted::of(names.iter().map(|name| name.as_bytes().to_vec()).collect(), Some("cn=nobody"))
    }

    #[test]
    fn a_name_is_found_once_under_every_spelling() {
        let mut wanted =
            wanted(&["uid=Ann,dc=x", "UID=ann, dc=X", "UID=Bob,dc=x", "CN=Nobody", "no name", "uid=c,dc=x"]);
        assert_eq!(wanted.left(), 3);
        let found = ["Uid=ANN,dc=x", "uid=ann,dc=x", "uid=dan,dc=x", "uid=c,dc=x"].map(|dn| wanted.finds(dn));
        assert_eq!(found, [true, false, false, true]);
        assert_eq!(wanted.rest().collect::<Vec<_>>(), ["UID=Bob,dc=x"]);
    }

    #[test]
    fn values_that_may_be_one_are_in_one_batch() {
        let mut octets: Vec<Vec<u8>> =
            (0..BATCH + 2).map(|number| format!("P{number:04}").into_bytes()).collect();
        octets.extend([format!("p{:04}", BATCH - 1), format!("p{:04}", BATCH - 2)].map(String::into_bytes));
        let wanted = Wanted::of_values(octets);
        let values: Vec<Value> = wanted.rest().map(Value::from).collect();
        let batches: Vec<&[Value]> = batches(&values).collect();
        // A thousand end with a pair; from the second on, in the middle of the next.
        assert_eq!(batches.iter().map(|batch| batch.len()).collect::<Vec<_>>(), [BATCH, 4]);
        let texts: BTreeSet<String> =
            batches[1].iter().filter_map(Value::text).map(|text| fold(&text)).collect();
        assert_eq!(texts.len(), 3);
        assert_eq!(super::batches(&values[1..]).map(<[_]>::len).collect::<Vec<_>>(), [BATCH + 1, 2]);
        assert_eq!(super::batches(&[]).count(), 0);
    }

    #[test]
    fn only_what_is_long_is_taken() {
        let names: Vec<String> = (0..LONG).map(|number| format!("uid=a{number}")).collect();
        let few: Vec<(&str, &str)> = names.iter().map(|name| ("member", name.as_str())).collect();
        let (mut short, mut long) = (Entry::of("cn=a", &few), Entry::of("cn=a", &few));
        for entry in [&mut short, &mut long] {
            entry.extend(Entry::of("cn=a", &[("entryUUID", "7")]));
        }
        long.extend(Entry::of("cn=a", &[("MEMBER", "uid=b")]));
        let native = Native::own("member");
        let fields = Fields { long: [native.clone()].into(), ..Fields::default() };
        let model = crate::backend::ldap::fixture::model();
        let (_, entries) = place(&model, "Group").unwrap();
        assert!(Long::take(&mut short, entries, &fields).is_empty());
        let taken = Long::take(&mut long, entries, &fields);
        assert_eq!((taken.len(), taken[0].names.left(), &taken[0].native), (1, LONG + 1, &native));
        assert_eq!((long.count("member"), short.count("member")), (0, LONG));
    }
}
