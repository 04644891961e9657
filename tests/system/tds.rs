//! The scripted TDS endpoint itself, as another client than the gateway sees it: what it answers arrives, and each
//! fault that it commits is one.

use std::time::{Duration, Instant};

use tiberius::numeric::Numeric;
use tiberius::time::{Date, DateTime2, DateTimeOffset, Time};
use tiberius::{AuthMethod, ColumnData, Config, EncryptionLevel, IsolationLevel, ToSql};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use crate::support::certificates;
use crate::support::eventually;
use crate::support::tds::answer::{Answer, Outcome};
use crate::support::tds::request::{Ask, Call, Login, Request};
use crate::support::tds::token::{Change, Message, Token};
use crate::support::tds::value::{Type, Value};
use crate::support::tds::{Encryption, Endpoint, certified};

type Client = tiberius::Client<Compat<TcpStream>>;

/// How long the client waits for the next token.
const PATIENCE: Duration = Duration::from_millis(300);

fn config(endpoint: &Endpoint) -> Config {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(endpoint.port());
    config.database("hr");
    config.application_name("the test");
    config.authentication(AuthMethod::sql_server("scim", "s3cret-wörd"));
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(Some(PATIENCE * 5));
    config.command_timeout(Some(PATIENCE));
    config
}

async fn connect(config: Config) -> tiberius::Result<Client> {
    let socket = TcpStream::connect(config.get_addr()).await?;
    Client::connect(config, socket.compat_write()).await
}

/// The values of the only row.
async fn ask(client: &mut Client, text: &str, parameters: &[&dyn ToSql]) -> tiberius::Result<Vec<Value>> {
    let row = client.query(text, parameters).await?.into_row().await?.unwrap();
    Ok(row.cells().map(|(_, value)| value_of(value)).collect())
}

