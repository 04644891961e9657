//! What a server's own configuration must have for a mapping, as far as the gateway's account may see it: indexes, and the
//! overlays or plug-ins that do what the gateway leaves to the directory. Reads only.

use std::collections::BTreeSet;

use crate::backend::Failure;
use crate::backend::finding::{Finding, Findings};
use crate::plan::{Entity, Entries, LdapOperation, Model, Native, Scope, Touched};

use super::examine::{Examination, MANY};
use super::kind::Kind;
use super::read::Directory;

/// The places of one kind of thing in a server's configuration.
pub(super) struct Place {
    base: &'static str,
    filter: &'static str,
    attribute: &'static str,
}

/// Which of these overlays, or plug-ins, does what.
struct Helper {
    names: &'static [&'static str],
    does: &'static str,
}

const OPENLDAP_INDEXES: Place =
    Place { base: "cn=config", filter: "(olcDbIndex=*)", attribute: "olcDbIndex" };
const DS389_INDEXES: Place =
    Place { base: "cn=ldbm database,cn=plugins,cn=config", filter: "(objectClass=nsIndex)", attribute: "cn" };
pub(super) const OPENLDAP_OVERLAYS: Place =
    Place { base: "cn=config", filter: "(olcOverlay=*)", attribute: "olcOverlay" };
pub(super) const DS389_PLUGINS: Place =
    Place { base: "cn=plugins,cn=config", filter: "(nsslapd-pluginEnabled=on)", attribute: "cn" };

const SHOWS_GROUPS: &str = "shows people's groups";
const FOLLOWS_NAMES: &str = "keeps members' names when entries are renamed or deleted";
const LOCKS: &str = "locks accounts";
const COUNTS: &str = "counts the changes that versions are told by";

impl Directory {
    /// Whether what a filter compares is indexed.
    pub(super) async fn indexes(&self, compared: &BTreeSet<Native>) -> Result<Vec<Finding>, Failure> {
        let (connection, mut findings) = (self.pool.fleet.open(self.until()).await?, Findings::default());
        let names = compared.iter().map(|native| native.name.to_string()).collect();
        Examination::of(self, &connection, &mut findings).indexes(&names).await?;
        Ok(findings.all())
    }
}

impl Examination<'_> {
    /// Whether what the mapping's own look-ups compare is indexed.
    pub(super) async fn indexes(&mut self, needed: &BTreeSet<String>) -> Result<(), Failure> {
        let place = match self.kind() {
            Kind::OpenLdap => Some(&OPENLDAP_INDEXES),
            Kind::Ds389 => Some(&DS389_INDEXES),
            Kind::ActiveDirectory | Kind::Generic => None,
        };
        // `uid,mail eq,sub`, or the attribute alone.
        let names = |list: String| {
            let attributes = list.split(' ').next().unwrap_or_default();
            attributes.split(',').map(str::to_ascii_lowercase).collect::<Vec<_>>()
        };
        let indexed: BTreeSet<String> = self.configured(place).await?.into_iter().flat_map(names).collect();
        if indexed.is_empty() {
            let names = needed.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            self.findings.note(format!(
                "which indexes there are this account cannot see; look-ups need one on {names}"
            ));
            return Ok(());
        }
        let missing: Vec<&str> = needed
            .iter()
            .filter(|name| !indexed.contains(&name.to_ascii_lowercase()))
            .map(String::as_str)
            .collect();
        match missing.is_empty() {
            true => self.findings.good("all that look-ups compare is indexed"),
            false => self
                .findings
                .note(format!("no index on {}: such look-ups go through all entries", missing.join(", "))),
        }
        Ok(())
    }

    /// Whether the overlays or plug-ins are on whose work the mapping relies on.
    pub(super) async fn helpers(&mut self, touched: &[Touched]) -> Result<(), Failure> {
        let (place, what) = match self.kind() {
            Kind::OpenLdap => (&OPENLDAP_OVERLAYS, "overlay"),
            Kind::Ds389 => (&DS389_PLUGINS, "plug-in"),
            Kind::ActiveDirectory | Kind::Generic => return Ok(()),
        };
        let needed = needed(self.kind(), &self.directory.model, touched);
        if needed.is_empty() {
            return Ok(());
        }
        let on: BTreeSet<String> = self.configured(Some(place)).await?.into_iter().map(bare).collect();
        let told = |helper: &Helper| format!("{} ({})", helper.names.join(" or "), helper.does);
        let list = |helpers: Vec<&Helper>| helpers.into_iter().map(told).collect::<Vec<_>>().join(", ");
        if on.is_empty() {
            let names = list(needed.iter().collect());
            self.findings
                .note(format!("which {what}s are on this account cannot see; the mapping relies on {names}"));
            return Ok(());
        }
        let is_on =
            |helper: &&Helper| helper.names.iter().any(|name| on.contains(&name.to_ascii_lowercase()));
        let missing: Vec<&Helper> = needed.iter().filter(|helper| !is_on(helper)).collect();
        match missing.is_empty() {
            true => self.findings.good(format!("every {what} that the mapping relies on is on")),
            false => {
                let names = list(missing);
                self.findings.wrong(format!("the mapping relies on the {what} {names}, which is not on"));
            }
        }
        Ok(())
    }

    /// The values of an attribute in the server's configuration; none where the account may not see it.
    pub(super) async fn configured(&self, place: Option<&Place>) -> Result<Vec<String>, Failure> {
        let Some(Place { base, filter, attribute }) = place else { return Ok(Vec::new()) };
        let search = LdapOperation::Search {
            base: (*base).to_owned(),
            scope: Scope::Subtree,
            filter: (*filter).to_owned(),
            attributes: vec![(*attribute).to_owned()],
            size_limit: MANY,
        };
        let found = self.ask(&search).await?.entries;
        Ok(found.iter().flat_map(|entry| entry.values(attribute)).filter_map(|value| value.text()).collect())
    }
}

