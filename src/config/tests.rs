use std::path::Path;

use super::*;

const CLIENT: &str = "[[target.client]]\nname = \"c\"\ntoken_sha256 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n";

fn target(name: &str, rest: &str) -> String {
    format!(
        "[[target]]\nname = \"{name}\"\nmapping = \"m\"\n{rest}[target.sqlite]\nfile = \"x.db\"\n{CLIENT}"
    )
}

fn good() -> String {
    format!("listen = \"127.0.0.1:8080\"\n{}", target("crm", ""))
}

fn read(text: &str) -> Result<Config, Vec<Diagnostic>> {
    parse("gantry.toml", text, Path::new("/etc/gantry"), &mut Files::default())
}

/// Every mistake as `line:column message`.
fn mistakes(text: &str) -> Vec<String> {
    read(text)
        .expect_err("there should be mistakes")
        .iter()
        .map(|mistake| format!("{}:{} {}", mistake.line, mistake.column, mistake.message))
        .collect()
}

/// The good configuration with one text replaced by another.
fn with(old: &str, new: &str) -> Vec<String> {
    let text = good();
    assert!(text.contains(old), "{old}");
    mistakes(&text.replacen(old, new, 1))
}

#[test]
fn a_good_configuration_has_its_defaults() {
    let config = read(&good()).unwrap();
    let target = &config.targets[0];
    assert_eq!(target.path, "/crm/scim/v2");
    assert!(!target.read_only && config.public_url.is_none() && config.tls.is_none());
    assert!(matches!(&target.mapping, Script::Folder(folder) if folder == Path::new("/etc/gantry/m")));
    assert!(matches!(&target.store, Store::Sqlite(file) if file == Path::new("/etc/gantry/x.db")));
    assert!(matches!(target.clients[0].token, Token::Sha256(hash) if hash[1] == 0x11));
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn everything_that_is_built_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["cert.pem", "key.pem", "password", "token"] {
        std::fs::write(folder.path().join(file), format!("{file}\n")).unwrap();
    }
    let authority = rcgen::generate_simple_self_signed(["ca.test".to_owned()]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.cert.pem()).unwrap();
    let text = r#"
listen = "[::]:443"
public_url = "https://scim.example.test/base/"
tls = { cert = "cert.pem", key = { file = "key.pem" }, client_ca = "ca.pem" }
limits = { page_size = 50, drain_ms = 1000 }
[[target]]
name = "corp"
path = "/scim/v2"
mapping = "m"
mode = "read-only"
params = { people = "ou=people" }
[target.ldap]
urls = ["ldaps://a.example.test", "ldap://127.0.0.1:1389"]
ca = "ca.pem"
bind_dn = "cn=gw"
bind_password = { file = "password" }
server = "openldap"
plaintext = true
[[target.client]]
name = "a"
profile = "rfc"
token = { file = "token" }
[[target.client]]
name = "b"
profile = { base = "rfc" }
token = { env = "PATH" }
"#;
    let config = parse("g.toml", text, folder.path(), &mut Files::default()).unwrap();
    assert_eq!(config.public_url.as_deref(), Some("https://scim.example.test/base"));
    assert_eq!((config.limits.page_size, config.limits.scanned_rows), (50, Limits::default().scanned_rows));
    assert_eq!(config.tls.as_ref().unwrap().key.expose(), b"key.pem");
    let target = &config.targets[0];
    assert!(target.read_only && target.params["people"] == "ou=people");
    let Store::Ldap(ldap) = &target.store else { panic!("not a directory") };
    assert_eq!(ldap.server, Some(Server::OpenLdap));
    let Identity::Password { bind_dn, bind_password } = &ldap.identity else { panic!("no password") };
    assert!(ldap.plaintext && ldap.urls.len() == 2);
    assert_eq!((bind_dn.as_str(), bind_password.expose()), ("cn=gw", &b"password"[..]));
    assert!(matches!(&target.clients[0].token, Token::Plain(token) if token.expose() == b"token"));
    let shown = format!("{config:?}");
    assert!(!shown.contains("\"password\"") && !shown.contains("112, 97, 115, 115"), "{shown}");
}

