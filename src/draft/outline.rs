//! Which table of a database is what: who has the people, the groups, who is in which, whose phones are where. Told by
//! names, keys and foreign keys; what stands in the tables is looked at later, in these only.

use super::Nothing;
use super::spelling::{
    ADDRESSES, GROUPS, KINDS, Known, LOOKUPS, MANAGERS, MEMBERSHIPS, Means, NAMES, NUMBERS, PEOPLE, PERSON,
    SHADOWS, TENANTS, leads_to, plain, rank, singular, speaks_of,
};
use crate::survey::tables::{Column, Holds, Table, Tables, Wish};

/// Columns of a table that a sample looks at, at most.
const SAMPLED: usize = 60;
/// Columns of a key, at most.
const KEY: usize = 4;
/// What a table must weigh to be taken for one of people.
const ENOUGH: usize = 7;

/// Which table is what.
#[derive(Debug)]
pub struct Outline<'a> {
    pub(super) is_sqlite: bool,
    pub(super) people: People<'a>,
    pub(super) groups: Option<Groups<'a>>,
    /// Plain names of columns that are in several keys and say whose a row is.
    pub(super) tenants: Vec<String>,
    /// Other tables of people, and other groupings, that were not taken.
    pub(super) passed_over: Vec<String>,
}

/// The table of people.
#[derive(Debug)]
pub(super) struct People<'a> {
    pub(super) table: &'a Table,
    pub(super) key: Vec<String>,
    /// What its columns mean.
    pub(super) columns: Vec<(&'static Known, &'a Column)>,
    /// A column that stands in for a login, where none is called so.
    pub(super) login: &'a Column,
    pub(super) lookups: Vec<Lookup<'a>>,
    pub(super) manager: Option<Link>,
    pub(super) phones: Option<Child<'a>>,
    pub(super) emails: Option<Child<'a>>,
    pub(super) document: Option<(&'a Table, Link, &'a Column)>,
    /// Other tables that lead to people.
    pub(super) holders: Vec<&'a str>,
}

/// The table of groups, and who is in which.
#[derive(Debug)]
pub(super) struct Groups<'a> {
    pub(super) table: &'a Table,
    pub(super) key: Vec<String>,
    pub(super) name: &'a Column,
    pub(super) membership: &'a Table,
    pub(super) to_person: Link,
    pub(super) to_group: Link,
    pub(super) document: Option<(&'a Table, Link, &'a Column)>,
}

/// Columns that lead to another table's key, in the order of that key.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) columns: Vec<String>,
    /// Whether a foreign key says so; else it is guessed by the names.
    pub(super) is_said: bool,
}

/// A shared row with a name.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    pub(super) alias: &'static str,
    pub(super) path: &'static str,
    pub(super) table: &'a Table,
    pub(super) key: Vec<String>,
    pub(super) name: &'a Column,
    pub(super) link: Link,
}

/// A table with several rows for a person.
#[derive(Debug)]
pub(super) struct Child<'a> {
    pub(super) table: &'a Table,
    pub(super) link: Link,
    pub(super) value: &'a Column,
    pub(super) kind: Option<&'a Column>,
}

