//! Outages, against servers that misbehave on purpose: what a session answers, and when.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::plan::{
    Action, DeleteRule, Expect, Fields, LdapOperation, Move, Native, OnDelete, Predicate, Range, Step, Value,
};

const DEADLINE: Duration = Duration::from_millis(400);
const BOUND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00";
const ROOT_DSE_DONE: &[u8] = b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00";
const REFUSED_BIND: &[u8] = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x31\x04\x00\x04\x00";
const DELETED: &[u8] = b"\x30\x0c\x02\x01\x03\x6b\x07\x0a\x01\x00\x04\x00\x04\x00";
const DELETED_NOT_UTF8: &[u8] = b"\x30\x0d\x02\x01\x03\x6b\x08\x0a\x01\x00\x04\x00\x04\x01\xff";
const SHUTTING_DOWN: &[u8] = b"\x30\x0c\x02\x01\x03\x6b\x07\x0a\x01\x34\x04\x00\x04\x00";

/// What the server does with the next request of a connection.
#[derive(Clone, Copy)]
enum Turn {
    Answer(&'static [u8]),
    /// The second octets, when the first are in the request; else it hangs.
    AnswerTo(&'static [u8], &'static [u8]),
    Close,
    Hang,
}

use Turn::{Answer, AnswerTo, Close, Hang};

async fn server(turns: &'static [Turn]) -> Ldap {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ldap://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for turn in turns {
                    let mut request = [0; 4096];
                    let length = stream.read(&mut request).await.unwrap_or(0);
                    if length == 0 {
                        return;
                    }
                    let has = |part: &[u8]| request[..length].windows(part.len()).any(|found| found == part);
                    match turn {
                        Answer(octets) => stream.write_all(octets).await.unwrap(),
                        AnswerTo(asked, octets) if has(asked) => stream.write_all(octets).await.unwrap(),
                        AnswerTo(..) => tokio::time::sleep(DEADLINE * 10).await,
                        Close => return,
                        Hang => tokio::time::sleep(DEADLINE * 10).await,
                    }
                }
            });
        }
    });
    ldap(url)
}

fn password(password: &str) -> Identity {
    Identity::Password { dn: "cn=gw".to_owned(), password: Secret::new(password) }
}

fn ldap(url: String) -> Ldap {
    let settings = Settings {
        urls: vec![url],
        ca: None,
        kind: None,
        identity: password("secret"),
        plaintext: true,
        deadline: DEADLINE,
        scanned_rows: 10,
    };
    Ldap::new(settings, Arc::new(fixture::model())).unwrap()
}

async fn find(ldap: &Ldap) -> Result<Found, Failure> {
    let search = Search {
        entity: "User".into(),
        predicate: Predicate::All,
        fields: Default::default(),
        range: Range::first(1),
    };
    ldap.session(Intent::Read).await?.search(&search).await
}

async fn delete(ldap: &Ldap) -> Result<Option<String>, Failure> {
    let operation = LdapOperation::Delete { dn: "uid=a,ou=people,dc=x".to_owned(), assertion: None };
    let step =
        Step { about: String::new(), action: Action::Ldap(operation), expect: Expect::Done, undo: None };
    ldap.session(Intent::Write).await?.execute(&Plan { steps: vec![step], ..Plan::default() }).await
}

#[tokio::test]
async fn a_write_that_was_answered_is_done() {
    let ldap = server(&[Answer(BOUND), Answer(ROOT_DSE_DONE), Answer(DELETED)]).await;
    assert_eq!(delete(&ldap).await.unwrap(), None);
}

#[tokio::test]
async fn a_write_without_a_sound_answer_is_unknown() {
    for turns in [
        &[Answer(BOUND), Answer(ROOT_DSE_DONE), Close][..],
        &[Answer(BOUND), Answer(ROOT_DSE_DONE), Hang],
        &[Answer(BOUND), Answer(ROOT_DSE_DONE), Answer(b"garbage that is no BER \xff\xff\xff")],
        &[Answer(BOUND), Answer(ROOT_DSE_DONE), Answer(DELETED_NOT_UTF8)],
    ] {
        let begun = Instant::now();
        let answer = delete(&server(turns).await).await;
        assert!(matches!(answer, Err(Failure::Unknown(_))), "{answer:?}");
        assert!(begun.elapsed() < DEADLINE * 3);
    }
}

