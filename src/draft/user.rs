//! The part of a mapping that is about people.

use super::codes;
use super::outline::{Child, Outline, People, is_nameable};
use super::resource::{Chained, Line, Resource};
use super::script::{Script, list, literal, one_or_many};
use super::spelling::{DOCUMENTS, Known, Means, plain, rank};
use crate::survey::tables::{Column, Holds, Sample, Seen, Values};

/// Who writes where a mapping says who.
const GANTRY: &str = "gantry";

/// Writes it; answers what new rows have where a key has a tenant in it.
pub(super) fn write(
    script: &mut Script,
    outline: &Outline<'_>,
    seen: &Seen,
) -> std::collections::BTreeMap<String, String> {
    let people = &outline.people;
    let empty = Sample::default();
    let sample = seen.get(&people.table.name).unwrap_or(&empty);
    let mut user = Resource::new("User", people.table, &people.key, sample);
    (user.is_sqlite, user.tenants) = (outline.is_sqlite, &outline.tenants);
    login(&mut user, people);
    for (known, column) in &people.columns {
        if column.name != people.login.name && !user.is_spoken_for(&column.name) {
            line(&mut user, known, column);
        }
    }
    lookups(&mut user, people);
    if let Some(child) = &people.phones {
        collection(&mut user, "phoneNumbers", child, seen);
    }
    if let Some(child) = &people.emails {
        collection(&mut user, "emails", child, seen);
    }
    groups(&mut user, outline);
    user.keys("userName");
    user.fill();
    document(
        &mut user,
        people.document.as_ref().map(|(table, link, column)| {
            (table.name.as_str(), link.columns.as_slice(), column.name.as_str())
        }),
    );
    let end = Chained {
        verb: ".on_delete(\"delete\")".to_owned(),
        aside: "rows of the tables below it first, then the row".to_owned(),
    };
    if !people.holders.is_empty() {
        script.comment(&format!(
            "Other tables lead to people too, and have no line here: {}. While one of their rows leads to somebody, the database \
             may refuse a DELETE.",
            people.holders.join(", ")
        ));
    }
    let constants = std::mem::take(&mut user.constants);
    user.write(script, &[end]);
    constants
}

/// The line that says what a person logs in by.
fn login(user: &mut Resource<'_>, people: &People<'_>) {
    let column = people.login;
    let mail = people
        .columns
        .iter()
        .find(|(known, other)| other.name == column.name && known.path.contains("emails"));
    let is_unique = user.is_unique(&column.name);
    let unique = if is_unique { ".unique()" } else { "" };
    let path = match mail {
        Some((known, _)) => format!("[\"userName\", {}]", known.path),
        None => "\"userName\"".to_owned(),
    };
    let chained = format!(".required(){unique}{}", user.bound(column));
    let mut line = Line::attr(&path, std::slice::from_ref(&column.name), &chained).aside(user.filled(column));
    if !is_unique {
        line = line.decide(format!(
            "nothing in the database keeps two people from having the same {}: with a UNIQUE index, say .unique() here.",
            column.name
        ));
    }
    if people.meaning(Means::Login).is_none() {
        line = line.decide(format!("no column is called like a login; {} stands in for one.", column.name));
    }
    user.speak_for(&column.name);
    user.add(line);
}

/// The line for what a column means; of a group as of a person.
pub(super) fn line(user: &mut Resource<'_>, known: &'static Known, column: &Column) {
    match known.means {
        Means::Login | Means::Text => text(user, known, column),
        Means::Active | Means::Inactive => active(user, known.means == Means::Inactive, column),
        Means::Leaves => leaves(user, column),
        Means::Created | Means::Changed => time(user, known, column),
        Means::CreatedBy => mark(user, "initial", column),
        Means::ChangedBy => mark(user, "stamp", column),
        Means::Password => password(user, column),
        Means::Version => version(user, column),
    }
}

