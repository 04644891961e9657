//! Large directories: 100,000 people and a group of them all in OpenLDAP and 389 Directory Server, 10,000 in
//! Active Directory (Samba). One caller asks, one request after the other, and a direct LDAP client does the same in
//! the same run; each pair in turn, so that what else the machine does meets both. Shown is the median.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ldap3::adapters::{Adapter, EntriesOnly, PagedResults};
use ldap3::{Ldap, Mod, Scope, SearchEntry};
use serde_json::{Value, json};

use crate::direct::bound;
use crate::http::{Ask, Http};
use crate::process;
use crate::report;
use crate::support::directory::{self, Directory, SUFFIX};
use crate::support::gateway::{Gateway, TOKEN};
use crate::support::samba::{self, Samba};
use crate::support::scim::encoded;

/// People who are in no large group yet.
const SPARE: usize = 1_000;
/// Teams of twenty, beside the large group.
const TEAMS: usize = 100;
const TEAM: usize = 20;
/// How often a quick thing, and how often a slow one is asked.
const OFTEN: usize = 60;
const SELDOM: usize = 3;
/// Those who read the large group at the same time.
const READERS: usize = 4;
/// Memory, less than this.
const MEMORY_MIB: f64 = 128.0;

/// A directory, and how it says what all of them have.
struct Corp {
    name: &'static str,
    mapping: &'static str,
    people: usize,
    url: String,
    ca: PathBuf,
    suffix: &'static str,
    who: &'static str,
    password: &'static str,
    class: &'static str,
    login: &'static str,
    /// Keeps it running, and makes the `[[target]]` of the gateway.
    server: Server,
}

enum Server {
    Directory(Box<Directory>),
    Samba(Box<Samba>),
}

/// One line of the table.
struct Row {
    name: String,
    gateway: Duration,
    direct: Option<Duration>,
    peak_mib: f64,
}

/// What asks a target.
struct Caller {
    http: Http,
    address: String,
    base: String,
    pid: u32,
}

/// The benchmark of one kind of server, or of all.
pub fn run(only: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{}\n", report::machine());
    let makers = [("openldap", openldap as fn() -> Corp), ("389ds", ds389), ("samba", active_directory)];
    for (name, make) in makers {
        if only.is_none_or(|only| only == name) {
            let began = Instant::now();
            let corp = make();
            println!("{}: loaded in {:.0} s\n", corp.name, began.elapsed().as_secs_f64());
            runtime.block_on(measure(&corp));
        }
    }
}

// === The directories ===

fn login(number: usize) -> String {
    format!("person{number:06}")
}

fn openldap() -> Corp {
    let directory =
        Directory::tuned(&ldif(100_000, ""), "size=unlimited", "moduleload deref\noverlay deref\n");
    corp("OpenLDAP", "openldap", 100_000, Server::Directory(Box::new(directory)))
}

fn ds389() -> Corp {
    let directory = Directory::ds389_holding(&ldif(100_000, "objectClass: nsMemberOf\n"), "");
    corp("389 Directory Server", "389ds", 100_000, Server::Directory(Box::new(directory)))
}

fn active_directory() -> Corp {
    let samba = Samba::holding(&samba_ldif(10_000));
    corp("Active Directory (Samba)", "active-directory", 10_000, Server::Samba(Box::new(samba)))
}

fn corp(name: &'static str, mapping: &'static str, people: usize, server: Server) -> Corp {
    match &server {
        Server::Directory(directory) => Corp {
            name,
            mapping,
            people,
            url: directory.url(),
            ca: directory.file("ca.pem"),
            suffix: SUFFIX,
            who: directory::BIND_DN,
            password: directory::PASSWORD,
            class: "inetOrgPerson",
            login: "uid",
            server,
        },
        Server::Samba(samba) => Corp {
            name,
            mapping,
            people,
            url: samba.url(),
            ca: samba.file("ca.pem"),
            suffix: samba::DOMAIN,
            who: samba::BIND_DN,
            password: samba::PASSWORD,
            class: "user",
            login: "sAMAccountName",
            server,
        },
    }
}

