//! What `gantry doctor` tells of a directory: each of its servers, and whether what the mapping names is there
//! and visible to the gateway's account. It reads; only when it is told to, it also writes one entry of its own
//! and removes it again.

use std::collections::BTreeSet;

use crate::backend::Failure;
use crate::backend::finding::{Finding, Findings};
use crate::plan::{
    AttributeChange, Counter, Entity, Entries, LdapOperation, ModifyKind, Native, Scope, Touched, Value,
};

use super::codes;
use super::configured::indexed;
use super::connection::{Answer, Connection, Features, Server, Trouble};
use super::counter;
use super::entry::Entry;
use super::filter;
use super::kind::Kind;
use super::read::{Directory, unavailable};
use super::said::Said;
use super::schema::{self, Schema};
use super::search::{operations, place};
use super::value::Dns;

/// Entries of each type that are looked at.
const SAMPLE: usize = 100;
/// More entries in one search than this no common server gives unless it was told to.
pub(super) const MANY: usize = 2_001;
const ANY: &str = "(objectClass=*)";

/// A connection under examination, and what was found.
pub(super) struct Examination<'a> {
    pub directory: &'a Directory,
    connection: &'a Connection,
    pub findings: &'a mut Findings,
}

impl Directory {
    /// Looks at every server, and through the first that answers at what a mapping touches.
    pub(super) async fn examine(&self, touched: &[Touched], write: bool) -> Vec<Finding> {
        let mut findings = Findings::default();
        let mut first = None;
        for (server, connection) in self.pool.fleet.each().await {
            let url = &server.url;
            match connection {
                Ok(connection) => {
                    let who = self.pool.fleet.who();
                    let said = Said::by(&connection, self.until()).await;
                    findings.good(format!("{url}: {}, bound as {who}", told(&said, &connection, server)));
                    if let Some(configured) = server.kind.filter(|kind| said.contradicts(*kind)) {
                        findings.wrong(format!(
                            "{url}: the configuration says that it is {}, the server itself says {}: correct \
                             `server`, or leave it out",
                            configured.name(),
                            said.kind.name()
                        ));
                    }
                    first = first.or(Some(connection));
                }
                Err(trouble) => findings.wrong(format!("{url}: {}", why(trouble))),
            }
        }
        if let Some(connection) = &first {
            let mut examination = Examination::of(self, connection, &mut findings);
            if let Err(failure) = examination.run(touched, write).await {
                findings.wrong(format!("the examination broke off: {failure}"));
            }
        }
        findings.all()
    }
}

// === impl Examination ===

impl<'a> Examination<'a> {
    /// Of what this connection shows.
    pub(super) fn of(
        directory: &'a Directory,
        connection: &'a Connection,
        findings: &'a mut Findings,
    ) -> Self {
        Self { directory, connection, findings }
    }
}