/// The name of an overlay or plug-in: that in `{0}memberof`, or all of it.
pub(super) fn bare(name: String) -> String {
    name.rsplit('}').next().unwrap_or_default().to_ascii_lowercase()
}

/// What look-ups compare: the id, what must be unique, who is referred to, by DN or by another attribute, and what
/// others refer to.
pub(super) fn indexed<'a>(
    model: &'a Model,
    entity: &'a Entity,
    entries: &'a Entries,
) -> impl Iterator<Item = String> + use<'a> {
    let held = entries.copies.iter().filter(|copy| copy.by.is_some()).map(|copy| &copy.to);
    let natives = entity.unique.iter().chain(entity.references.keys()).chain(held);
    let by =
        model.holders(&entity.name).filter(|held| !held.is_copy).map(|held| held.by.attribute.to_string());
    std::iter::once(entries.id.to_string()).chain(natives.map(|native| native.name.to_string())).chain(by)
}

/// What the mapping leaves to the directory.
fn needed(kind: Kind, model: &Model, touched: &[Touched]) -> Vec<Helper> {
    let is_389 = kind == Kind::Ds389;
    let named = |name: &'static str| move |native: &Native| native.name.eq_ignore_ascii_case(name);
    let touches = |name| touched.iter().any(|touched| touched.natives().any(named(name)));
    let entities = || touched.iter().filter_map(|touched| model.entity(&touched.entity));
    let writes_names = touched.iter().any(|touched| {
        let by_dn = |entity: &Entity, native: &Native| {
            let places = super::search::place(model, &entity.name);
            places.is_ok_and(|(entity, entries)| !super::stand_ins::by_dn(entity, entries, native).is_empty())
        };
        let entity = model.entity(&touched.entity);
        entity.is_some_and(|entity| touched.written.iter().any(|native| by_dn(entity, native)))
    });
    let counts = entities().any(|entity| entity.version.as_ref().is_some_and(named("entryUSN")));
    let all: [(bool, &'static [&'static str], &'static str); 4] = [
        (
            touches("memberOf"),
            if is_389 { &["MemberOf Plugin"] } else { &["memberof", "dynlist"] },
            SHOWS_GROUPS,
        ),
        (
            writes_names,
            if is_389 { &["referential integrity postoperation"] } else { &["refint"] },
            FOLLOWS_NAMES,
        ),
        (!is_389 && touches("pwdAccountLockedTime"), &["ppolicy"], LOCKS),
        (is_389 && counts, &["USN"], COUNTS),
    ];
    all.into_iter()
        .filter(|(is_needed, ..)| *is_needed)
        .map(|(_, names, does)| Helper { names, does })
        .collect()
}
