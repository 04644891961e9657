//! What the drafts of people and of groups have in common: a resource's lines as they come together, which columns are spoken
//! for, and what the others must have.

use std::collections::{BTreeMap, BTreeSet};

use super::script::{Script, count, list, literal, one_or_many, value};
use super::spelling::plain;
use crate::survey::tables::{Column, Holds, Sample, Table, Values};

/// A UUID's characters.
const UUID: usize = 36;

/// A resource in the making.
pub(super) struct Resource<'a> {
    pub(super) name: &'static str,
    pub(super) table: &'a Table,
    pub(super) key: &'a [String],
    pub(super) sample: &'a Sample,
    pub(super) is_sqlite: bool,
    /// What is chained to the resource: `.lookup(…)`.
    pub(super) chained: Vec<Chained>,
    pub(super) lines: Vec<Line>,
    /// Columns that a line or a value speaks for, or that a comment does.
    spoken: BTreeSet<String>,
    /// Why no resource can be created.
    pub(super) blockers: Vec<String>,
    /// Of which of several tenants, or the like, the rows are: literals by the column's plain name.
    pub(super) constants: BTreeMap<String, String>,
    /// Plain names of such columns.
    pub(super) tenants: &'a [String],
}

/// A verb of the resource, and what is said beside it.
pub(super) struct Chained {
    pub(super) verb: String,
    pub(super) aside: String,
}

/// A statement, with comments before it.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) decide: Vec<String>,
    /// The path of an `attr`, as the mapping writes it; empty of another statement.
    pub(super) path: String,
    /// All behind the path, or the whole statement.
    pub(super) rest: String,
    pub(super) aside: String,
}

impl Line {
    /// `attr(path, native)` and what is chained to it.
    pub(super) fn attr(path: &str, natives: &[String], chained: &str) -> Self {
        Self {
            path: path.to_owned(),
            rest: format!("{}){chained};", one_or_many(natives)),
            ..Self::default()
        }
    }

    /// Any other statement.
    pub(super) fn statement(text: String) -> Self {
        Self { rest: text, ..Self::default() }
    }

    pub(super) fn aside(mut self, text: impl Into<String>) -> Self {
        self.aside = text.into();
        self
    }

    pub(super) fn decide(mut self, text: impl Into<String>) -> Self {
        self.decide.push(text.into());
        self
    }
}

impl<'a> Resource<'a> {
    pub(super) fn new(name: &'static str, table: &'a Table, key: &'a [String], sample: &'a Sample) -> Self {
        Self {
            name,
            table,
            key,
            sample,
            is_sqlite: false,
            chained: Vec::new(),
            lines: Vec::new(),
            spoken: BTreeSet::new(),
            blockers: Vec::new(),
            constants: BTreeMap::new(),
            tenants: &[],
        }
    }

    pub(super) fn speak_for(&mut self, column: &str) {
        self.spoken.insert(column.to_lowercase());
    }

    /// The same of a column that leads elsewhere; one of the key is given with the key.
    pub(super) fn led(&mut self, column: &str) {
        if !self.is_key(column) {
            self.speak_for(column);
        }
    }

    pub(super) fn is_spoken_for(&self, column: &str) -> bool {
        self.spoken.contains(&column.to_lowercase())
    }

    pub(super) fn is_key(&self, column: &str) -> bool {
        self.key.iter().any(|name| name.eq_ignore_ascii_case(column))
    }

    /// Whether no two rows that are served have the same in a column.
    pub(super) fn is_unique(&self, column: &str) -> bool {
        let is_tenant = |name: &&String| self.tenants.contains(&plain(name));
        let mut columns: Vec<&str> = self.key.iter().filter(is_tenant).map(String::as_str).collect();
        columns.push(column);
        self.table.is_unique(&columns)
    }

    /// In how many of the rows that were seen something stands in a column.
    pub(super) fn filled(&self, column: &Column) -> String {
        match self.sample.columns.get(&column.name) {
            Some(seen) if self.sample.rows > 0 => {
                format!("{} of {} rows have one", count(seen.filled), count(self.sample.rows))
            }
            _ => String::new(),
        }
    }

    /// The bound of a text.
    pub(super) fn bound(&self, column: &Column) -> String {
        column
            .longest
            .filter(|_| column.holds == Holds::Text)
            .map(|most| format!(".max_len({most})"))
            .unwrap_or_default()
    }

    pub(super) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(super) fn chain(&mut self, verb: String, aside: impl Into<String>) {
        self.chained.push(Chained { verb, aside: aside.into() });
    }