impl Examination<'_> {
    async fn run(&mut self, touched: &[Touched], write: bool) -> Result<(), Failure> {
        self.controls();
        let schema = self.schema().await?;
        let mut needed = BTreeSet::new();
        for touched in touched {
            let (entity, entries) = place(&self.directory.model, &touched.entity)?;
            needed.extend(indexed(&self.directory.model, entity, entries));
            if let Some(schema) = &schema {
                self.names(touched, entries, schema)?;
            }
            self.leavers(entity).await?;
            if self.base(entity, entries).await? {
                let found = self.sample(touched, entity, entries).await?;
                match self.kind() {
                    Kind::ActiveDirectory => self.delegated(touched, entity, entries, found, write).await?,
                    _ if write => self.write(entries).await?,
                    _ => {}
                }
            }
            self.parts(entity, entries, schema.as_ref(), write).await?;
            for (numbered, entries, counter) in counter::numbered(&self.directory.model, entity, entries) {
                self.counter(&entity.name, &numbered, entries, counter, write).await?;
            }
        }
        self.indexes(&needed).await?;
        self.helpers(touched).await
    }

    /// The places of further entries.
    async fn parts(
        &mut self,
        entity: &Entity,
        entries: &Entries,
        schema: Option<&Schema>,
        write: bool,
    ) -> Result<(), Failure> {
        for part in &entries.parts {
            let (entity, of) = place(&self.directory.model, &format!("{}.{}", entity.name, part.alias))?;
            let copied = entries.copies.iter().filter(|copy| copy.to.part.as_ref() == Some(&part.alias));
            let given = part.initial.iter().map(|(attribute, _)| attribute);
            let natives = copied.map(|copy| &copy.to.name).chain(given).cloned().map(Native::own).collect();
            let touched = Touched {
                entity: entity.name.clone(),
                read: BTreeSet::new(),
                written: natives,
                said: Default::default(),
            };
            if let Some(schema) = schema {
                self.names(&touched, of, schema)?;
            }
            if self.base(entity, of).await? && write {
                self.write(of).await?;
            }
        }
        Ok(())
    }

    /// Whether a number could be taken: the same one goes and comes in one step.
    async fn take(&mut self, dn: &str, attribute: &str, found: &Entry) -> Result<(), Failure> {
        let line =
            |kind| AttributeChange { kind, attribute: attribute.to_owned(), values: found.values(attribute) };
        let changes = vec![line(ModifyKind::Delete), line(ModifyKind::Add)];
        let write = LdapOperation::Modify { dn: dn.to_owned(), changes, assertion: None };
        let until = self.directory.until();
        let result = self.connection.write(write.clone(), Vec::new(), until).await.map_err(unavailable)?;
        // Somebody may have taken it a moment ago.
        if !matches!(result.rc, 0 | codes::NO_SUCH_ATTRIBUTE) {
            let cause = codes::write(&write, &result);
            self.findings.wrong(format!("the account may not change the counter {dn}: {cause}"));
        }
        Ok(())
    }

    /// Whether a counter can be used, and is ahead of all who have a number.
    async fn counter(
        &mut self,
        name: &str,
        numbered: &Native,
        entries: &Entries,
        counter: &Counter,
        write: bool,
    ) -> Result<(), Failure> {
        let Counter { dn, attribute } = counter;
        let found = self.read(dn, &[attribute]).await?.entries.into_iter().next();
        let Some(found) = found else {
            self.findings.wrong(format!(
                "{name}: the counter {dn} ({attribute}) does not exist, or the account may not see it: make it, \
                 an entry that holds the next free number there"
            ));
            return Ok(());
        };
        let next = match found.values(attribute).as_slice() {
            [held] => held.text().and_then(|text| text.parse::<i64>().ok()).filter(|next| *next >= 0),
            _ => None,
        };
        let Some(next) = next else {
            self.findings.wrong(format!("{name}: the counter {dn} must hold one number in {attribute}"));
            return Ok(());
        };
        if write {
            self.take(dn, attribute, &found).await?;
        }
        let numbered = filter::attribute(numbered)?;
        let taken = LdapOperation::Search {
            base: entries.base.clone(),
            scope: Scope::Subtree,
            filter: filter::of_type(entries, &format!("({numbered}>={next})"))?,
            attributes: vec!["1.1".to_owned()],
            size_limit: 1,
        };
        match self.ask(&taken).await?.entries.is_empty() {
            true => self.findings.good(format!("{name}: the counter {dn} stands at {next}")),
            false => self.findings.wrong(format!(
                "{name}: the counter {dn} stands at {next}, and somebody has that number or a higher one: set it \
                 to the next free number"
            )),
        }
        Ok(())
    }

    fn controls(&mut self) {
        let Features { assertion, post_read, paged, .. } = self.connection.features;
        match assertion {
            true => self.findings.good("If-Match is atomic: the server has the assertion control"),
            false => self.findings.note(
                "no assertion control: If-Match is checked by a read, and each changed value against what was read",
            ),
        }
        if !post_read {
            self.findings.note("no post-read control: a new entry's id takes one more read");
        }
        match paged {
            true => self.findings.good("long lists are read by pages"),
            false => self.findings.wrong("no paged results: lists end where the server's size limit is"),
        }
    }

    /// The schema, where the account may read it.
    pub(super) async fn schema(&mut self) -> Result<Option<Schema>, Failure> {
        let root = self.read("", &[schema::SUBENTRY]).await?.entries.into_iter().next();
        let place = root.and_then(|root| root.text(schema::SUBENTRY));
        let entry = match place {
            Some(dn) => self.read(&dn, &schema::ATTRIBUTES).await?.entries.into_iter().next(),
            None => None,
        };
        let schema = entry.as_ref().and_then(Schema::of);
        if schema.is_none() {
            self.findings
                .note("the account may not read the schema: names of attributes were not compared with it");
        }
        Ok(schema)
    }

    /// Attributes and classes of the mapping that the schema lacks.
    fn names(&mut self, touched: &Touched, entries: &Entries, schema: &Schema) -> Result<(), Failure> {
        let mut lacks = |what: &str, name: &str| {
            let text = format!(
                "{}: the schema has no {what} {name}; look at the mapping's spelling",
                touched.entity
            );
            self.findings.wrong(text);
        };
        entries
            .classes
            .iter()
            .filter(|class| !schema.has_class(class))
            .for_each(|class| lacks("object class", class));
        let mut names = vec![&*entries.id, &*entries.rdn];
        names.extend(entries.rest.as_deref());
        for native in touched.natives() {
            names.push(filter::attribute(native)?);
        }
        let unknown: BTreeSet<&str> = names.into_iter().filter(|name| !schema.has_attribute(name)).collect();
        unknown.into_iter().for_each(|name| lacks("attribute", name));
        Ok(())
    }

    /// Whether the base is there, and how much of it one search gives.
    async fn base(&mut self, entity: &Entity, entries: &Entries) -> Result<bool, Failure> {
        let (name, base) = (&entity.name, &entries.base);
        if !self.exists(base).await? {
            let text = format!("{name}: the base {base} does not exist, or the account may not see it");
            self.findings.wrong(text);
            return Ok(false);
        }
        let all = LdapOperation::Search {
            base: base.clone(),
            scope: Scope::Subtree,
            filter: filter::of_type(entries, "")?,
            attributes: vec!["1.1".to_owned()],
            size_limit: MANY,
        };
        let answer = self.ask(&all).await?;
        let seen = answer.entries.len();
        match answer.result.rc {
            codes::SIZE_LIMIT if seen < MANY => self.findings.note(format!(
                "{name}: the server gives this account {seen} entries a search; longer lists are read by pages, which it \
                 must not limit too (OpenLDAP: `size.prtotal`), or lists are refused"
            )),
            0 | codes::SIZE_LIMIT => {}
            _ => self.findings.wrong(format!("{name}: {}", codes::search(base, &answer.result))),
        }
        Ok(true)
    }

    /// Whether the places are there where entries go instead of being deleted.
    async fn leavers(&mut self, entity: &Entity) -> Result<(), Failure> {
        for place in entity.on_delete.iter().filter_map(|rule| rule.how.place()) {
            if !self.exists(place).await? {
                self.findings.wrong(format!(
                    "{}: {place}, where leavers go, does not exist, or the account may not see it",
                    entity.name
                ));
            }
        }
        Ok(())
    }

    /// Whether there is such an entry, as far as the account sees.
    pub(super) async fn exists(&self, dn: &str) -> Result<bool, Failure> {
        let answer = self.read(dn, &["1.1"]).await?;
        Ok(answer.result.rc == 0 && !answer.entries.is_empty())
    }

    /// What is visible of some entries; the DN of one.
    async fn sample(
        &mut self,
        touched: &Touched,
        entity: &Entity,
        entries: &Entries,
    ) -> Result<Option<String>, Failure> {
        let search = touched.search(SAMPLE);
        let mut found = Vec::new();
        for operation in operations(entity, entries, &search, &Dns::new())? {
            found.extend(self.ask(&operation).await?.entries);
        }
        let (name, count) = (&entity.name, found.len().min(SAMPLE));
        if found.is_empty() {
            let classes = entries.classes.join(", ");
            self.findings.note(format!("{name}: no entry below {} with {classes} is visible", entries.base));
            return Ok(None);
        }
        let is_seen = |attribute: &str| found.iter().any(|entry| !entry.values(attribute).is_empty());
        if !is_seen(&entries.id) {
            self.findings
                .wrong(format!("{name}: {}, the id, is not visible: nothing can be shown", entries.id));
        }
        let mut unseen = Vec::new();
        for native in &search.fields.natives {
            unseen.extend(Some(filter::attribute(native)?).filter(|attribute| !is_seen(attribute)));
        }
        match unseen.is_empty() {
            true => {
                self.findings.good(format!("{name}: {count} entries looked at, every attribute was seen"))
            }
            false => self.findings.note(format!(
                "{name}: {count} entries looked at; nobody has, or the account may not read: {}",
                unseen.join(", ")
            )),
        }
        Ok(found.into_iter().next().map(|entry| entry.dn))
    }

    /// Adds an entry, changes it, and removes it.
    async fn write(&mut self, entries: &Entries) -> Result<(), Failure> {
        let name = format!("gantry-doctor-{}", uuid::Uuid::new_v4());
        let dn = format!("cn={name},{}", entries.base);
        let values = |text: &str| vec![Value::from(text)];
        let add = LdapOperation::Add {
            dn: dn.clone(),
            attributes: vec![("objectClass".to_owned(), values("device")), ("cn".to_owned(), values(&name))],
        };
        let description = AttributeChange {
            kind: ModifyKind::Replace,
            attribute: "description".to_owned(),
            values: values("written by gantry doctor"),
        };
        let modify = LdapOperation::Modify { dn: dn.clone(), changes: vec![description], assertion: None };
        let delete = LdapOperation::Delete { dn: dn.clone(), assertion: None };
        if !self.may("add an entry", &add, entries).await? {
            return Ok(());
        }
        let may_modify = self.may("change an entry", &modify, entries).await?;
        if !self.may("delete an entry", &delete, entries).await? {
            self.findings.wrong(format!("the entry {dn} is doctor's own, and stays: delete it by hand"));
        } else if may_modify {
            self.findings.good(format!("entries below {} can be added, changed and deleted", entries.base));
        }
        Ok(())
    }

    pub(super) async fn may(
        &mut self,
        what: &str,
        write: &LdapOperation,
        entries: &Entries,
    ) -> Result<bool, Failure> {
        let until = self.directory.until();
        let result = self.connection.write(write.clone(), Vec::new(), until).await.map_err(unavailable)?;
        if result.rc != 0 {
            let cause = codes::write(write, &result);
            self.findings.wrong(format!("the account may not {what} below {}: {cause}", entries.base));
        }
        Ok(result.rc == 0)
    }

    pub(super) fn kind(&self) -> Kind {
        self.connection.features.kind
    }

    pub(super) async fn read(&self, dn: &str, attributes: &[&str]) -> Result<Answer, Failure> {
        let search = LdapOperation::Search {
            base: dn.to_owned(),
            scope: Scope::Base,
            filter: ANY.to_owned(),
            attributes: attributes.iter().map(|name| (*name).to_owned()).collect(),
            size_limit: 1,
        };
        self.ask(&search).await
    }

    pub(super) async fn ask(&self, search: &LdapOperation) -> Result<Answer, Failure> {
        self.connection.search(search, None, self.directory.until()).await.map_err(unavailable)
    }
}

/// What a server is, and how it was reached.
fn told(said: &Said, connection: &Connection, server: &Server) -> String {
    let kind = connection.features.kind.name();
    let version = said.version.iter().map(|version| format!(" ({version})")).collect::<String>();
    let tls = match (server.url.starts_with("ldaps:"), server.start_tls) {
        (true, _) => "over TLS",
        (false, true) => "over StartTLS",
        (false, false) => "WITHOUT TLS: whoever is on the way can read passwords",
    };
    format!("{kind}{version}, {tls}")
}

fn why(trouble: Trouble) -> String {
    match unavailable(trouble) {
        Failure::Unavailable(text) | Failure::Internal(text) => text,
        other => other.to_string(),
    }
}
