//! What a mapping costs by itself, without HTTP and without a backend: a person of native values becomes a SCIM
//! resource, and a resource native values. By lines without functions, by lines of which one or each has a function of the
//! script, and by a program that knows this one table; all in turn, in one thread, so that what else the machine does
//! meets all of them. What they make is compared first.

use std::collections::BTreeMap;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use gantry::mapping::Mapping;
use gantry::plan::Record;
use gantry::scim::resource::Resource;
use serde_json::{Value, json};

use crate::report;

const BEGIN: &str = "<!-- scripts/bench mapping --write puts this here -->\n";
const END: &str = "<!-- the end of what scripts/bench mapping wrote -->\n";
/// How often each is measured; the median counts.
const ROUNDS: usize = 25;
/// How long a round is.
const SPAN: Duration = Duration::from_millis(40);
/// Resources between two looks at the clock.
const BATCH: u32 = 50;

const BASE: &str = "https://scim.example.test";
const ID: &str = "42";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// The texts of a person: what the mapping calls them, and their columns.
const TEXTS: [(&str, &str); 11] = [
    ("\"userName\"", "Login"),
    ("\"externalId\"", "Number"),
    ("\"displayName\"", "Display"),
    ("\"name.givenName\"", "First"),
    ("\"name.familyName\"", "Last"),
    ("\"title\"", "Title"),
    ("\"preferredLanguage\"", "Language"),
    ("`emails[type eq \"work\"].value`", "Mail"),
    ("`phoneNumbers[type eq \"work\"].value`", "Phone"),
    ("`phoneNumbers[type eq \"mobile\"].value`", "Mobile"),
    ("enterprise(\"department\")", "Department"),
];
/// What is stored has something before it, so that the functions have something to do.
const FUNCTIONS: &str = "fn bare(text) { text.sub_string(2) }\nfn marked(text) { \"m:\" + text }\n";

/// A way from a person's native values to a resource and back.
trait Way {
    fn name(&self) -> String;
    /// A resource of the native values.
    fn read(&self) -> Value;
    /// Native values of the resource.
    fn write(&self);
}

/// By a mapping.
struct Mapped {
    name: String,
    mapping: Mapping,
    resource: Resource,
    record: Record,
}

/// By a program.
struct ByHand {
    resource: Resource,
    row: Row,
}

/// A row of the one table that the program knows.
#[derive(Debug, PartialEq)]
struct Row {
    id: i64,
    login: String,
    number: Option<String>,
    display: Option<String>,
    first: Option<String>,
    last: Option<String>,
    title: Option<String>,
    language: Option<String>,
    mail: Option<String>,
    phone: Option<String>,
    mobile: Option<String>,
    department: Option<String>,
    is_active: bool,
}

/// Microseconds a resource, of each round.
#[derive(Default)]
struct Times {
    reads: Vec<f64>,
    writes: Vec<f64>,
}

/// Microseconds a resource.
struct Cost {
    name: String,
    read: f64,
    written: f64,
}

struct Costs(Vec<Cost>);

/// Measures, prints and, if it is asked to, writes.
pub fn run(is_written: bool) {
    let resource = person();
    let ways: Vec<Box<dyn Way>> = vec![
        Box::new(ByHand::new(&resource)),
        Box::new(Mapped::new("plain lines", &resource, 0)),
        Box::new(Mapped::new("one text of eleven through functions", &resource, 1)),
        Box::new(Mapped::new("all eleven through functions", &resource, TEXTS.len())),
    ];
    for way in &ways {
        assert_eq!(way.read(), ways[0].read(), "{}", way.name());
    }
    let mut times: Vec<Times> = ways.iter().map(|_| Times::default()).collect();
    for _ in 0..ROUNDS {
        for (way, times) in ways.iter().zip(&mut times) {
            times.reads.push(micros(|| _ = black_box(way.read())));
            times.writes.push(micros(|| way.write()));
        }
    }
    let costs = ways.iter().zip(times).map(|(way, times)| times.cost(way.name())).collect();
    let text = format!("{}\n\n{}", report::machine(), Costs(costs));
    print!("{text}");
    if is_written {
        report::put(BEGIN, END, &text);
    }
}

/// How long one takes, on average of many.
fn micros(work: impl Fn()) -> f64 {
    let (began, mut count) = (Instant::now(), 0);
    while began.elapsed() < SPAN {
        (0..BATCH).for_each(|_| work());
        count += BATCH;
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn person() -> Resource {
    let person = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": "person00042", "externalId": "e-42", "displayName": "First Last42",
        "name": { "givenName": "First", "familyName": "Last42" },
        "title": "Engineer", "preferredLanguage": "en-GB",
        "emails": [{ "value": "person00042@example.test", "type": "work" }],
        "phoneNumbers": [{ "value": "+49 30 000042", "type": "work" }, { "value": "+49 170 000042", "type": "mobile" }],
        "active": true,
        ENTERPRISE: { "department": "Engineering" },
    });
    match person {
        Value::Object(person) => person,
        _ => unreachable!("it is one"),
    }
}

// === impl Mapped ===