    /// Says who gives the values of the key's columns. `named` is the path of what a resource is called by.
    pub(super) fn keys(&mut self, named: &str) {
        let mut constants = Vec::new();
        for name in self.key {
            let Some(column) = self.table.column(name) else { continue };
            let is_given = column.is_generated || column.has_default || self.is_spoken_for(name);
            self.speak_for(name);
            let fits_uuid = column.longest.is_none_or(|most| most >= UUID);
            match column.holds {
                _ if is_given => {}
                _ if self.tenants.contains(&plain(name)) => constants.push(self.constant(column)),
                Holds::Guid => self.initial(name, "uuid()", ""),
                Holds::Text if fits_uuid => self.initial(name, "uuid()", ""),
                Holds::Text => {
                    let why = format!("what a new {}'s {name} is: as it stands its {named}.", self.name);
                    self.initial(name, &literal(&format!("{{{named}}}")), &why);
                }
                _ => self.blockers.push(format!("nothing here gives a new {}'s {name} a value", self.name)),
            }
        }
        if !constants.is_empty() {
            self.chain(format!(".only(#{{ {} }})", constants.join(", ")), "");
        }
    }

    /// A part of the key that is not the row's own: a tenant, a client. Here those of one are served.
    fn constant(&mut self, column: &Column) -> String {
        let (name, sample) = (plain(&column.name), self.sample);
        let most = sample.columns.get(&column.name).map(|seen| seen.most.as_slice()).unwrap_or_default();
        let own = most.first().and_then(|(code, _)| value(code));
        let fallback = if column.holds == Holds::Text { "\"1\"" } else { "1" };
        let chosen = self.constants.get(&name).cloned().or(own).unwrap_or_else(|| fallback.to_owned());
        self.constants.insert(name, chosen.clone());
        let seen =
            most.iter().filter_map(|(code, times)| Some(format!("{} {}", value(code)?, count(*times))));
        let seen = seen.collect::<Vec<_>>().join(", ");
        self.decided(format!(
            "whose rows are served: {} is a part of the key. Seen: {}. Here only {chosen}.",
            column.name,
            if seen.is_empty() { "none" } else { &seen }
        ));
        format!("{}: {chosen}", literal(&column.name))
    }

    /// A remark before the resource's lines.
    fn decided(&mut self, text: String) {
        self.lines.insert(0, Line::default().decide(text));
    }

    pub(super) fn initial(&mut self, native: &str, given: &str, decide: &str) {
        let mut line = Line::statement(format!("initial({}, {given});", literal(native)));
        if !decide.is_empty() {
            line = line.decide(decide);
        }
        self.add(line);
    }

    /// Gives a value to every column that must have one and that nothing speaks for.
    pub(super) fn fill(&mut self) {
        let table = self.table;
        for column in table.columns.iter().filter(|column| table.must(column)) {
            if self.is_spoken_for(&column.name) {
                continue;
            }
            self.speak_for(&column.name);
            match given(table, column, Some(self.sample)) {
                Some(Given { value, why }) => self.initial(&column.name, &value, &why),
                None => {
                    self.blockers.push(format!("{} must have a value, and none can be made up", column.name))
                }
            }
        }
    }

    /// The same for the rows of another table, which stand below this resource; whether that is possible.
    pub(super) fn fill_child(&mut self, child: &Table, sample: Option<&Sample>, spoken: &[&String]) -> bool {
        let must = child.columns.iter().filter(|column| child.must(column));
        let must = must.filter(|column| !spoken.iter().any(|name| name.eq_ignore_ascii_case(&column.name)));
        let mut lines = Vec::new();
        for column in must {
            let Some(Given { value, why }) = given(child, column, sample) else { return false };
            lines.push((format!("{}.{}", child.name, column.name), value, why));
        }
        lines.iter().for_each(|(native, value, why)| self.initial(native, value, why));
        child.is_writable
    }

    /// Columns that nothing speaks for.
    fn left(&self) -> Vec<&str> {
        let left = self.table.columns.iter().filter(|column| !self.is_spoken_for(&column.name));
        left.map(|column| column.name.as_str()).collect()
    }