/// Who is in it: a tenth of the people in a unit of their own, which is a smaller directory for a second target.
fn people(count: usize) -> impl Iterator<Item = (usize, String)> {
    (0..count + SPARE).map(move |number| (number, place(number, count)))
}

fn place(number: usize, count: usize) -> String {
    if number < count / 10 { "ou=tenth,ou=people".to_owned() } else { "ou=people".to_owned() }
}

/// The groups, each with the numbers of its members.
fn groups(count: usize) -> Vec<(String, std::ops::Range<usize>)> {
    let teams = (0..TEAMS).map(|team| (format!("team{team:03}"), team * TEAM..(team + 1) * TEAM));
    teams.chain([("everybody".to_owned(), 0..count)]).collect()
}

fn ldif(count: usize, class: &str) -> String {
    let mut ldif = format!("\ndn: ou=tenth,ou=people,{SUFFIX}\nobjectClass: organizationalUnit\nou: tenth\n");
    for (number, place) in people(count) {
        let login = login(number);
        write!(
            ldif,
            "\ndn: uid={login},{place},{SUFFIX}\nobjectClass: inetOrgPerson\n{class}uid: {login}\n\
             cn: First Last{number}\nsn: Last{number}\ngivenName: First\ndisplayName: First Last{number}\n\
             mail: {login}@example.test\ntelephoneNumber: +49 30 {number:06}\ntitle: Engineer\n\
             employeeNumber: {number}\n"
        )
        .unwrap();
        if number < count {
            writeln!(ldif, "memberOf: cn=everybody,ou=groups,{SUFFIX}").unwrap();
        }
        if number < TEAMS * TEAM {
            writeln!(ldif, "memberOf: cn=team{:03},ou=groups,{SUFFIX}", number / TEAM).unwrap();
        }
    }
    for (name, members) in groups(count) {
        write!(ldif, "\ndn: cn={name},ou=groups,{SUFFIX}\nobjectClass: groupOfNames\ncn: {name}\n").unwrap();
        for number in members {
            writeln!(ldif, "member: uid={},{},{SUFFIX}", login(number), place(number, count)).unwrap();
        }
    }
    ldif
}

fn samba_ldif(count: usize) -> String {
    let domain = samba::DOMAIN;
    let mut ldif = format!("dn: ou=tenth,ou=people,{domain}\nobjectClass: organizationalUnit\nou: tenth\n");
    for (number, place) in people(count) {
        let login = login(number);
        write!(
            ldif,
            "\ndn: cn={login},{place},{domain}\nobjectClass: user\nsAMAccountName: {login}\nsn: Last{number}\n\
             givenName: First\ndisplayName: First Last{number}\nmail: {login}@example.test\n\
             telephoneNumber: +49 30 {number:06}\ntitle: Engineer\nemployeeNumber: {number}\n"
        )
        .unwrap();
    }
    for (name, members) in groups(count) {
        write!(ldif, "\ndn: cn={name},ou=groups,{domain}\nobjectClass: group\nsAMAccountName: {name}\n")
            .unwrap();
        for number in members {
            writeln!(ldif, "member: cn={},{},{domain}", login(number), place(number, count)).unwrap();
        }
    }
    ldif
}

// === impl Corp ===

impl Corp {
    fn target(&self, name: &str, people: &str) -> String {
        let target = match &self.server {
            Server::Directory(directory) => directory.target(name, self.mapping),
            Server::Samba(samba) => samba.target(name, self.mapping, ""),
        };
        target.replace("people = \"ou=people", &format!("people = \"{people}"))
    }

    fn people(&self) -> String {
        format!("ou=people,{}", self.suffix)
    }

    fn group(&self, name: &str) -> String {
        format!("cn={name},ou=groups,{}", self.suffix)
    }