fn text(user: &mut Resource<'_>, known: &Known, column: &Column) {
    let name = &column.name;
    if column.is_generated || is_link(user, name) {
        return;
    }
    let missing = match column.is_nullable {
        true => "",
        false if user.is_key(name) || column.holds != Holds::Text => ".required()",
        false if user.is_unique(name) => ".missing(\"{userName}\")",
        false => ".missing(\"\")",
    };
    let mut line =
        Line::attr(known.path, std::slice::from_ref(name), &format!("{missing}{}", user.bound(column)));
    line = line.aside(match missing {
        ".missing(\"\")" => "NOT NULL: \"\" stands for \"no value\"".to_owned(),
        ".missing(\"{userName}\")" => "NOT NULL and unique: the login stands for \"no value\"".to_owned(),
        _ => user.filled(column),
    });
    if known.path.contains("honorificPrefix") {
        line = line.decide(format!("whether {name} is what stands before a name (\"Dr.\"), or a job's title: then the path is \"title\"."));
    }
    user.speak_for(name);
    user.add(line);
}

/// Whether a column leads to another row, whatever it is called.
fn is_link(user: &Resource<'_>, column: &str) -> bool {
    let keys = &user.table.foreign_keys;
    keys.iter().any(|key| key.columns.iter().any(|name| name.eq_ignore_ascii_case(column)))
}

fn active(user: &mut Resource<'_>, turned: bool, column: &Column) {
    if user.lines.iter().any(|line| line.path.contains("active")) || is_link(user, &column.name) {
        return;
    }
    let nothing = Values::default();
    let seen = user.sample.columns.get(&column.name).unwrap_or(&nothing);
    let Some(codes) = codes::active(&column.name, column.holds, turned, seen, user.sample.rows) else {
        let text = format!(
            "what {0} says of somebody: no row tells. For instance attr(\"active\", {1}).values([[\"A\", true], [\"T\", false]]);",
            shown(&column.name),
            literal(&column.name)
        );
        user.add(Line::default().decide(text));
        return;
    };
    let chained = format!(".values({})", codes.pairs);
    let mut line = Line::attr("\"active\"", std::slice::from_ref(&column.name), &chained);
    if codes.decide.is_empty() {
        line = line.aside(user.filled(column));
    } else {
        line = line.decide(codes.decide);
    }
    user.speak_for(&column.name);
    user.add(line);
    if user.table.must(column) {
        user.initial(&column.name, &codes.first, "");
    }
}

fn shown(name: &str) -> String {
    super::script::shown(name)
}

fn leaves(user: &mut Resource<'_>, column: &Column) {
    if user.lines.iter().any(|line| line.path.contains("active")) || !column.is_nullable {
        return;
    }
    let chained = ".values([[(), true], [gt(today()), true], [today(), false], [any(), false]])";
    let line = Line::attr("\"active\"", std::slice::from_ref(&column.name), chained);
    user.speak_for(&column.name);
    user.add(line.decide(format!(
        "whether {} is the first day on which somebody is not active any more.",
        column.name
    )));
}

/// When something was made or changed.
fn time(user: &mut Resource<'_>, known: &Known, column: &Column) {
    let name = &column.name;
    let seen =
        user.sample.columns.get(name).and_then(|seen| seen.most.first()).and_then(|(value, _)| value.text());
    // In SQLite a time is a text; here in the form that the gateway writes too.
    let is_own_form = seen.is_none_or(|text| text.get(10..11) == Some("T"));
    let is_told = match column.holds {
        Holds::Instant => !user.is_sqlite || is_own_form,
        Holds::Text => user.is_sqlite && is_own_form,
        _ => false,
    };
    if !is_told {
        return;
    }
    user.speak_for(name);
    user.add(Line::attr(known.path, std::slice::from_ref(name), ".read_only()"));
    if column.is_generated {
        return;
    }
    if known.means == Means::Changed {
        user.add(Line::statement(format!("stamp({}, now());", literal(name))));
    } else if !column.has_default {
        user.add(Line::statement(format!("initial({}, now());", literal(name))));
    }
}

