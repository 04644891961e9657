//! How a connection comes about, or does not: the login, encryption, certificates, redirection.

use std::time::Duration;

use super::{PASSWORD, Scene, count, folder, is_login, is_refused, is_user, keys, limits};
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
        let log = scene.gateway.log();
        assert!(log.iter().any(|line| line.contains("\"ERROR\"") && line.contains(reason)), "{log:#?}");
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
    // A password goes nowhere in the clear, whatever is said.
    let mut scene = Scene::at(Endpoint::start(Encryption::None, application::answer), &off);
    is_refused(1, || scene.scim.get("/Users/7"));
    assert_eq!(count(&scene.endpoint.seen(), is_login), 0);
    scene.is_sound();
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