impl<'a> Outline<'a> {
    /// Of these tables.
    pub fn of(tables: &'a Tables) -> Result<Self, Nothing> {
        let usable: Vec<&Table> = tables.tables.iter().filter(|table| is_usable(table)).collect();
        let mut candidates: Vec<(usize, People<'a>)> = usable
            .iter()
            .filter_map(|table| People::of(table))
            .map(|people| (weight(&people, &usable), people))
            .filter(|(weight, _)| *weight >= ENOUGH)
            .collect();
        candidates.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        let mut passed_over: Vec<&str> =
            candidates.iter().skip(1).map(|(_, people)| people.table.name.as_str()).collect();
        let Some((_, mut people)) = candidates.into_iter().next() else { return Err(nothing(tables)) };
        let groups = groups(&people, &usable, &mut passed_over);
        people.surround(&usable, groups.as_ref());
        passed_over.retain(|name| {
            let is_taken =
                groups.as_ref().is_some_and(|g| g.table.name == *name || g.membership.name == *name);
            !is_taken && people.table.name != *name
        });
        passed_over.dedup();
        let mut passed_over: Vec<String> = passed_over.into_iter().map(str::to_owned).collect();
        let is_keyless = |table: &&Table| {
            key(table).is_none() && meanings(table).iter().any(|(known, _)| known.means == Means::Login)
        };
        passed_over.extend(
            usable
                .iter()
                .copied()
                .filter(is_keyless)
                .map(|table| format!("{} (nothing tells its rows apart)", table.name)),
        );
        let tenants = tenants(&people.key, groups.as_ref().map(|groups| groups.key.as_slice()));
        Ok(Self { is_sqlite: tables.is_sqlite, people, groups, tenants, passed_over })
    }

    /// Of which tables a sample is wanted.
    pub fn wishes(&self) -> Vec<Wish> {
        let People { table, phones, emails, .. } = &self.people;
        let groups = self.groups.iter().flat_map(|groups| [groups.table, groups.membership]);
        let children = phones.iter().chain(emails).map(|child| child.table);
        let mut wishes: Vec<Wish> = Vec::new();
        for table in [*table].into_iter().chain(groups).chain(children) {
            if wishes.iter().all(|wish| wish.table != table.name) {
                let is_sampled = |column: &&Column| {
                    matches!(column.holds, Holds::Text | Holds::Integer | Holds::Boolean)
                        && is_nameable(&column.name)
                };
                let columns = table.columns.iter().filter(is_sampled).take(SAMPLED);
                wishes.push(Wish {
                    table: table.name.clone(),
                    columns: columns.map(|column| column.name.clone()).collect(),
                });
            }
        }
        wishes
    }
}

/// Columns of keys that say whose a row is: by their name, or because people and groups have them in common.
fn tenants(people: &[String], groups: Option<&[String]>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, other) in [(people, groups), (groups.unwrap_or_default(), Some(people))] {
        for name in key.iter().filter(|_| key.len() > 1).map(|name| plain(name)) {
            let is_shared =
                other.is_some_and(|other| other.len() > 1 && other.iter().any(|other| plain(other) == name));
            if is_shared || TENANTS.iter().any(|word| name.contains(word)) {
                found.push(name);
            }
        }
    }
    found
}

/// What to say when no table is one of people.
fn nothing(tables: &Tables) -> Nothing {
    let names: Vec<&str> = tables.tables.iter().take(30).map(|table| table.name.as_str()).collect();
    match names.is_empty() {
        true => "there are no tables, or this login may see none".to_owned(),
        false => format!(
            "no table looks like one of people, with a key and a column for what they log in by, among {}: copy the \
             nearest of the ready mappings and put in the names",
            names.join(", ")
        ),
    }
}

/// Whether a mapping can name it: a dot would end the table's name and begin a column's.
pub(super) fn is_nameable(name: &str) -> bool {
    !name.is_empty() && !name.contains('.')
}

fn is_usable(table: &Table) -> bool {
    let is_one = table.name.split('.').count() <= 2 && table.name.split('.').all(|part| !part.is_empty());
    is_one && !table.is_view
}

/// The columns that tell a table's rows apart, and of which an id can be made.
pub(super) fn key(table: &Table) -> Option<Vec<String>> {
    let is_told = |column: &Column| !column.is_nullable && column.holds != Holds::Octets;
    let is_full = |columns: &&Vec<String>| {
        let all = columns.iter().all(|name| table.column(name).is_some_and(is_told));
        all && (1..=KEY).contains(&columns.len()) && columns.iter().all(|name| is_nameable(name))
    };
    std::iter::once(&table.primary).chain(&table.unique).find(is_full).cloned()
}

/// The columns of `from` that lead to the key of `to`.
fn link(from: &Table, to: &Table, key: &[String], by_name: &[&str]) -> Option<Link> {
    links(from, to, key, by_name).into_iter().next()
}

fn links(from: &Table, to: &Table, key: &[String], by_name: &[&str]) -> Vec<Link> {
    let mut found = Vec::new();
    for foreign in from.foreign_keys.iter().filter(|foreign| foreign.table.eq_ignore_ascii_case(&to.name)) {
        let place = |name: &String| {
            let at =
                foreign.referenced.iter().position(|referenced| referenced.eq_ignore_ascii_case(name))?;
            foreign.columns.get(at).cloned()
        };
        let columns: Option<Vec<String>> = key.iter().map(place).collect();
        let columns = columns.filter(|columns| columns.iter().all(|name| is_nameable(name)));
        found.extend(
            columns
                .filter(|_| foreign.referenced.len() == key.len())
                .map(|columns| Link { columns, is_said: true }),
        );
    }
    if found.is_empty()
        && from.name != to.name
        && let [key] = key
    {
        found.extend(guessed(from, to, key, by_name));
    }
    found
}