/// Who made or changed it: the gateway.
fn mark(user: &mut Resource<'_>, verb: &str, column: &Column) {
    let fits = column.longest.is_none_or(|most| most >= GANTRY.len());
    if fits && !is_link(user, &column.name) && !column.is_generated {
        user.speak_for(&column.name);
        user.add(Line::statement(format!("{verb}({}, {});", literal(&column.name), literal(GANTRY))));
    }
}

fn password(user: &mut Resource<'_>, column: &Column) {
    let salt = user.table.columns.iter().find(|column| plain(&column.name).contains("salt"));
    let salt_name = salt.map_or("Salt", |salt| salt.name.as_str());
    let verbs =
        format!(".write_only().hash(\"pbkdf2-sha256\", #{{ salt: {}, rounds: 600000 }})", literal(salt_name));
    let why = format!(
        "passwords. {} looks like the place of their hash; how the application makes it, no table says. If it is PBKDF2 with \
         SHA-256 and the salt stands in a column of its own, this is the line:",
        column.name
    );
    user.speak_for(&column.name);
    salt.iter().for_each(|salt| user.speak_for(&salt.name));
    let line = Line::attr("\"password\"", std::slice::from_ref(&column.name), &verbs);
    if user.table.must(column) && salt.is_some() {
        let rest = line.rest.replacen(".write_only()", ".write_only().required()", 1);
        user.add(Line { rest, ..line }.decide(why));
    } else {
        let commented = format!("// attr({}, {}", line.path, super::script::shown(&line.rest));
        user.add(Line::statement(commented).decide(why));
        if user.table.must(column) {
            user.blockers.push(format!("{} must have a value", column.name));
        }
    }
}

/// What changes with every write by itself.
fn version(user: &mut Resource<'_>, column: &Column) {
    let name = plain(&column.name);
    // A trigger of SQLite that changes it.
    let triggers = user.table.says.iter().rev().skip(1).map(|text| plain(text));
    let is_stamped = column.holds == Holds::Stamp
        || user.is_sqlite
            && triggers.into_iter().any(|text| text.contains("afterupdate") && text.contains(&name));
    if is_stamped {
        user.speak_for(&column.name);
        user.chain(
            format!(".version({})", literal(&column.name)),
            "it changes with every write: If-Match is atomic",
        );
    }
}

fn lookups(user: &mut Resource<'_>, people: &People<'_>) {
    for lookup in &people.lookups {
        let (key, own) = (&lookup.key, &lookup.link.columns);
        let keys = match (key.as_slice(), own.as_slice()) {
            ([key], [own]) => format!("{}, {}", literal(key), literal(own)),
            _ => format!("[{}], [{}]", list(key), list(own)),
        };
        let verb = format!(".lookup({}, {}, {keys})", literal(lookup.alias), literal(&lookup.table.name));
        user.chain(
            verb,
            if lookup.link.is_said { "" } else { "decide: no foreign key says so, the names do" },
        );
        let must = own.iter().any(|name| {
            user.table.column(name).is_some_and(|column| user.table.must(column)) && !user.is_key(name)
        });
        let native = format!("{}.{}", lookup.alias, lookup.name.name);
        let line = Line::attr(lookup.path, &[native], if must { ".required()" } else { "" });
        user.add(line.decide(
            "what to do with a name that no row has: as it stands, it is refused; .on_missing(\"create\") makes a row of it.",
        ));
        own.iter().for_each(|name| user.led(name));
    }
    if let Some(link) = &people.manager {
        let line = Line::attr("enterprise(\"manager\")", &link.columns, ".ref(\"User\")");
        user.add(if link.is_said {
            line
        } else {
            line.decide("no foreign key says that this is another person.")
        });
        link.columns.iter().for_each(|name| user.led(name));
    }
}

