//! What an Active Directory lets the gateway's account do. It says so itself, in attributes that it computes for
//! whoever reads them ([MS-ADTS] §3.1.1.4.5): which classes of entries the account may make at a place, and which
//! attributes of an entry it may write. Only passwords and deletions have to be tried, on an entry of one's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::Failure;
use crate::plan::{AttributeChange, Entity, Entries, LdapOperation, ModifyKind, Secret, Touched, Value};

use super::account;
use super::examine::Examination;
use super::filter;

/// Classes of entries that the account may make right below the entry.
const CLASSES: &str = "allowedChildClassesEffective";
/// Attributes of the entry that the account may write.
const ATTRIBUTES: &str = "allowedAttributesEffective";

const ADVICE: &str = "delegate it as the README of the mapping `active-directory` says";

impl Examination<'_> {
    /// Which rights the account lacks for what the mapping does; `one` is the DN of an entry of the type.
    pub(super) async fn delegated(
        &mut self,
        touched: &Touched,
        entity: &Entity,
        entries: &Entries,
        one: Option<String>,
        write: bool,
    ) -> Result<(), Failure> {
        let before = self.findings.len();
        let places = entity.on_delete.iter().filter_map(|rule| rule.how.place());
        for place in std::iter::once(entries.base.as_str()).chain(places) {
            self.may_make(entity, entries, place).await?;
        }
        if write && self.findings.len() == before {
            return self.try_own(touched, entity, entries).await;
        }
        match one {
            Some(one) => self.may_write(touched, entity, entries, &one).await?,
            None => self.findings.note(format!(
                "{}: no entry shows which attributes the account may write; --write makes one of its own",
                entity.name
            )),
        }
        if self.findings.len() == before {
            let text =
                format!("{}: the account may make entries and write what the mapping writes", entity.name);
            self.findings.good(text);
        }
        Ok(())
    }

    /// Whether entries may come to a place: new ones, and who leaves.
    async fn may_make(&mut self, entity: &Entity, entries: &Entries, place: &str) -> Result<(), Failure> {
        let Some(class) = entries.classes.last() else { return Ok(()) };
        if !self.exists(place).await? {
            return Ok(());
        }
        if !self.computed(place, CLASSES).await?.contains(&class.to_lowercase()) {
            self.findings.wrong(format!(
                "{}: the account may not make entries of the class {class} below {place}: {ADVICE}",
                entity.name
            ));
        }
        Ok(())
    }

    async fn may_write(
        &mut self,
        touched: &Touched,
        entity: &Entity,
        entries: &Entries,
        one: &str,
    ) -> Result<(), Failure> {
        let allowed = self.computed(one, ATTRIBUTES).await?;
        let mut wanted = BTreeMap::new();
        for native in &touched.written {
            let name = filter::attribute(native)?;
            wanted.insert(name.to_lowercase(), name);
        }
        wanted.entry(entries.rdn.to_lowercase()).or_insert(&entries.rdn);
        wanted.retain(|folded, name| !account::is_password(name) && !allowed.contains(folded));
        let lacking: Vec<&str> = wanted.into_values().collect();
        if !lacking.is_empty() {
            let (name, lacking) = (&entity.name, lacking.join(", "));
            self.findings.wrong(format!("{name}: the account may not write {lacking} of {one}: {ADVICE}"));
        }
        Ok(())
    }

    /// Makes an entry, looks at what may be written of it, sets its password where the mapping sets one, and
    /// deletes it.
    async fn try_own(
        &mut self,
        touched: &Touched,
        entity: &Entity,
        entries: &Entries,
    ) -> Result<(), Failure> {
        let before = self.findings.len();
        let name = format!("gantry-doctor-{}", uuid::Uuid::new_v4());
        let dn = format!("{}={name},{}", entries.rdn, entries.base);
        let classes = entries.classes.iter().map(|class| Value::from(class.as_str())).collect();
        let add =
            LdapOperation::Add { dn: dn.clone(), attributes: vec![("objectClass".to_owned(), classes)] };
        if !self.may("add an entry", &add, entries).await? {
            return Ok(());
        }
        self.may_write(touched, entity, entries, &dn).await?;
        if touched.written.iter().any(|native| account::is_password(&native.name)) {
            self.may("set a password", &new_password(&dn), entries).await?;
        }
        let delete = LdapOperation::Delete { dn: dn.clone(), assertion: None };
        if !self.may("delete an entry", &delete, entries).await? {
            self.findings.wrong(format!("the entry {dn} is doctor's own, and stays: delete it by hand"));
        }
        if self.findings.len() == before {
            let base = &entries.base;
            self.findings.good(format!("entries below {base} can be added, changed and deleted"));
        }
        Ok(())
    }

    /// The values, in lower case, of an attribute that is computed for this account.
    async fn computed(&self, dn: &str, attribute: &str) -> Result<BTreeSet<String>, Failure> {
        let entry = self.read(dn, &[attribute]).await?.entries.into_iter().next().unwrap_or_default();
        let texts = entry.values(attribute).into_iter().filter_map(|value| value.text());
        Ok(texts.map(|text| text.to_lowercase()).collect())
    }
}

/// Sets a password that nobody knows, of all kinds of characters that rules ask for.
fn new_password(dn: &str) -> LdapOperation {
    let password = account::password(&Secret::text(format!("Aa1-{}", uuid::Uuid::new_v4())));
    let change = AttributeChange {
        kind: ModifyKind::Replace,
        attribute: account::PASSWORD.to_owned(),
        values: password.map(Value::Secret).into_iter().collect(),
    };
    LdapOperation::Modify { dn: dn.to_owned(), changes: vec![change], assertion: None }
}