/// A link that no foreign key says, by the column's name.
fn guessed(from: &Table, to: &Table, key: &str, by_name: &[&str]) -> Option<Link> {
    let own = singular(&to.name);
    let key_name = plain(key);
    let is_told = |column: &&Column| {
        let name = plain(&column.name);
        let is_key =
            name == key_name && !matches!(key_name.as_str(), "id" | "key" | "code" | "nr" | "no" | "guid");
        let stem = ["id", "no", "nr", "key", "code"].iter().find_map(|end| name.strip_suffix(end));
        is_key || stem.is_some_and(|stem| stem == own || by_name.contains(&stem))
    };
    let is_free = |column: &&Column| {
        !from
            .foreign_keys
            .iter()
            .any(|key| key.columns.iter().any(|name| name.eq_ignore_ascii_case(&column.name)))
    };
    let fits = |column: &&Column| {
        to.column(key).is_some_and(|key| key.holds == column.holds) && is_nameable(&column.name)
    };
    let column = from.columns.iter().filter(is_told).filter(is_free).find(fits)?;
    Some(Link { columns: vec![column.name.clone()], is_said: false })
}

/// How much a table looks like the one of people.
fn weight(people: &People<'_>, tables: &[&Table]) -> usize {
    let told: usize = people.columns.iter().map(|(known, _)| known.weight).sum();
    let named = if speaks_of(&people.table.name, PEOPLE) { 3 } else { 0 };
    let led_to =
        tables.iter().filter(|table| link(table, people.table, &people.key, PEOPLE).is_some()).count().min(5);
    let shadow = if speaks_of(&people.table.name, SHADOWS) { 6 } else { 0 };
    (told + named + led_to).saturating_sub(shadow)
}

/// The best grouping of people.
fn groups<'a>(
    people: &People<'a>,
    tables: &[&'a Table],
    passed_over: &mut Vec<&'a str>,
) -> Option<Groups<'a>> {
    let mut found: Vec<(usize, Groups<'a>)> = Vec::new();
    for membership in tables.iter().filter(|table| table.name != people.table.name) {
        let Some(to_person) = link(membership, people.table, &people.key, PEOPLE) else { continue };
        for table in tables {
            if table.name == people.table.name || table.name == membership.name {
                continue;
            }
            let Some(key) = key(table) else { continue };
            let Some(to_group) = link(membership, table, &key, GROUPS) else { continue };
            let Some(name) = named(table) else { continue };
            let weight = grouping(table, membership, [&to_person, &to_group]);
            if weight > 0 {
                let (to_person, document) = (to_person.clone(), document(table, &key, tables));
                found.push((weight, Groups { table, key, name, membership, to_person, to_group, document }));
            }
        }
    }
    found.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    passed_over.extend(found.iter().skip(1).map(|(_, groups)| groups.table.name.as_str()));
    found.into_iter().next().map(|(_, groups)| groups)
}

/// How much two tables look like groups and who is in them; 0: not at all.
fn grouping(table: &Table, membership: &Table, links: [&Link; 2]) -> usize {
    let of_links: Vec<&str> = links.iter().flat_map(|link| &link.columns).map(String::as_str).collect();
    let is_whole = membership.is_unique(&of_links);
    let named = speaks_of(&table.name, GROUPS);
    let says = speaks_of(&membership.name, MEMBERSHIPS)
        || named && speaks_of(&membership.name, &[&singular(&table.name)]);
    let said = links.iter().filter(|link| link.is_said).count();
    let is_child = value(membership, NUMBERS).is_some() || value(membership, ADDRESSES).is_some();
    match (named, says, is_whole && !is_child) {
        (false, false, false) => 0,
        (named, says, is_whole) => {
            let shadow = if speaks_of(&membership.name, SHADOWS) { 3 } else { 0 };
            let sum = 4 * usize::from(named) + 2 * usize::from(says) + 3 * usize::from(is_whole) + said;
            sum.saturating_sub(shadow)
        }
    }
}