    fn dn(&self, number: usize) -> String {
        let naming = if matches!(self.server, Server::Samba(_)) { "cn" } else { "uid" };
        format!("{naming}={},{},{}", login(number), place(number, self.people), self.suffix)
    }
}

// === What is measured ===

async fn measure(corp: &Corp) {
    // What a server takes long for is measured, not given up.
    let limits = "limits = { backend_deadline_ms = 20_000 }\n".to_owned();
    let targets = [limits, corp.target("corp", "ou=people"), corp.target("tenth", "ou=tenth,ou=people")];
    let gateway = Gateway::serve(&targets);
    let mut ldap = bound(&corp.url, &corp.ca, corp.who, corp.password).await;
    let mut caller = Caller::new(&gateway, "corp").await;
    let ids = Arc::new(caller.ids(corp.people).await);
    let [large, small] = [caller.group("everybody").await, caller.group("team000").await];
    println!("| | gateway ms | direct ms | ratio | peak MiB |\n|---|--:|--:|--:|--:|");
    let mut peak = process::peak_mib(caller.pid);
    let mut show = |row: Row| {
        println!("{}", row.line());
        peak = peak.max(row.peak_mib);
    };
    let anybody = |at: usize| at * 7_919 % corp.people;
    let page = |start: usize| format!("/Users?startIndex={start}&count=100");
    let last = corp.people - 99;

    show(
        alternate(
            &mut caller,
            "GET by id",
            OFTEN,
            &ldap,
            |at| get(format!("/Users/{}", ids[anybody(at)])),
            async |ldap, at| {
                found(ldap, &corp.dn(anybody(at)), Scope::Base, "(objectClass=*)", &["*", "memberOf"]).await
            },
        )
        .await,
    );
    show(
        alternate(
            &mut caller,
            "`userName eq`",
            OFTEN,
            &ldap,
            |at| {
                get(format!("/Users?filter={}", encoded(&format!("userName eq \"{}\"", login(anybody(at))))))
            },
            async |ldap, at| {
                let filter =
                    format!("(&(objectClass={})({}={}))", corp.class, corp.login, login(anybody(at)));
                found(ldap, &corp.people(), Scope::Subtree, &filter, &["*", "memberOf"]).await
            },
        )
        .await,
    );
    show(
        alternate(
            &mut caller,
            "first page of 100",
            SELDOM,
            &ldap,
            |_| get(page(1)),
            async |ldap, _| scan(ldap, corp, &["1.1"]).await,
        )
        .await,
    );
    show(
        alternate(
            &mut caller,
            &format!("page of 100 from {last}, right after it"),
            OFTEN,
            &ldap,
            |_| get(page(last)),
            async |_, _| {},
        )
        .await
        .alone(),
    );
    let crawled = caller.crawl("/Users", None).await;
    assert_eq!(crawled.0, corp.people + SPARE);
    let (_, direct) = timed(scan(&mut ldap, corp, &["*", "memberOf"])).await;
    show(caller.row(&format!("crawl of {} by cursors", crawled.0), crawled.1, Some(direct)));
    let mut tenth = Caller::new(&gateway, "tenth").await;
    let crawled = tenth.crawl("/Users", None).await;
    show(tenth.row(&format!("crawl of {}", crawled.0), crawled.1, None));

    for (name, id) in [("team000", &small), ("everybody", &large)] {
        let newcomer = |at: usize| corp.people + at + if name == "team000" { OFTEN } else { 0 };
        show(
            alternate(
                &mut caller,
                &format!("add a member to {name}"),
                OFTEN,
                &ldap,
                |at| add(id, &ids[newcomer(2 * at)]),
                async |ldap, at| {
                    let change =
                        Mod::Add("member".to_owned(), HashSet::from([corp.dn(newcomer(2 * at + 1))]));
                    ldap.modify(&corp.group(name), vec![change]).await.unwrap().success().unwrap();
                },
            )
            .await,
        );
    }
    show(
        alternate(
            &mut caller,
            "the large group without members",
            OFTEN,
            &ldap,
            |_| get(format!("/Groups/{large}?excludedAttributes=members")),
            async |ldap, _| {
                found(ldap, &corp.group("everybody"), Scope::Base, "(objectClass=*)", &["cn", "description"])
                    .await
            },
        )
        .await,
    );
    show(
        alternate(
            &mut caller,
            "the large group with members (direct: their DNs)",
            SELDOM,
            &ldap,
            |_| get(format!("/Groups/{large}")),
            async |ldap, _| {
                found(ldap, &corp.group("everybody"), Scope::Base, "(objectClass=*)", &["member"]).await
            },
        )
        .await,
    );
    let whole = caller.get(&format!("/Groups/{large}")).await;
    println!("<!-- {} members shown -->", whole["members"].as_array().unwrap().len());
    drop(whole);
    show(readers(&gateway, &large).await);
    show(
        alternate(
            &mut caller,
            "page of groups with it",
            SELDOM,
            &ldap,
            |_| get("/Groups?count=100&startIndex=2".to_owned()),
            async |_, _| {},
        )
        .await
        .alone(),
    );
    show(
        alternate(
            &mut caller,
            "GET by id, afterwards",
            OFTEN,
            &ldap,
            |at| get(format!("/Users/{}", ids[anybody(at)])),
            async |_, _| {},
        )
        .await
        .alone(),
    );
    let verdict = if peak < MEMORY_MIB { "holds" } else { "**missed**" };
    println!("\nMemory: {peak:.0} MiB at most, {verdict} (less than {MEMORY_MIB:.0} MiB).\n");
}