#[tokio::test]
async fn what_certainly_did_not_happen_is_unavailable() {
    for turns in [
        &[Close][..],
        &[Hang],
        &[Answer(REFUSED_BIND)],
        &[Answer(BOUND), Answer(ROOT_DSE_DONE), Answer(SHUTTING_DOWN)],
    ] {
        let answer = delete(&server(turns).await).await;
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_read_without_an_answer_is_unavailable_in_time() {
    for last in
        [&[Answer(BOUND), Answer(ROOT_DSE_DONE), Close], &[Answer(BOUND), Answer(ROOT_DSE_DONE), Hang]]
    {
        let begun = Instant::now();
        let answer = find(&server(last).await).await;
        assert!(matches!(answer, Err(Failure::Unavailable(_))), "{answer:?}");
        assert!(begun.elapsed() < DEADLINE * 3);
    }
}

#[tokio::test]
async fn an_outage_is_answered_at_once_after_the_first_attempt() {
    let ldap = server(&[Hang]).await;
    assert!(matches!(ldap.ping().await, Err(Failure::Unavailable(_))));
    let begun = Instant::now();
    assert!(matches!(find(&ldap).await, Err(Failure::Unavailable(_))));
    assert!(begun.elapsed() < DEADLINE / 4);
}

#[tokio::test]
async fn a_worn_connection_is_replaced_and_what_is_on_its_way_there_ends_in_peace() {
    let ldap = server(&[Answer(BOUND), Answer(ROOT_DSE_DONE), Answer(DELETED)]).await;
    let lease = || ldap.directory.pool.lease(ldap.directory.until());
    let first = lease().await.unwrap();
    let others: Vec<_> = [lease().await.unwrap(), lease().await.unwrap(), lease().await.unwrap()].into();
    first.connection.wear_out();
    let delete = LdapOperation::Delete { dn: "uid=a,ou=people,dc=x".to_owned(), assertion: None };
    let until = ldap.directory.until();
    assert_eq!(first.connection.write(delete, Vec::new(), until).await.unwrap().rc, 0);
    let worn = first.connection.clone();
    drop(first);
    // Its place is now the least busy one.
    let next = lease().await.unwrap();
    assert!(!Arc::ptr_eq(&next.connection, &worn) && next.connection.usable() && !worn.usable());
    drop(others);
}

#[tokio::test]
async fn a_kind_that_the_configuration_says_is_known_before_any_connection() {
    let settings = |kind| Settings {
        urls: vec!["ldap://127.0.0.1:9".to_owned()],
        ca: None,
        kind,
        identity: password("secret"),
        plaintext: true,
        deadline: DEADLINE,
        scanned_rows: 1,
    };
    let folding = |kind| Ldap::new(settings(kind), Arc::new(fixture::model())).unwrap().profile().folding;
    assert_ne!(folding(Some(Kind::Ds389)), folding(None));
    assert_eq!(folding(Some(Kind::OpenLdap)), folding(None));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let mut settings = Settings {
        urls: vec!["ldaps://x".to_owned()],
        kind: None,
        ca: Some(Authority::Pem(Vec::new())),
        identity: password(""),
        plaintext: false,
        deadline: DEADLINE,
        scanned_rows: 1,
    };
    let model = Arc::new(fixture::model());
    assert!(Ldap::new(settings.clone(), model.clone()).is_err_and(|error| error.contains("certificate")));
    settings.urls = vec!["ldap://x".to_owned()];
    settings.plaintext = true;
    assert!(Ldap::new(settings.clone(), model).is_err_and(|error| error.contains("bind_password")));
    let mut model = fixture::model();
    let leavers = Move { to: "ou=left, OU=groups,dc=x".to_owned(), disabled: Vec::new() };
    model.entities.get_mut("User").unwrap().on_delete = vec![DeleteRule::always(OnDelete::Move(leavers))];
    let refused = Ldap::new(settings, Arc::new(model));
    assert!(refused.is_err_and(|error| error.contains("is below ou=groups,dc=x, where each Group is")));
}

// === Ranges, as Active Directory gives them ===

/// Octets with their tag and length, which is below 128.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// The answer to a search: one entry, with its id and one more attribute, and its end.
fn one_entry(message: u8, name: &str, values: &[&str]) -> &'static [u8] {
    let text = |text: &str| tlv(4, text.as_bytes());
    let attribute = |name: &str, values: &[&str]| {
        let values: Vec<u8> = values.iter().flat_map(|value| text(value)).collect();
        tlv(0x30, &[text(name), tlv(0x31, &values)].concat())
    };
    let attributes = [attribute("entryUUID", &["7"]), attribute(name, values)].concat();
    let entry = tlv(0x64, &[text("uid=a,ou=people,dc=x"), tlv(0x30, &attributes)].concat());
    let done = tlv(0x65, b"\x0a\x01\x00\x04\x00\x04\x00");
    let message = |operation: &[u8]| tlv(0x30, &[tlv(2, &[message]), operation.to_vec()].concat());
    [message(&entry), message(&done)].concat().leak()
}

async fn addresses<const N: usize>(turns: [Turn; N]) -> Result<Vec<Value>, Failure> {
    let begun = [Answer(BOUND), Answer(ROOT_DSE_DONE)];
    let ldap = server([&begun[..], &turns].concat().leak()).await;
    let mail = Native::own("mail");
    let fields = Fields { natives: [mail.clone()].into(), ..Fields::default() };
    let search = Search { entity: "User".into(), predicate: Predicate::All, fields, range: Range::first(1) };
    let found = ldap.session(Intent::Read).await?.search(&search).await?;
    Ok(found.records[0].values[&mail].clone())
}

#[tokio::test]
async fn values_that_come_in_ranges_are_all_read() {
    let read = addresses([
        Answer(one_entry(3, "mail;range=0-1", &["a", "b"])),
        AnswerTo(b"mail;range=2-*", one_entry(4, "mail;range=2-3", &["c", "d"])),
        AnswerTo(b"mail;range=4-*", one_entry(5, "mail;range=4-*", &["e"])),
    ]);
    assert_eq!(read.await.unwrap(), ["a", "b", "c", "d", "e"].map(Value::from));
    let whole = addresses([Answer(one_entry(3, "mail;lang-de", &["a"]))]);
    assert_eq!(whole.await.unwrap(), ["a"].map(Value::from));
}

#[tokio::test]
async fn ranges_that_do_not_go_on_are_no_answer() {
    let first = Answer(one_entry(3, "mail;range=0-1", &["a", "b"]));
    let again = addresses([first, Answer(one_entry(4, "mail;range=0-1", &["a", "b"]))]).await;
    assert!(matches!(again, Err(Failure::Internal(_))), "{again:?}");
    let cut_off = addresses([first, Hang]).await;
    assert!(matches!(cut_off, Err(Failure::Unavailable(_))), "{cut_off:?}");
}

#[tokio::test]
async fn a_password_is_not_written_where_others_can_read_it() {
    let ldap = server(&[Answer(BOUND), Answer(ROOT_DSE_DONE), Hang]).await;
    let secret = vec![Value::Secret(Secret::text("x"))];
    let add = LdapOperation::Add {
        dn: "uid=a,ou=people,dc=x".to_owned(),
        attributes: vec![("unicodePwd".to_owned(), secret)],
    };
    let step = Step { about: String::new(), action: Action::Ldap(add), expect: Expect::Done, undo: None };
    let mut session = ldap.session(Intent::Write).await.unwrap();
    let refused = session.execute(&Plan { steps: vec![step], ..Plan::default() }).await;
    assert!(matches!(refused, Err(Failure::Refused(_))), "{refused:?}");
}