/// What the rows of a table are called by.
fn named(table: &Table) -> Option<&Column> {
    best(table, NAMES, |column| column.holds == Holds::Text)
}

fn value<'a>(table: &'a Table, spelled: &[&str]) -> Option<&'a Column> {
    best(table, spelled, |column| column.holds == Holds::Text)
}

/// The column whose name is nearest to these.
fn best<'a>(table: &'a Table, spelled: &[&str], fits: impl Fn(&Column) -> bool) -> Option<&'a Column> {
    let ranked = table.columns.iter().filter(|column| fits(column) && is_nameable(&column.name));
    let ranked = ranked.filter_map(|column| Some((rank(&column.name, &table.name, spelled)?, column)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, column)| column)
}

/// The table that already keeps documents of SCIM for these rows.
fn document<'a>(of: &Table, key: &[String], tables: &[&'a Table]) -> Option<(&'a Table, Link, &'a Column)> {
    tables.iter().filter(|table| speaks_of(&table.name, &["scim"])).find_map(|table| {
        let link = link(table, of, key, &[]).filter(|link| link.columns == table.primary)?;
        let mut others = table.columns.iter().filter(|column| !link.columns.contains(&column.name));
        let (Some(column), None) = (others.next(), others.next()) else { return None };
        (column.holds == Holds::Text).then_some((*table, link, column))
    })
}

// === impl People ===

impl<'a> People<'a> {
    /// A table as one of people; `None` when nobody could log in by it.
    fn of(table: &'a Table) -> Option<Self> {
        let key = key(table)?;
        let columns = meanings(table);
        let login = columns.iter().find(|(known, _)| known.means == Means::Login).map(|(_, column)| *column);
        let login = login.or_else(|| stand_in(table, &key, &columns))?;
        Some(Self {
            table,
            key,
            columns,
            login,
            lookups: Vec::new(),
            manager: None,
            phones: None,
            emails: None,
            document: None,
            holders: Vec::new(),
        })
    }

    /// What stands around the people, in other tables.
    fn surround(&mut self, tables: &[&'a Table], groups: Option<&Groups<'a>>) {
        let (own, person_key) = (self.table, self.key.clone());
        let managers = links(own, own, &person_key, &[]);
        let is_alone = managers.len() == 1;
        self.manager = managers
            .into_iter()
            .find(|link| is_alone || link.columns.iter().any(|column| leads_to(column, MANAGERS)))
            .filter(|link| {
                link.columns.iter().all(|column| !person_key.contains(column)) || person_key.len() > 1
            });
        for table in tables.iter().filter(|table| table.name != own.name) {
            if groups
                .is_some_and(|groups| groups.membership.name == table.name || groups.table.name == table.name)
            {
                continue;
            }
            self.lookups.extend(lookup(own, table));
            let Some(link) = link(table, own, &person_key, PEOPLE) else { continue };
            let kind = best(table, KINDS, |column| column.holds == Holds::Text);
            let child = |value| Child { table, link: link.clone(), value, kind };
            if speaks_of(&table.name, &["phone", "tel", "fon", "rufnummer"]) && self.phones.is_none() {
                self.phones = value(table, NUMBERS).map(child);
            } else if speaks_of(&table.name, &["mail"]) && self.emails.is_none() {
                self.emails = value(table, ADDRESSES).map(child);
            }
            let is_taken = [&self.phones, &self.emails]
                .into_iter()
                .any(|child| child.as_ref().is_some_and(|child| child.table.name == table.name));
            if !is_taken && !speaks_of(&table.name, &["scim"]) {
                self.holders.push(&table.name);
            }
        }
        let mut seen = Vec::new();
        self.lookups.retain(|lookup| {
            let is_new = !seen.contains(&lookup.alias);
            seen.push(lookup.alias);
            is_new
        });
        // What leads to a row with a name is no name itself.
        let led: Vec<&String> = self.lookups.iter().flat_map(|lookup| &lookup.link.columns).collect();
        let looked_up: Vec<&str> = self.lookups.iter().map(|lookup| lookup.path).collect();
        self.columns
            .retain(|(known, column)| !led.contains(&&column.name) && !looked_up.contains(&known.path));
        let has = |child: &Option<Child<'_>>, word: &str, path: &str| child.is_some() && path.contains(word);
        let (phones, emails) = (&self.phones, &self.emails);
        self.columns.retain(|(known, _)| {
            !has(phones, "phoneNumbers", known.path) && !has(emails, "emails", known.path)
        });
        self.document = document(own, &person_key, tables);
    }

    /// The column that means this.
    pub(super) fn meaning(&self, means: Means) -> Option<&'a Column> {
        self.columns.iter().find(|(known, _)| known.means == means).map(|(_, column)| *column)
    }
}