/// One request at the gateway, one at the directory, so often.
async fn alternate(
    caller: &mut Caller,
    name: &str,
    count: usize,
    ldap: &Ldap,
    ask: impl Fn(usize) -> Ask,
    direct: impl AsyncFn(&mut Ldap, usize),
) -> Row {
    caller.begin().await;
    let (mut ldap, mut times, mut others) = (ldap.clone(), Vec::new(), Vec::new());
    for at in 0..count {
        let ask = ask(at);
        times.push(timed(caller.http.send(&caller.base, &ask)).await.1);
        others.push(timed(direct(&mut ldap, at)).await.1);
    }
    caller.row(name, median(times), Some(median(others)))
}

/// Several who read the large group at once.
async fn readers(gateway: &Gateway, large: &str) -> Row {
    let mut callers = Vec::new();
    for _ in 0..READERS {
        callers.push(Caller::new(gateway, "corp").await);
    }
    process::reset_peak(gateway.pid());
    let began = Instant::now();
    let ask = get(format!("/Groups/{large}"));
    let tasks: Vec<_> = callers
        .into_iter()
        .map(|mut caller| {
            let ask = ask.clone();
            tokio::spawn(async move { caller.http.send(&caller.base, &ask).await.len() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let peak_mib = process::peak_mib(gateway.pid());
    Row {
        name: format!("the same by {READERS} at once, until the last has it"),
        gateway: began.elapsed(),
        direct: None,
        peak_mib,
    }
}

// === impl Caller ===

impl Caller {
    async fn new(gateway: &Gateway, target: &str) -> Self {
        let url = gateway.target(target).base;
        let (address, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let http = Http::connect(address, TOKEN).await;
        Self { http, address: address.to_owned(), base: format!("/{path}"), pid: gateway.pid() }
    }

    /// A new connection, for one that was not used meanwhile is closed; the peak of memory begins anew.
    async fn begin(&mut self) {
        self.http = Http::connect(&self.address, TOKEN).await;
        process::reset_peak(self.pid);
    }

    async fn get(&mut self, path: &str) -> Value {
        serde_json::from_slice(self.http.send(&self.base, &get(path.to_owned())).await).unwrap()
    }

    /// The people's ids by their numbers.
    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = vec![String::new(); count + SPARE];
        let mut keep = |person: &Value| {
            let number: usize = person["userName"].as_str().unwrap()["person".len()..].parse().unwrap();
            ids[number] = person["id"].as_str().unwrap().to_owned();
        };
        self.crawl("/Users?attributes=userName", Some(&mut keep)).await;
        assert!(ids.iter().all(|id| !id.is_empty()));
        ids
    }

    async fn group(&mut self, name: &str) -> String {
        let filter = encoded(&format!("displayName eq \"{name}\""));
        let found = self.get(&format!("/Groups?filter={filter}&attributes=displayName")).await;
        found["Resources"][0]["id"].as_str().unwrap().to_owned()
    }

    /// From cursor to cursor: how many there were, and how long it took. The peak begins anew.
    async fn crawl(&mut self, path: &str, mut keep: Option<&mut dyn FnMut(&Value)>) -> (usize, Duration) {
        self.begin().await;
        let (began, mut count, mut cursor) = (Instant::now(), 0, String::new());
        let sign = if path.contains('?') { '&' } else { '?' };
        loop {
            let page = self.get(&format!("{path}{sign}count=200&cursor={cursor}")).await;
            let resources = page["Resources"].as_array().unwrap();
            count += resources.len();
            if let Some(keep) = &mut keep {
                resources.iter().for_each(keep);
            }
            match page["nextCursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => return (count, began.elapsed()),
            }
        }
    }

    fn row(&self, name: &str, gateway: Duration, direct: Option<Duration>) -> Row {
        Row { name: name.to_owned(), gateway, direct, peak_mib: process::peak_mib(self.pid) }
    }
}

// === impl Row ===

impl Row {
    /// Without a direct counterpart.
    fn alone(self) -> Self {
        Self { direct: None, ..self }
    }

    fn line(&self) -> String {
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
        let direct = self.direct.map_or("".to_owned(), ms);
        let ratio = self.direct.map(|direct| self.gateway.as_secs_f64() / direct.as_secs_f64());
        let ratio = ratio.map_or("".to_owned(), |ratio| format!("{ratio:.1}"));
        format!("| {} | {} | {direct} | {ratio} | {:.0} |", self.name, ms(self.gateway), self.peak_mib)
    }
}

fn get(path: String) -> Ask {
    Ask { method: "GET", path, body: String::new(), status: 200 }
}

fn add(group: &str, person: &str) -> Ask {
    let operation = json!({ "op": "add", "path": "members", "value": [{ "value": person }] });
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let body = json!({ "schemas": [schema], "Operations": [operation] }).to_string();
    Ask { method: "PATCH", path: format!("/Groups/{group}"), body, status: 204 }
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = Instant::now();
    let done = work.await;
    (done, began.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// One entry, read by the direct client.
async fn found(ldap: &mut Ldap, base: &str, scope: Scope, filter: &str, attributes: &[&str]) {
    let found = ldap.search(base, scope, filter, attributes).await.unwrap();
    let (entries, _) = found.success().unwrap();
    let entries: Vec<SearchEntry> = entries.into_iter().map(SearchEntry::construct).collect();
    assert_eq!(entries.len(), 1, "{base} {filter}");
}

/// All people, read by the direct client page by page.
async fn scan(ldap: &mut Ldap, corp: &Corp, attributes: &[&str]) {
    let adapters: Vec<Box<dyn Adapter<'_, &str, &[&str]>>> =
        vec![Box::new(EntriesOnly::new()), Box::new(PagedResults::new(1_000))];
    let filter = format!("(objectClass={})", corp.class);
    let base = corp.people();
    let mut stream =
        ldap.streaming_search_with(adapters, &base, Scope::Subtree, &filter, attributes).await.unwrap();
    let mut count = 0;
    while let Some(entry) = stream.next().await.unwrap() {
        SearchEntry::construct(entry);
        count += 1;
    }
    assert_eq!(count, corp.people + SPARE);
}
