//! How a connection comes about, or does not: the login, encryption, certificates, redirection.

use std::net::UdpSocket;
use std::time::Duration;

use tempfile::TempDir;

use super::{PASSWORD, Scene, count, folder, is_login, is_refused, is_user, keys, limits, rename};
use crate::support::eventually;
use crate::support::gateway::{Gateway, gantry, write_configuration};
use crate::support::tds::request::{Ask, Request};
use crate::support::tds::{Encryption, Endpoint, application, certified};

const SECRET_TOKEN: &str = "ey.access-t0ken-of-the-tests.x";

fn is_prelogin(request: &Request) -> bool {
    matches!(request.ask, Ask::Prelogin(_))
}

fn logs_in(request: &Request) -> bool {
    is_login(&request.ask)
}

#[test]
fn a_server_that_does_not_finish_a_login() {
    for which in [is_prelogin as fn(&Request) -> bool, logs_in] {
        for fault in 0..5 {
            let mut scene = Scene::new();
            scene.spoil(which, move |_, answer| match fault {
                0 => answer.hangs(0),
                1 => answer.hangs(1),
                2 => answer.cut_after_token(0),
                3 => answer.cut_after_octet(9),
                _ => answer.turns_into(0, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            });
            is_refused(2, || scene.scim.get("/Users/7"));
            scene.recovers();
        }
    }
}

#[test]
fn a_login_that_is_refused_is_an_alert() {
    for number in [18456, 4060] {
        let mut scene = Scene::new();
        scene.spoil(logs_in, move |request, _| request.refused(number, "Login failed for user 'scim'."));
        is_refused(1, || scene.scim.get("/Users/7"));
        is_refused(1, || scene.scim.get("/Users/7"));
        eventually("the answers in the log", || {
            scene.gateway.log().iter().filter(|line| line.contains("answered")).count() == 2
        });
        // It is told once, not at each try.
        let log = scene.gateway.log();
        let alerts: Vec<_> = log.iter().filter(|line| line.contains("\"ERROR\"")).collect();
        let [alert] = alerts[..] else { panic!("{log:#?}") };
        assert!(alert.contains(&number.to_string()) && alert.contains("[target.sqlserver]"), "{alert}");
        scene.recovers();
    }
}

#[test]
fn one_redirection_is_followed_and_no_second() {
    let folder = folder();
    let tls = || Encryption::All(certified(folder.path(), "server"));
    let last = Endpoint::start(tls(), application::answer);
    let port = last.port();
    let second = Endpoint::start(tls(), application::answer);
    let first = Endpoint::start(tls(), {
        let port = second.port();
        move |request| match request.ask {
            Ask::Login(_) => request.routed("127.0.0.1", port),
            _ => application::answer(request),
        }
    });
    let mut scene = Scene::at(first, &keys(&folder));
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    assert_eq!(count(&second.seen(), is_login), 1);
    assert!(scene.endpoint.seen().iter().all(|request| request.text().is_none()));
    // Who sends on a second time is not believed.
    second.cut();
    second.answers(move |request| match request.ask {
        Ask::Login(_) => request.routed("127.0.0.1", port),
        _ => application::answer(request),
    });
    is_refused(2, || scene.scim.get("/Users/7"));
    assert_eq!(last.connections(), 0);
    second.answers(application::answer);
    eventually("the end of the fault", || scene.scim.get("/Users/7").status == 200);
    scene.is_sound();
}

#[test]
fn a_certificate_must_be_known_unless_said() {
    let folder = folder();
    for (name, reason) in [
        ("strange-server", "UnknownIssuer"),
        ("elsewhere", "not valid for name"),
        ("expired-server", "expired"),
    ] {
        let encryption = Encryption::All(certified(folder.path(), name));
        let mut scene = Scene::at(Endpoint::start(encryption.clone(), application::answer), &keys(&folder));
        is_refused(1, || scene.scim.get("/Users/7"));
        eventually(&format!("an alert: {reason}"), || {
            scene.gateway.log().iter().any(|line| line.contains("\"ERROR\"") && line.contains(reason))
        });
        assert_eq!(count(&scene.endpoint.seen(), is_login), 0);
        scene.is_sound();
        let blind = keys(&folder).replace("ca = ", "trust_certificate = true #");
        let mut scene = Scene::at(Endpoint::start(encryption, application::answer), &blind);
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        scene.is_sound();
    }
}

#[test]
fn without_encryption_nobody_logs_in_unless_said() {
    let folder = folder();
    let bare = Endpoint::start(Encryption::None, application::answer);
    let mut scene = Scene::at(bare, &keys(&folder));
    is_refused(1, || scene.scim.get("/Users/7"));
    assert_eq!(count(&scene.endpoint.seen(), is_login), 0);
    scene.is_sound();
    let off = format!("{}\nencrypt = \"off\"", keys(&folder));
    let tls = certified(folder.path(), "server");
    for encryption in [Encryption::Login(tls.clone()), Encryption::All(tls)] {
        let mut scene = Scene::at(Endpoint::start(encryption, application::answer), &off);
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        scene.is_sound();
    }
    let seen = scene_prelogins(&folder, &off);
    assert!(seen.iter().all(|encryption| *encryption == 0), "{seen:?}");
    let seen = scene_prelogins(&folder, &keys(&folder));
    assert!(seen.iter().all(|encryption| [1, 3].contains(encryption)), "{seen:?}");
    // A password goes nowhere in the clear, whatever is said.
    let mut scene = Scene::at(Endpoint::start(Encryption::None, application::answer), &off);
    is_refused(1, || scene.scim.get("/Users/7"));
    assert_eq!(count(&scene.endpoint.seen(), is_login), 0);
    scene.is_sound();
}

/// What the gateway with these keys says of encryption.
fn scene_prelogins(folder: &TempDir, keys: &str) -> Vec<u8> {
    let encryption = Encryption::Login(certified(folder.path(), "server"));
    let scene = Scene::at(Endpoint::start(encryption, application::answer), keys);
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    let said = |request: Request| match request.ask {
        Ask::Prelogin(prelogin) => Some(prelogin.encryption),
        _ => None,
    };
    scene.endpoint.seen().into_iter().filter_map(said).collect()
}

#[test]
fn everything_is_encrypted_from_the_first_octet_where_that_is_said() {
    let folder = folder();
    let strict = format!("{}\nencrypt = \"strict\"", keys(&folder));
    let tls = certified(folder.path(), "server");
    let mut scene = Scene::at(Endpoint::start(Encryption::Strict(tls.clone()), application::answer), &strict);
    is_user(&scene.scim.get("/Users/7").is(200), 7);
    is_user(&scene.scim.patch("/Users/8", &rename()).is(200), 8);
    scene.is_sound();
    let elsewhere = Encryption::Strict(certified(folder.path(), "elsewhere"));
    let mut scene = Scene::at(Endpoint::start(elsewhere, application::answer), &strict);
    is_refused(1, || scene.scim.get("/Users/7"));
    assert!(scene.endpoint.seen().is_empty());
    scene.is_sound();
    // A server that can not.
    let mut scene = Scene::at(Endpoint::start(Encryption::All(tls), application::answer), &strict);
    is_refused(1, || scene.scim.get("/Users/7"));
    assert_eq!(count(&scene.endpoint.seen(), is_login), 0);
    scene.is_sound();
}

#[test]
fn a_token_is_fetched_at_each_connection() {
    let folder = folder();
    let (ca, token) = (folder.path().join("ca.pem"), folder.path().join("token"));
    let (by_file, by_command) =
        (format!("{{ file = {token:?} }}"), format!("{{ command = [\"cat\", {token:?}] }}"));
    for place in [by_file, by_command] {
        std::fs::write(&token, "the-first-token\n").unwrap();
        let encryption = Encryption::All(certified(folder.path(), "server"));
        let endpoint = Endpoint::start(encryption, application::answer);
        let mut scene = Scene::at(endpoint, &format!("token = {place}\nca = {ca:?}"));
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        std::fs::write(&token, "the-next-token").unwrap();
        scene.endpoint.cut();
        is_user(&scene.scim.get("/Users/7").is(200), 7);
        let tokens: Vec<_> = scene
            .endpoint
            .seen()
            .into_iter()
            .filter_map(|request| match request.ask {
                Ask::Login(login) => login.token,
                _ => None,
            })
            .collect();
        assert_eq!(tokens, ["the-first-token", "the-next-token"]);
        // None: the server is not even asked, and the log says why, not what.
        std::fs::remove_file(&token).unwrap();
        scene.endpoint.cut();
        is_refused(1, || scene.scim.get("/Users/7"));
        assert_eq!(count(&scene.endpoint.seen(), is_login), 2);
        eventually("an alert", || scene.gateway.log().iter().any(|line| line.contains("\"ERROR\"")));
        assert!(
            !scene.gateway.log().iter().any(|line| line.contains("-token\"")),
            "{:#?}",
            scene.gateway.log()
        );
        scene.is_sound();
    }
}

#[test]
fn a_token_that_does_not_come_is_waited_for_as_long_as_anything() {
    let folder = folder();
    let endpoint = Endpoint::start(Encryption::All(certified(folder.path(), "server")), application::answer);
    let mark = format!("{}", 86_000 + std::process::id() % 1_000);
    let mut scene = Scene::at(endpoint, &format!("token = {{ command = [\"sleep\", \"{mark}\"] }}"));
    is_refused(1, || scene.scim.get("/Users/7"));
    scene.is_sound();
    // Nobody asks any more, so that the last of them ends too.
    drop(scene);
    let is_running = || {
        let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let commands = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        commands.into_iter().any(|command| command == format!("sleep\0{mark}\0").as_bytes())
    };
    assert!(!is_running());
}

#[test]
fn a_target_that_only_reads_says_so() {
    let folder = folder();
    let endpoint = Endpoint::start(Encryption::All(certified(folder.path(), "server")), application::answer);
    let target = endpoint
        .target("app", &keys(&folder))
        .replace("name = \"app\"", "name = \"app\"\nmode = \"read-only\"");
    let gateway = Gateway::serve(&[target]);
    is_user(&gateway.target("app").get("/Users/7").is(200), 7);
    assert!(
        endpoint.seen().iter().any(|request| matches!(&request.ask, Ask::Login(login) if login.only_reads))
    );
}

#[test]
fn a_named_instance_is_asked_for_and_what_it_sends_on_to_is_not() {
    // The SQL Server Browser of an address that is this test's own.
    let browser = UdpSocket::bind("127.0.0.31:1434").unwrap();
    let folder = folder();
    let tls = || Encryption::All(certified(folder.path(), "server"));
    let there = Endpoint::start(tls(), application::answer);
    let (host, port) = ("127.0.0.1\\PRODUCTION", there.port());
    let here = Endpoint::at("127.0.0.31", tls(), move |request| match request.ask {
        Ask::Login(_) => request.routed(host, port),
        _ => application::answer(request),
    });
    let answer = format!("ServerName;X;InstanceName;HR;IsClustered;No;Version;16.0;tcp;{};;", here.port());
    std::thread::spawn(move || {
        let mut octets = [0; 64];
        let (length, from) = browser.recv_from(&mut octets).unwrap();
        assert_eq!(&octets[..length], b"\x04HR");
        let head = [&[5_u8][..], &(answer.len() as u16).to_le_bytes()].concat();
        browser.send_to(&[head, answer.into_bytes()].concat(), from).unwrap();
    });
    let blind = keys(&folder).replace("ca = ", "trust_certificate = true #");
    let target = here.target("app", &format!("instance = \"HR\"\n{blind}"));
    let gateway = Gateway::serve(&[target.replace(&format!("port = {}\n", here.port()), "")]);
    is_user(&gateway.target("app").get("/Users/7").is(200), 7);
    assert_eq!((here.connections(), count(&there.seen(), is_login)), (1, 1));
}

#[test]
fn secrets_are_in_no_log_however_much_is_logged() {
    let folder = folder();
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{SECRET_TOKEN}\n")).unwrap();
    let ca = folder.path().join("ca.pem");
    let by_token = format!("token = {{ file = {token:?} }}\nca = {ca:?}");
    for keys in [keys(&folder), by_token] {
        let encryption = Encryption::All(certified(folder.path(), "server"));
        let endpoint = Endpoint::start(encryption, application::answer);
        let home = tempfile::tempdir().unwrap();
        let file = write_configuration(home.path(), &[limits(), endpoint.target("app", &keys)]);
        let mut command = gantry();
        command.env("GANTRY_LOG", "trace,tiberius=trace").args(["serve", "--config"]).arg(file);
        let mut gateway = Gateway::start(&mut command, home);
        is_user(&gateway.target("app").get("/Users/7").is(200), 7);
        endpoint.answers(|request| match request.ask {
            Ask::Login(_) => request.refused(18456, "Login failed for user 'scim'."),
            _ => application::answer(request),
        });
        endpoint.cut();
        gateway.target("app").get("/Users/7").is_error(503, "");
        std::thread::sleep(Duration::from_millis(50));
        let log = gateway.log();
        assert!(log.len() > 20, "{log:#?}");
        for secret in [PASSWORD, SECRET_TOKEN] {
            assert!(!log.iter().any(|line| line.contains(secret)), "{log:#?}");
        }
        let seen = endpoint.seen();
        let Some(Ask::Login(login)) = seen.iter().map(|request| &request.ask).find(|ask| is_login(ask))
        else {
            panic!("{seen:?}")
        };
        assert!(login.password == PASSWORD || login.token.as_deref() == Some(SECRET_TOKEN));
        gateway.is_sound();
    }
}