    /// Writes it all.
    pub(super) fn write(self, script: &mut Script, on_delete: &[Chained]) {
        let is_readable_only = !self.blockers.is_empty() || !self.table.is_writable;
        if !self.table.is_writable {
            script.comment(&format!(
                "This login may not write {}: {}s are shown, and stay as they are.",
                self.table.name, self.name
            ));
        } else if is_readable_only {
            script.decide(&format!(
                "how a {} comes to be: {}. Until then it is read-only; `initial` gives a column a value, and \"Steps of your \
                 own\" in mappings/README.md call a procedure.",
                self.name,
                self.blockers.join("; ")
            ));
        }
        let head = format!(
            "resource({}).table({}).id({})",
            literal(self.name),
            literal(&self.table.name),
            list(self.key)
        );
        let mut chained: Vec<Chained> = vec![Chained { verb: head, aside: String::new() }];
        chained.extend(
            self.chained
                .iter()
                .map(|Chained { verb, aside }| Chained { verb: format!("  {verb}"), aside: aside.clone() }),
        );
        if is_readable_only {
            chained.push(Chained {
                verb: "  .read_only().on_delete(\"refuse\")".to_owned(),
                aside: String::new(),
            });
        } else {
            chained.extend(
                on_delete.iter().map(|Chained { verb, aside }| Chained {
                    verb: format!("  {verb}"),
                    aside: aside.clone(),
                }),
            );
        }
        let last = chained.len() - 1;
        for (at, Chained { verb, aside }) in chained.iter().enumerate() {
            script.line(&format!("{verb}{}", if at == last { ";" } else { "" }), aside);
        }
        script.blank();
        write_lines(script, self.lines.iter().filter(|line| !(is_readable_only && line.gives())));
        let left = self.left();
        if !left.is_empty() {
            script.comment(&format!("Columns of {} without a line: {}.", self.table.name, left.join(", ")));
        }
    }
}

/// Writes lines below each other, their natives in one column.
pub(super) fn write_lines<'a>(script: &mut Script, lines: impl Iterator<Item = &'a Line> + Clone) {
    let width = lines.clone().map(|line| line.path.chars().count()).max().unwrap_or_default().min(44) + 1;
    for line in lines {
        line.decide.iter().for_each(|text| script.decide(text));
        match (line.path.is_empty(), line.rest.is_empty()) {
            (true, true) => {}
            (true, false) => script.line(&line.rest, &line.aside),
            (false, _) => {
                let path = format!("{},", line.path);
                script.line(&format!("attr({path:<width$} {}", line.rest), &line.aside);
            }
        }
    }
}

impl Line {
    /// Whether it gives a value to what is written.
    fn gives(&self) -> bool {
        self.rest.starts_with("initial(") || self.rest.starts_with("stamp(")
    }
}

/// A value that is made up, as a mapping writes it, and what is to be decided about it.
struct Given {
    value: String,
    why: String,
}

/// What a column may have where nobody says anything; `None` when nothing can be made up.
fn given(table: &Table, column: &Column, sample: Option<&Sample>) -> Option<Given> {
    let name = &column.name;
    let fits_uuid = column.longest.is_none_or(|most| most >= UUID);
    if table.is_unique(&[name]) {
        let is_possible = column.holds == Holds::Guid || column.holds == Holds::Text && fits_uuid;
        let why = format!("what {name} is: no two rows may have the same, so that each new one gets a UUID.");
        return is_possible.then(|| Given { value: "uuid()".to_owned(), why });
    }
    let seen: Option<&Values> = sample.and_then(|sample| sample.columns.get(name));
    let frequent = seen.filter(|seen| seen.codes().is_some()).and_then(|seen| {
        let (code, times) = seen.most.first()?;
        let why = format!(
            "{name} must have a value; {} of {} rows have this one.",
            count(*times),
            count(seen.filled)
        );
        Some(Given { value: value(code)?, why })
    });
    let leads =
        table.foreign_keys.iter().any(|key| key.columns.iter().any(|own| own.eq_ignore_ascii_case(name)));
    let plain_value =
        |value: &str| Some(Given { value: value.to_owned(), why: format!("{name} must have a value.") });
    let by = plain(name).ends_with("by") || plain(name).ends_with("von");
    match column.holds {
        Holds::Text if by && !leads && column.longest.is_none_or(|most| most >= 6) => {
            Some(Given { value: literal("gantry"), why: String::new() })
        }
        _ if frequent.is_some() => frequent,
        _ if leads => None,
        Holds::Text => plain_value("\"\""),
        Holds::Integer => plain_value("0"),
        Holds::Boolean => plain_value("false"),
        Holds::Instant => plain_value("now()"),
        Holds::Date => plain_value("today()"),
        Holds::Guid => plain_value("uuid()"),
        Holds::Stamp | Holds::Octets | Holds::Other => None,
    }
}