impl Mapped {
    /// With functions for the first of the texts.
    fn new(name: &str, resource: &Resource, scripted: usize) -> Self {
        let mut text = "resource(\"User\").table(\"Person\").id(\"Id\").on_delete(\"delete\");\n".to_owned();
        for (number, (path, column)) in TEXTS.iter().enumerate() {
            let required = if number == 0 { ".required()" } else { "" };
            let functions = if number < scripted { ".read(\"bare\").write(\"marked\")" } else { "" };
            text.push_str(&format!("attr({path}, {column:?}){required}{functions};\n"));
        }
        text.push_str("attr(\"active\", \"IsActive\");\n");
        text.push_str(if scripted > 0 { FUNCTIONS } else { "" });
        let mapping = Mapping::parse("mapping.rhai", &text, &BTreeMap::new()).unwrap();
        let record = mapping.write(&mapping.resources()[0], resource, None).unwrap();
        let record = Record { id: ID.to_owned(), ..record };
        assert_eq!(record.values.len(), TEXTS.len() + 1);
        Self { name: name.to_owned(), mapping, resource: resource.clone(), record }
    }
}

impl Way for Mapped {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn read(&self) -> Value {
        let of = &self.mapping.resources()[0];
        self.mapping.read(of, black_box(&self.record), BASE).unwrap().into()
    }

    fn write(&self) {
        let of = &self.mapping.resources()[0];
        black_box(self.mapping.write(of, black_box(&self.resource), None).unwrap());
    }
}

// === impl ByHand ===

impl ByHand {
    fn new(resource: &Resource) -> Self {
        let row = Row::of(resource);
        Self { resource: resource.clone(), row: Row { id: ID.parse().unwrap(), ..row } }
    }
}

impl Way for ByHand {
    fn name(&self) -> String {
        "by hand in Rust, without a mapping".to_owned()
    }

    fn read(&self) -> Value {
        black_box(&self.row).resource()
    }

    fn write(&self) {
        black_box(Row::of(black_box(&self.resource)));
    }
}

// === impl Row ===

impl Row {
    fn resource(&self) -> Value {
        let mut phones = Vec::new();
        for (kind, number) in [("work", &self.phone), ("mobile", &self.mobile)] {
            phones.extend(number.as_ref().map(|number| json!({ "value": number, "type": kind })));
        }
        json!({
            "userName": self.login,
            "externalId": self.number,
            "displayName": self.display,
            "name": { "givenName": self.first, "familyName": self.last },
            "title": self.title,
            "preferredLanguage": self.language,
            "emails": [{ "value": self.mail, "type": "work" }],
            "phoneNumbers": phones,
            "active": self.is_active,
            ENTERPRISE: { "department": self.department },
            "id": self.id.to_string(),
            "meta": { "resourceType": "User", "location": format!("{BASE}/Users/{}", self.id) },
        })
    }

    fn of(resource: &Resource) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let top = |name: &str| resource.get(name).and_then(text);
        let sub = |name: &str, sub: &str| resource.get(name).and_then(|of| of.get(sub)).and_then(text);
        let element = |name: &str, kind: &str| {
            let elements = resource.get(name)?.as_array()?;
            elements.iter().find(|element| element["type"] == kind)?.get("value").and_then(text)
        };
        Self {
            id: 0,
            login: top("userName").unwrap(),
            number: top("externalId"),
            display: top("displayName"),
            first: sub("name", "givenName"),
            last: sub("name", "familyName"),
            title: top("title"),
            language: top("preferredLanguage"),
            mail: element("emails", "work"),
            phone: element("phoneNumbers", "work"),
            mobile: element("phoneNumbers", "mobile"),
            department: sub(ENTERPRISE, "department"),
            is_active: resource.get("active").and_then(Value::as_bool).unwrap_or(true),
        }
    }
}

// === impl Times ===

impl Times {
    fn cost(self, name: String) -> Cost {
        Cost { name, read: median(self.reads), written: median(self.writes) }
    }
}

// === impl Costs ===

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [by_hand, plain, .., all] = self.0.as_slice() else { return Ok(()) };
        writeln!(
            f,
            "| A person of twelve attributes | read, µs | times by hand | times plain | written, µs | times by hand | times plain |"
        )?;
        writeln!(f, "|---|--:|--:|--:|--:|--:|--:|")?;
        for Cost { name, read, written } in &self.0 {
            let times = |cost: &f64, other: f64| format!("{:.1}", cost / other);
            let (hand, lines) = (times(read, by_hand.read), times(read, plain.read));
            write!(f, "| {name} | {read:.1} | {hand} | {lines} |")?;
            let (hand, lines) = (times(written, by_hand.written), times(written, plain.written));
            writeln!(f, " {written:.1} | {hand} | {lines} |")?;
        }
        let call = |all: f64, plain: f64| (all - plain) / TEXTS.len() as f64;
        let (read, written) = (call(all.read, plain.read), call(all.written, plain.written));
        writeln!(
            f,
            "\nA function of one line: {read:.1} µs when it is read, {written:.1} µs when it is written."
        )
    }
}