fn value_of(data: &ColumnData) -> Value {
    let value = match data.clone() {
        ColumnData::Bit(bit) => bit.map(Value::Bit),
        ColumnData::U8(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I16(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I32(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I64(number) => number.map(Value::Int),
        ColumnData::F64(number) => number.map(Value::Float),
        ColumnData::String(text) => text.map(|text| Value::Text(text.into_owned())),
        ColumnData::Binary(octets) => octets.map(|octets| Value::Octets(octets.into_owned())),
        ColumnData::Guid(guid) => guid.map(Value::Guid),
        ColumnData::Numeric(number) => number.map(|number| Value::Decimal(number.value(), number.scale())),
        ColumnData::Date(date) => date.map(|date| Value::Date(date.days())),
        ColumnData::DateTime2(at) => at.map(|at| Value::DateTime(at.date().days(), at.time().increments())),
        ColumnData::DateTimeOffset(at) => at.map(|at| {
            let utc = at.datetime2();
            Value::DateTimeOffset(utc.date().days(), utc.time().increments(), at.offset())
        }),
        other => panic!("{other:?}"),
    };
    value.unwrap_or(Value::Null)
}

/// Answers a statement with the parameters that came with it.
fn echo(request: &Request) -> Answer {
    let Ask::Call(call) = &request.ask else { return request.usual() };
    let with_types = call.parameters.iter().map(|(_, value)| (type_of(value), value.clone()));
    request.answer([Outcome::row(with_types)])
}

fn type_of(value: &Value) -> Type {
    match value {
        Value::Null | Value::Text(_) => Type::NVarCharMax,
        Value::Bit(_) => Type::Bit,
        Value::Int(_) => Type::Int(8),
        Value::Float(_) => Type::Float(8),
        Value::Octets(_) => Type::VarBinaryMax,
        Value::Decimal(_, scale) => Type::Decimal(38, *scale),
        Value::Guid(_) => Type::Guid,
        Value::Date(_) => Type::Date,
        Value::DateTime(..) => Type::DateTime2(7),
        Value::DateTimeOffset(..) => Type::DateTimeOffset(7),
    }
}

#[tokio::test]
async fn parameters_arrive_and_come_back() {
    let endpoint = Endpoint::start(Encryption::None, echo);
    let mut client = connect(config(&endpoint)).await.unwrap();
    let guid = uuid::Uuid::new_v4();
    let noon = DateTime2::new(Date::new(738_000), Time::new(432_000_000_001, 7));
    let long = "ж".repeat(9_000);
    let parameters: [(&dyn ToSql, Value); 14] = [
        (&true, Value::Bit(true)),
        (&-7_i32, Value::Int(-7)),
        (&i64::MIN, Value::Int(i64::MIN)),
        (&200_u8, Value::Int(200)),
        (&0.25_f64, Value::Float(0.25)),
        (&"O'Brien 🦊", Value::Text("O'Brien 🦊".into())),
        (&long.as_str(), Value::Text(long.clone())),
        (&"", Value::Text(String::new())),
        (&None::<String>, Value::Null),
        (&&[0_u8, 255][..], Value::Octets(vec![0, 255])),
        (&guid, Value::Guid(guid)),
        (&ColumnData::Numeric(Some(Numeric::new_with_scale(-12_345, 2))), Value::Decimal(-12_345, 2)),
        (&ColumnData::DateTime2(Some(noon)), Value::DateTime(738_000, 432_000_000_001)),
        (
            &ColumnData::DateTimeOffset(Some(DateTimeOffset::new(noon, -90))),
            Value::DateTimeOffset(738_000, 432_000_000_001, -90),
        ),
    ];
    let (given, expected): (Vec<_>, Vec<_>) = parameters.into_iter().unzip();
    assert_eq!(ask(&mut client, "SELECT @P1", &given).await.unwrap(), expected);
    let seen = endpoint.seen();
    let Some(Request { ask: Ask::Call(call), transaction: None, connection: 1, .. }) = seen.last() else {
        panic!("{seen:?}")
    };
    assert_eq!(call.text, "SELECT @P1");
    assert!(call.declarations.starts_with("@P1 bit,@P2 int,@P3 bigint"), "{}", call.declarations);
    assert_eq!(call.parameters[1], ("@P2".to_owned(), Value::Int(-7)));
}

#[tokio::test]
async fn rows_of_every_type_arrive_in_packets_of_any_size() {
    let row = [
        (Type::Bit, Value::Bit(false)),
        (Type::Int(1), Value::Int(255)),
        (Type::Int(4), Value::Int(-1)),
        (Type::Int(8), Value::Int(i64::MAX)),
        (Type::NVarChar(40), Value::Text("Zoë".into())),
        (Type::NVarCharMax, Value::Text("long".repeat(5_000))),
        (Type::NVarCharMax, Value::Text(String::new())),
        (Type::VarChar(10), Value::Text("ascii".into())),
        (Type::VarBinary(8), Value::Octets(vec![0, 0, 0, 0, 0, 0, 7, 0xd1])),
        (Type::Date, Value::Date(738_000)),
        (Type::DateTime2(7), Value::DateTime(738_000, 1)),
        (Type::DateTimeOffset(7), Value::DateTimeOffset(738_000, 863_999_999_999, 120)),
        (Type::Decimal(38, 10), Value::Decimal(10_i128.pow(37), 10)),
        (Type::Decimal(9, 2), Value::Decimal(-1, 2)),
        (Type::Guid, Value::Guid(uuid::Uuid::new_v4())),
        (Type::Variant, Value::Int(12)),
        (Type::Variant, Value::Text("key".into())),
    ];
    let nulls = row.clone().map(|(kind, _)| (kind, Value::Null));
    for size in [1, 7, 4_000] {
        let (row, nulls) = (row.to_vec(), nulls.to_vec());
        let expected =
            [&row, &nulls].map(|row| row.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>());
        let endpoint = Endpoint::start(Encryption::None, move |request| match request.ask {
            Ask::Batch(_) => {
                let both = [&row, &nulls].map(|row| Outcome::row(row.clone()));
                request.answer(both).in_packets_of(size)
            }
            _ => request.usual(),
        });
        let mut client = connect(config(&endpoint)).await.unwrap();
        let results = client.simple_query("SELECT it").await.unwrap().into_results().await.unwrap();
        let got = results.iter().map(|rows| rows[0].cells().map(|(_, value)| value_of(value)).collect());
        assert_eq!(got.collect::<Vec<Vec<_>>>(), expected);
    }
}

#[tokio::test]
async fn money_arrives_and_loses_its_digits() {
    let endpoint = Endpoint::start(Encryption::None, |request| match request.ask {
        Ask::Batch(_) => request.answer([Outcome::row([(Type::Money, Value::Decimal(-12_500, 4))])]),
        _ => request.usual(),
    });
    let mut client = connect(config(&endpoint)).await.unwrap();
    let rows = client.simple_query("SELECT it").await.unwrap().into_first_result().await.unwrap();
    assert_eq!(rows[0].cells().map(|(_, value)| value_of(value)).collect::<Vec<_>>(), [Value::Float(-1.25)]);
}

#[tokio::test]
async fn a_login_is_read_whole() {
    let endpoint = Endpoint::start(Encryption::None, Request::usual);
    let mut by_password = config(&endpoint);
    by_password.readonly(true);
    connect(by_password).await.unwrap();
    let mut by_token = config(&endpoint);
    by_token.authentication(AuthMethod::aad_token("ey.tok.en"));
    connect(by_token).await.unwrap();
    let logins: Vec<Login> = endpoint
        .seen()
        .into_iter()
        .filter_map(|request| match request.ask {
            Ask::Login(login) => Some(login),
            _ => None,
        })
        .collect();
    let [first, second] = &logins[..] else { panic!("{logins:?}") };
    assert_eq!((first.user.as_str(), first.password.as_str()), ("scim", "s3cret-wörd"));
    assert_eq!((first.application.as_str(), first.database.as_str()), ("the test", "hr"));
    assert_eq!((first.server.as_str(), first.packet_size), ("127.0.0.1", 4096));
    assert_eq!((first.only_reads, &first.token), (true, &None));
    assert_eq!((second.only_reads, second.token.as_deref()), (false, Some("ey.tok.en")));
    assert_eq!(second.password, "");
}

#[tokio::test]
async fn a_login_is_refused_routed_or_never_answered() {
    let endpoint = Endpoint::start(Encryption::None, |request| match request.ask {
        Ask::Login(_) => request.refused(18456, "Login failed for user 'scim'."),
        _ => request.usual(),
    });
    assert_eq!(connect(config(&endpoint)).await.unwrap_err().code(), Some(18456));
    endpoint.answers(|request| match request.ask {
        Ask::Login(_) => request.routed("other.test", 14_330),
        _ => request.usual(),
    });
    let routed = tiberius::error::Error::Routing { host: "other.test".into(), port: 14_330 };
    assert_eq!(connect(config(&endpoint)).await.unwrap_err(), routed);
    for silent in [is_prelogin as fn(&Ask) -> bool, is_login] {
        endpoint.answers(
            move |request| {
                if silent(&request.ask) { request.usual().hangs(0) } else { request.usual() }
            },
        );
        assert!(is_timeout(&connect(config(&endpoint)).await.unwrap_err()));
        endpoint.answers(move |request| match silent(&request.ask) {
            true => request.usual().cut_after_token(0),
            false => request.usual(),
        });
        let cause = connect(config(&endpoint)).await.unwrap_err();
        assert!(!is_timeout(&cause), "{cause}");
    }
    eventually("the end of all", || endpoint.open() == 0);
}

fn is_prelogin(ask: &Ask) -> bool {
    matches!(ask, Ask::Prelogin(_))
}

fn is_login(ask: &Ask) -> bool {
    matches!(ask, Ask::Login(_))
}

fn is_timeout(cause: &tiberius::error::Error) -> bool {
    matches!(cause, tiberius::error::Error::Io { kind: std::io::ErrorKind::TimedOut, .. })
}

#[tokio::test]
async fn the_login_or_everything_is_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    certificates::write(folder.path());
    let of = |name: &str| certified(folder.path(), name);
    let trusting = |endpoint: &Endpoint, level| {
        let mut config = config(endpoint);
        config.encryption(level);
        config.trust_cert_ca(folder.path().join("ca.pem").display());
        config
    };
    for (encryption, level) in [
        (Encryption::All(of("server")), EncryptionLevel::Required),
        (Encryption::All(of("server")), EncryptionLevel::On),
        (Encryption::Login(of("server")), EncryptionLevel::Off),
        (Encryption::Login(of("server")), EncryptionLevel::Required),
    ] {
        let endpoint = Endpoint::start(encryption, echo);
        let mut client = connect(trusting(&endpoint, level)).await.unwrap();
        assert_eq!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.unwrap(), [Value::Int(1)]);
    }
    // One that does not encrypt is refused where that is demanded.
    let bare = Endpoint::start(Encryption::None, echo);
    assert!(connect(trusting(&bare, EncryptionLevel::Required)).await.is_err());
    for (name, reason) in [
        ("elsewhere", "not valid for name"),
        ("expired-server", "expired"),
        ("strange-server", "UnknownIssuer"),
    ] {
        let endpoint = Endpoint::start(Encryption::All(of(name)), echo);
        let cause = connect(trusting(&endpoint, EncryptionLevel::Required)).await.unwrap_err();
        assert!(cause.to_string().contains(reason), "{name}: {cause}");
        let mut trusting_anyone = config(&endpoint);
        trusting_anyone.encryption(EncryptionLevel::Required);
        trusting_anyone.trust_cert();
        assert!(connect(trusting_anyone).await.is_ok(), "{name}");
        assert_eq!(endpoint.seen().iter().filter(|request| is_login(&request.ask)).count(), 1, "{name}");
    }
}

#[tokio::test]
async fn transactions_begin_and_end() {
    let endpoint = Endpoint::start(Encryption::None, |request| match &request.ask {
        Ask::Call(call) if call.text == "deadlock" => request.deadlock(),
        _ => echo(request),
    });
    let mut client = connect(config(&endpoint)).await.unwrap();
    client.begin_transaction_with_isolation(IsolationLevel::Serializable).await.unwrap();
    ask(&mut client, "SELECT @P1", &[&1_i32]).await.unwrap();
    client.commit_transaction().await.unwrap();
    client.begin_transaction().await.unwrap();
    client.rollback_transaction().await.unwrap();
    client.begin_transaction().await.unwrap();
    let victim = client.execute("deadlock", &[]).await.unwrap_err();
    assert!(victim.is_deadlock());
    ask(&mut client, "SELECT @P1", &[&2_i32]).await.unwrap();
    let told: Vec<(Ask, bool)> = endpoint
        .seen()
        .into_iter()
        .filter(|request| !is_prelogin(&request.ask) && !is_login(&request.ask))
        .map(|request| (request.ask, request.transaction.is_some()))
        .collect();
    assert_eq!(told[0], (Ask::Begin(4), false));
    let inside = told.iter().map(|(_, inside)| *inside).collect::<Vec<_>>();
    assert_eq!(inside, [false, true, true, false, true, false, true, false], "{told:#?}");
    assert_eq!((&told[2].0, &told[4].0), (&Ask::Commit, &Ask::Rollback));
}

/// A client whose statements are answered so.
async fn asked(script: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> (Endpoint, Client) {
    let endpoint = Endpoint::start(Encryption::None, move |request| match request.ask {
        Ask::Call(_) => script(request),
        _ => request.usual(),
    });
    let client = connect(config(&endpoint)).await.unwrap();
    (endpoint, client)
}

#[tokio::test]
async fn errors_of_each_class_are_told_and_the_worst_end_the_connection() {
    for class in [11, 14, 16, 19, 20, 25] {
        let (endpoint, mut client) = asked(move |request| match request.parameter(1) {
            Some(_) => echo(request),
            None => request.error(50_000, class, "no"),
        })
        .await;
        assert_eq!(client.execute("fails", &[]).await.unwrap_err().code(), Some(50_000));
        if class < 20 {
            assert_eq!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.unwrap(), [Value::Int(1)]);
        } else {
            eventually("the connection's end", || endpoint.open() == 0);
            assert!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.is_err());
        }
    }
}