#[test]
fn shapes_are_strict() {
    assert!(with("listen", "lisen")[0].starts_with("1:1 unknown field `lisen`"));
    assert!(with("file =", "fiel =")[0].starts_with("6:1 unknown field `fiel`"));
    assert!(
        with("name = \"crm\"", "name = 7")[0].starts_with("3:8 a text in quotes is needed here, not `7`")
    );
    assert!(with("[[target]]", "[target]")[0].contains("[[target]] begins one of several"));
    assert!(with("mapping", "mode = \"ro\"\nmapping")[0].starts_with("4:8 unknown variant `ro`"));
    assert!(with("listen = ", "listen ")[0].starts_with("1:8 "));
    assert!(mistakes("listen = \"127.0.0.1:1\"")[0].contains("no [[target]]"));
}

#[test]
fn values_are_checked_at_their_place() {
    assert_eq!(with("127.0.0.1:8080", "localhost"), ["1:10 listen is not an IP address with a port"]);
    assert_eq!(
        with("127.0.0.1:8080", "0.0.0.0:8080"),
        ["1:10 every address is listened on, so locations need a public_url"]
    );
    assert_eq!(
        with("[[target]]", "public_url = \"scim.example.test\"\n[[target]]"),
        ["2:14 public_url is not an http or https URL without a query"]
    );
    assert_eq!(
        with("[[target]]", "[limits]\npage_size = 0\n[[target]]"),
        ["2:1 limits: page_size must be from 1 to 1073741824"]
    );
    assert_eq!(with("00112233", "0x112233"), ["9:16 token_sha256 is not 64 hexadecimal digits"]);
    assert!(with("name = \"crm\"", "name = \"c/m\"")[0].starts_with("3:8 a target's name is"));
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    let hash = "token_sha256 = \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"";
    for literal in ["\"hunter2\"", "hunter2", "'hunter2'", "\"\"\"hunter2\"\"\""] {
        let text = good().replacen(hash, &format!("token = {literal}"), 1);
        let found = read(&text).unwrap_err();
        assert_eq!(found[0].line, 9);
        let shown = found[0].to_string();
        assert!(literal == "hunter2" || shown.contains("does not stand in the configuration"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert!(with(hash, "token = 7")[0].contains("does not stand in the configuration"));
    assert!(with(hash, "token = { path = \"x\" }")[0].contains("unknown field `path`"));
    for place in ["{}", "{ file = \"token\", env = \"PATH\" }"] {
        let found = with(hash, &format!("token = {place}"));
        assert_eq!(found, ["9:9 a secret has exactly one of file and env"], "{place}");
    }
    assert_eq!(
        with(hash, "token = { env = \"GANTRY_NOT_SET\" }"),
        ["9:9 the environment variable GANTRY_NOT_SET is not set"]
    );
    assert!(with(hash, "token = { file = \"none\" }")[0].starts_with("9:9 the file none cannot be read: "));
    assert_eq!(with(hash, ""), ["8:8 a client has exactly one of token and token_sha256"]);
}

#[test]
fn a_target_has_one_backend() {
    assert_eq!(with("[target.sqlite]\nfile = \"x.db\"\n", ""), ["3:8 a target has exactly one backend"]);
    let two = "[target.ldap]\nurls = []\nbind_dn = \"\"\nbind_password = { env = \"PATH\" }\n[target.sqlite]";
    assert_eq!(with("[target.sqlite]", two), ["3:8 a target has exactly one backend"]);
    let ldap = "[target.ldap]\nurls = [\"http://x\"]\nbind_dn = \"\"\nbind_password = { env = \"PATH\" }\n";
    assert_eq!(with("[target.sqlite]\nfile = \"x.db\"\n", ldap), ["6:9 not an LDAP server's URL"]);
    let urls = |urls: &str| with("[target.sqlite]\nfile = \"x.db\"\n", &ldap.replace("\"http://x\"", urls));
    for url in
        ["ldaps://", "ldaps://x:port", "ldaps://x:99999", "ldaps://[::1]", "ldap://a/ou=x", "ldap://a@b"]
    {
        let found = urls(&format!("\"ldaps://a\", \"{url}\""));
        assert_eq!(found, ["6:22 not an LDAP server's URL"], "{url}");
    }
    assert_eq!(urls("\"ldaps://a\", \"ldaps://a\""), ["6:22 this server is named twice"]);
}

#[test]
fn a_directory_knows_the_gateway_in_one_way() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let made = [(); 2].map(|()| rcgen::generate_simple_self_signed(["gw".to_owned()]).unwrap());
    write("gw.pem", &made[0].cert.pem());
    write("gw.key", &made[0].signing_key.serialize_pem());
    write("other.key", &made[1].signing_key.serialize_pem());
    write("empty", "");
    let read = |who: &str| {
        let ldap = format!("[target.ldap]\nurls = [\"ldaps://x\"]\n{who}\n");
        let text = good().replacen("[target.sqlite]\nfile = \"x.db\"\n", &ldap, 1);
        parse("gantry.toml", &text, folder.path(), &mut Files::default())
    };
    let certificate = "client_certificate = \"gw.pem\"\nclient_key = { file = \"gw.key\" }";
    let config = read(certificate).unwrap();
    let Store::Ldap(ldap) = &config.targets[0].store else { panic!("not a directory") };
    assert!(matches!(&ldap.identity, Identity::Certificate { .. }));
    assert!(!format!("{config:?}").contains("PRIVATE"));

    let place = |who: &str| {
        let found = read(who).unwrap_err();
        assert_eq!(found.len(), 1, "{who}: {found:?}");
        format!("{}:{} {}", found[0].line, found[0].column, found[0].message)
    };
    let one_way = "5:1 a directory is to know the gateway in exactly one way";
    assert_eq!(place(""), one_way);
    let empty = place(&format!("ca = \"empty\"\n{certificate}"));
    assert_eq!(empty, "7:6 there is no PEM certificate in this file");
    assert_eq!(place("bind_dn = \"cn=gw\""), one_way);
    assert_eq!(place("client_certificate = \"gw.pem\""), one_way);
    assert_eq!(place(&format!("bind_dn = \"cn=gw\"\n{certificate}")), one_way);
    let empty = place("bind_dn = \"cn=gw\"\nbind_password = { file = \"empty\" }");
    assert!(empty.starts_with("8:17 "), "{empty}");
    assert!(empty.contains("bind_password is empty") || empty.contains("is empty"), "{empty}");
    assert!(
        place(&certificate.replace("gw.pem", "none.pem")).starts_with("7:22 the file none.pem cannot be")
    );
    assert!(place(&certificate.replace("gw.pem", "gw.key")).starts_with("7:22 there is no PEM certificate"));
    assert!(place(&certificate.replace("gw.key", "gw.pem")).starts_with("8:14 the client_key is no PEM"));
    assert!(
        place(&certificate.replace("gw.key", "other.key")).starts_with("8:14 the client_key does not fit")
    );
    assert!(
        place(&format!("{certificate}\nplaintext = true")).starts_with("7:22 a client certificate needs TLS")
    );
}

#[test]
fn a_database_server_knows_the_gateway_in_one_way_and_is_trusted_in_one() {
    let place = |more: &str| {
        let table = format!("[target.sqlserver]\nhost = \"sql1\"\ndatabase = \"crm\"\n{more}\n");
        let text = good().replacen("[target.sqlite]\nfile = \"x.db\"\n", &table, 1);
        match read(&text) {
            Ok(_) => String::new(),
            Err(found) => format!("{}:{} {}", found[0].line, found[0].column, found[0].message),
        }
    };
    let login = "user = \"u\"\npassword = { env = \"PATH\" }\n";
    assert_eq!(place(login), "");
    assert_eq!(place("token = { command = [\"az\"] }"), "");
    assert_eq!(place("token = { file = \"sql.token\" }"), "");
    for none in ["", "user = \"u\"", "kerberos = false", &format!("{login}token = {{ file = \"t\" }}")] {
        assert_eq!(place(none), "5:1 a database is to know the gateway in exactly one way", "{none}");
    }
    assert_eq!(place("token = { }"), "8:9 a token comes from exactly one place");
    assert!(place(&format!("{login}encrypt = \"no\"")).starts_with("10:11 unknown variant `no`"));
    assert_eq!(place(&format!("{login}trust_certificate = true")), "");
    assert!(
        place(&format!("{login}ca = \"none.pem\"")).starts_with("10:6 the file none.pem cannot be read: ")
    );
    let both = place(&format!("{login}trust_certificate = true\nca = \"none.pem\""));
    assert!(both.starts_with("10:21 trust_certificate = true trusts any"), "{both}");
    let instance = place(&format!("{login}port = 1433\ninstance = \"HR\""));
    assert!(instance.starts_with("11:12 with a port there is nothing to ask"), "{instance}");
    if !cfg!(feature = "kerberos") {
        assert_eq!(place("kerberos = true"), "8:12 this gantry was built without Kerberos");
    }
}

#[test]
fn a_profile_that_is_none_is_said_at_its_place() {
    let profile = |text: &str| with("token_sha256", &format!("profile = {text}\ntoken_sha256"));
    assert_eq!(profile("{ base = \"rfc\", patch_answer = 201 }"), ["9:11 patch_answer is 200 or 204"]);
    assert!(profile("\"azure\"")[0].starts_with("9:11 unknown variant `azure`"));
}

#[test]
fn a_cursor_key_is_a_secret_and_long_enough() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = |text: &str| {
        std::fs::write(folder.path().join("k"), text).unwrap();
        let text = good().replacen("[[target]]", "cursor_key = { file = \"k\" }\n[[target]]", 1);
        parse("gantry.toml", &text, folder.path(), &mut Files::default())
    };
    let config = keyed("0123456789abcdef0123456789abcdef\n").unwrap();
    assert_eq!(config.cursor_key.as_ref().unwrap().expose(), b"0123456789abcdef0123456789abcdef");
    assert!(!format!("{config:?}").contains("cdef"), "{config:?}");
    let found = keyed("0123456789abcdef0123456789abcde\n").unwrap_err();
    assert_eq!((found.len(), found[0].line, found[0].column), (1, 2, 14));
    assert_eq!(found[0].message, "the cursor_key has fewer than 32 bytes");
    assert!(with("[[target]]", "cursor_key = \"literal\"\n[[target]]")[0].contains("does not stand in"));
}

#[test]
fn targets_do_not_lie_in_each_others_way() {
    let two = |a: &str, b: &str| format!("listen = \"127.0.0.1:1\"\n{}{}", target("a", a), target("b", b));
    assert!(read(&two("", "")).is_ok());
    assert!(read(&two("path = \"/x\"\n", "path = \"/xy\"\n")).is_ok());
    assert_eq!(
        mistakes(&two("path = \"/x\"\n", "path = \"/x/y\"\n")),
        ["14:8 the path /x/y lies in the way of /x (a)"]
    );
    assert_eq!(
        mistakes(&format!("listen = \"127.0.0.1:1\"\n{0}{0}", target("a", ""))),
        ["11:8 a target before this one is called \"a\" too"]
    );
    for path in ["/", "x", "/x/", "/x//y", "/x%20", "/../x", ""] {
        let found =
            mistakes(&format!("listen = \"127.0.0.1:1\"\n{}", target("a", &format!("path = \"{path}\"\n"))));
        assert!(found[0].contains("is not made of plain segments"), "{path}: {found:?}");
    }
    let found = mistakes(&format!("listen = \"127.0.0.1:1\"\n{}", target("a", "path = \"/healthz\"\n")));
    assert_eq!(found, ["5:8 /healthz and /readyz are the gateway's own"]);
}

#[test]
fn all_mistakes_are_shown_with_excerpt_and_caret() {
    let text = good().replacen("127.0.0.1:8080", "localhost", 1).replacen("00112233", "0x112233", 1);
    let found = read(&text).unwrap_err();
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0].to_string(),
        "error[G102]: listen is not an IP address with a port\n --> gantry.toml:1:10\n  |\n\
         1 | listen = \"localhost\"\n  |          ^\n  = help: for instance \"127.0.0.1:8080\" or \"[::1]:8080\""
    );
}

#[test]
fn a_file_that_is_missing_is_a_mistake() {
    let found = load(Path::new("/no/such/gantry.toml")).unwrap_err();
    assert!(found[0].to_string().contains("--> /no/such/gantry.toml"), "{}", found[0]);
}