/// What the columns of a table mean: each at most one thing, each thing at most one column.
pub(super) fn meanings(table: &Table) -> Vec<(&'static Known, &Column)> {
    let mut ranked: Vec<(usize, usize, &Column)> = Vec::new();
    for (at, known) in PERSON.iter().enumerate() {
        let fits = |column: &&Column| fits(known, column) && is_nameable(&column.name);
        for column in table.columns.iter().filter(fits) {
            ranked.extend(rank(&column.name, &table.name, known.spelled).map(|rank| {
                // A name as it is goes before one without its beginning.
                (rank + if rank < known.spelled.len() { 0 } else { 1_000 }, at, column)
            }));
        }
    }
    ranked.sort_by_key(|(rank, at, _)| (*rank / 1_000, *at, *rank));
    let mut taken: Vec<(usize, &Column)> = Vec::new();
    for (_, at, column) in ranked {
        let path = |at: usize| PERSON.get(at).map_or("", |known| known.path);
        let is_free = |(other, taken): &(usize, &Column)| {
            taken.name != column.name && *other != at && (path(*other) != path(at) || path(at).is_empty())
        };
        if taken.iter().all(is_free) {
            taken.push((at, column));
        }
    }
    taken.sort_by_key(|(at, _)| *at);
    taken.into_iter().filter_map(|(at, column)| Some((PERSON.get(at)?, column))).collect()
}

fn fits(known: &Known, column: &Column) -> bool {
    let holds = column.holds;
    match known.means {
        Means::Login | Means::Text | Means::CreatedBy | Means::ChangedBy => holds == Holds::Text,
        Means::Active => matches!(holds, Holds::Text | Holds::Integer | Holds::Boolean),
        Means::Inactive => matches!(holds, Holds::Integer | Holds::Boolean),
        Means::Leaves => matches!(holds, Holds::Date | Holds::Instant),
        // In SQLite an instant is often a text.
        Means::Created | Means::Changed => matches!(holds, Holds::Instant | Holds::Date | Holds::Text),
        Means::Password => true,
        Means::Version => matches!(holds, Holds::Stamp | Holds::Integer),
    }
}

/// What may stand in for a login: an address of e-mail, or another name, that nobody else has.
fn stand_in<'a>(table: &'a Table, key: &[String], columns: &[(&Known, &'a Column)]) -> Option<&'a Column> {
    let is_told_apart = |column: &&Column| table.is_unique(&[&column.name]) && column.holds == Holds::Text;
    let mail = columns
        .iter()
        .find(|(known, _)| known.path.contains("work\"].value") && known.path.contains("emails"));
    let mail = mail.map(|(_, column)| *column).filter(is_told_apart);
    let is_key = |column: &&Column| matches!(key, [one] if one.eq_ignore_ascii_case(&column.name));
    mail.or_else(|| {
        let must = |column: &&Column| !column.is_nullable && is_nameable(&column.name);
        table
            .columns
            .iter()
            .filter(is_told_apart)
            .filter(must)
            .find(|column| !is_key(column) || column.longest.is_some())
    })
}

fn lookup<'a>(own: &Table, table: &'a Table) -> Option<Lookup<'a>> {
    let key = key(table)?;
    let name = named(table).filter(|name| !key.contains(&name.name))?;
    let all = links(own, table, &key, &[]);
    all.into_iter().find_map(|link| {
        let tells = |words: &[&str]| {
            speaks_of(&table.name, words) || link.columns.iter().any(|column| leads_to(column, words))
        };
        let (alias, path, _) = LOOKUPS.iter().find(|(_, _, words)| tells(words))?;
        Some(Lookup { alias, path, table, key: key.clone(), name, link })
    })
}