#[tokio::test]
async fn counts_messages_and_return_values_arrive() {
    let (_endpoint, mut client) = asked(|request| {
        let mut answer = request.answer([Outcome::Changed(3), Outcome::Changed(4)]);
        let note = Message { number: 0, class: 0, text: "hm".into() };
        answer.tokens.insert(1, Token::Info(note));
        let at = answer.tokens.len() - 1;
        answer.tokens.insert(at, Token::ReturnValue("@x".into(), Type::Int(4), Value::Int(5)));
        answer
    })
    .await;
    assert_eq!(client.execute("changes", &[]).await.unwrap().rows_affected(), [3, 4]);
}

#[tokio::test]
async fn an_answer_cut_anywhere_is_none() {
    let count = echo_of_one().tokens.len();
    for after in 0..count {
        let (_endpoint, mut client) = asked(move |request| echo(request).cut_after_token(after)).await;
        let cause = ask(&mut client, "SELECT @P1", &[&"mark"]).await.unwrap_err();
        assert!(!is_timeout(&cause), "after token {after}: {cause}");
    }
    for after in 0..echo_of_one().length() {
        let (_endpoint, mut client) = asked(move |request| echo(request).cut_after_octet(after)).await;
        assert!(ask(&mut client, "SELECT @P1", &[&"mark"]).await.is_err(), "after octet {after}");
    }
}