/// Phones or addresses in a table of their own.
fn collection(user: &mut Resource<'_>, path: &str, child: &Child<'_>, seen: &Seen) {
    let (table, link) = (child.table, &child.link);
    let sample = seen.get(&table.name);
    let native = |column: &Column| [format!("{}.{}", table.name, column.name)];
    let mut spoken: Vec<&String> = link.columns.iter().collect();
    spoken.push(&child.value.name);
    let kind = child.kind.filter(|kind| kind.name != child.value.name);
    spoken.extend(kind.map(|kind| &kind.name));
    let at = user.lines.len();
    let is_writable = user.fill_child(table, sample, &spoken);
    let access = if is_writable { "" } else { ".read_only()" };
    let verb = format!(".child({}){access}", list(&link.columns));
    let mut lines =
        vec![
            Line::attr(&format!("\"{path}\""), std::slice::from_ref(&table.name), &verb)
                .aside(if link.is_said { "" } else { "decide: no foreign key says so, the names do" }),
            Line::attr(&format!("\"{path}.value\""), &native(child.value), &bound(child.value)),
        ];
    if let Some(kind) = kind {
        let codes = sample.and_then(|sample| codes::kinds(sample, &kind.name));
        let required = if kind.is_nullable { "" } else { ".required()" };
        let values = codes.as_ref().map(|codes| format!(".values({})", codes.pairs)).unwrap_or_default();
        let line = Line::attr(&format!("\"{path}.type\""), &native(kind), &format!("{required}{values}"));
        lines.push(match codes {
            Some(codes) if codes.decide.is_empty() => line,
            Some(codes) => line.decide(codes.decide),
            None => line.decide(format!(
                "what the values of {}.{} mean; no row tells. For instance .values([[\"W\", \"work\"], [\"M\", \"mobile\"]]).",
                table.name, kind.name
            )),
        });
    }
    user.lines.splice(at..at, lines);
}

fn bound(column: &Column) -> String {
    column.longest.map(|most| format!(".max_len({most})")).unwrap_or_default()
}

/// Which groups somebody is in, as the table of memberships tells.
fn groups(user: &mut Resource<'_>, outline: &Outline<'_>) {
    let Some(groups) = &outline.groups else { return };
    let name = &groups.membership.name;
    let natives: Vec<String> =
        groups.to_group.columns.iter().map(|column| format!("{name}.{column}")).collect();
    user.add(Line::attr(
        "\"groups\"",
        std::slice::from_ref(name),
        &format!(".child({}).read_only()", list(&groups.to_person.columns)),
    ));
    user.add(Line::attr("\"groups.value\"", &natives, ".ref(\"Group\")"));
}

/// Where what no line stores is kept; or how that would be.
pub(super) fn document(resource: &mut Resource<'_>, known: Option<(&str, &[String], &str)>) {
    let (table, sample) = (resource.table, resource.sample);
    let own = table.columns.iter().find(|column| {
        let is_free = sample.columns.get(&column.name).is_none_or(|seen| seen.filled == 0);
        let fits = column.holds == Holds::Text && column.is_nullable && column.longest.is_none();
        is_free && fits && rank(&column.name, &table.name, DOCUMENTS).is_some() && is_nameable(&column.name)
    });
    own.iter().for_each(|column| resource.speak_for(&column.name));
    match known.or(own.map(|column| (table.name.as_str(), resource.key, column.name.as_str()))) {
        Some((table, key, column)) => {
            let key = one_or_many(key);
            let text = format!("rest({}, {key}, {});", literal(table), literal(column));
            resource.add(Line::statement(text).aside("what no line stores, so that nothing is lost"));
        }
        None => {
            let name = resource.name;
            let key = resource.key.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
            let text = format!(
                "whether attributes that no line stores are kept. As it stands they are accepted and not kept. With a table {name}Scim \
                 that has the key ({key}) of its {name} and a text Doc: rest(\"{name}Scim\", {}, \"Doc\");",
                one_or_many(resource.key)
            );
            resource.add(Line::default().decide(text));
        }
    }
}