/// The answer to one parameter `mark`.
fn echo_of_one() -> Answer {
    let parameters = vec![("@P1".to_owned(), Value::Text("mark".into()))];
    let call = Call { parameters, ..Default::default() };
    echo(&Request { number: 1, connection: 1, transaction: None, ask: Ask::Call(call) })
}

#[tokio::test]
async fn a_stall_anywhere_is_one() {
    for after in 0..echo_of_one().tokens.len() {
        let (endpoint, mut client) = asked(move |request| echo(request).hangs(after)).await;
        let began = Instant::now();
        let cause = ask(&mut client, "SELECT @P1", &[&"mark"]).await.unwrap_err();
        assert!(is_timeout(&cause), "after token {after}: {cause}");
        assert!(began.elapsed() >= PATIENCE);
        drop(client);
        eventually("the connection's end", || endpoint.open() == 0);
    }
    let (_endpoint, mut client) = asked(|request| echo(request).stalls(1, PATIENCE / 3)).await;
    let began = Instant::now();
    assert_eq!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.unwrap(), [Value::Int(1)]);
    assert!(began.elapsed() >= PATIENCE / 3);
}

#[tokio::test]
async fn garbage_is_no_answer() {
    for garbage in [&[0_u8; 64][..], &[0xff; 4096], b"HTTP/1.1 400 Bad Request\r\n\r\n"] {
        for after in [0, 1] {
            let (_endpoint, mut client) =
                asked(move |request| echo(request).turns_into(after, garbage)).await;
            assert!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.is_err(), "{garbage:?}");
        }
    }
    // Well packed, and no tokens.
    let (_endpoint, mut client) = asked(|_| Answer::of(vec![Token::Octets(vec![0x5a; 100])])).await;
    assert!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.is_err());
}

#[tokio::test]
async fn a_cancelled_statement_is_answered_so_or_too_late() {
    let (endpoint, mut client) = asked(|request| match request.parameter(1) {
        Some(Value::Text(text)) if text == "hangs" => echo(request).hangs(2),
        Some(Value::Text(text)) if text == "late" => echo(request).comes_late(),
        _ => echo(request),
    })
    .await;
    let given_up = PATIENCE / 3;
    assert!(timeout(given_up, ask(&mut client, "SELECT @P1", &[&"hangs"])).await.is_err());
    client.cancel_query().await.unwrap();
    assert_eq!(ask(&mut client, "SELECT @P1", &[&1_i32]).await.unwrap(), [Value::Int(1)]);
    assert!(endpoint.seen().iter().any(|request| request.ask == Ask::Attention));
    // The whole answer, and then what the cancellation gets: this client takes the first for the second, and is one
    // answer behind from then on. Whoever uses the connection again gets what others asked for.
    assert!(timeout(given_up, ask(&mut client, "SELECT @P1", &[&"late"])).await.is_err());
    assert!(client.cancel_query().await.is_err());
    let nothing = client.query("SELECT @P1", &[&2_i32]).await.unwrap().into_row().await.unwrap();
    assert!(nothing.is_none());
    assert_eq!(ask(&mut client, "SELECT @P1", &[&3_i32]).await.unwrap(), [Value::Int(2)]);
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn a_new_packet_size_is_taken() {
    let endpoint = Endpoint::start(Encryption::None, |request| match &request.ask {
        Ask::Login(_) => {
            let mut answer = request.usual();
            let last = answer.tokens.len() - 1;
            answer.tokens.insert(last, Token::Change(Change::PacketSize(512)));
            answer
        }
        Ask::Call(_) => echo(request),
        _ => request.usual(),
    });
    let mut client = connect(config(&endpoint)).await.unwrap();
    let long = "x".repeat(3_000);
    assert_eq!(ask(&mut client, "SELECT @P1", &[&long.as_str()]).await.unwrap(), [Value::Text(long.clone())]);
}

#[tokio::test]
#[should_panic(expected = "the client broke the protocol")]
async fn a_client_that_breaks_the_protocol_is_seen() {
    use std::io::{Read, Write};
    let endpoint = Endpoint::start(Encryption::None, Request::usual);
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", endpoint.port())).unwrap();
    // A message of a type that nobody sends.
    socket.write_all(&[99, 1, 0, 8, 0, 0, 0, 0]).unwrap();
    assert_eq!(socket.read(&mut [0; 8]).unwrap(), 0);
}
