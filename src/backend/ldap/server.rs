//! The URLs of a configuration as servers. The wire library would take more forms of URL than work.

use std::sync::Arc;

use super::connection::Server;
use super::kind::Kind;
use super::memory::Memory;

/// All URLs, in their order. The error is for the person who configures.
pub(super) fn parse_all(urls: &[String], plaintext: bool, kind: Option<Kind>) -> Result<Vec<Server>, String> {
    if urls.is_empty() {
        return Err("urls is empty".to_owned());
    }
    let server = |url: &String| parse(url, plaintext).map(|server| Server { kind, ..server });
    urls.iter().map(server).collect()
}

fn parse(url: &str, plaintext: bool) -> Result<Server, String> {
    let wrong = |why: &str| format!("{url}: {why}; write ldaps://host or ldaps://host:port");
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("not a URL"))?;
    let standard = match scheme {
        "ldaps" => 636,
        "ldap" => 389,
        _ => return Err(wrong("neither ldaps nor ldap")),
    };
    let place = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| wrong("not a port"))?),
        None => (place, standard),
    };
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(wrong("not a host's name or IPv4 address"));
    }
    let url = format!("{scheme}://{host}:{port}");
    let start_tls = scheme == "ldap" && !plaintext;
    Ok(Server { url, host: host.to_owned(), port, start_tls, kind: None, memory: None })
}

/// What stands in a server's place.
pub(super) fn in_memory(memory: Memory) -> Server {
    Server {
        url: "memory".to_owned(),
        host: String::new(),
        port: 0,
        start_tls: false,
        kind: Some(memory.kind()),
        memory: Some(Arc::new(memory)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let server = parse("ldaps://ldap1.example.test", false).unwrap();
        assert_eq!((server.url.as_str(), server.start_tls), ("ldaps://ldap1.example.test:636", false));
        assert!(parse("ldap://127.0.0.1:3890/", false).unwrap().start_tls);
        assert!(!parse("ldap://127.0.0.1:3890/", true).unwrap().start_tls);
    }

    #[test]
    fn what_would_not_work_is_refused() {
        for url in ["ldap1", "http://x", "ldaps://", "ldaps://x:port", "ldaps://[::1]", "ldaps://a/ou=x"] {
            assert!(parse(url, false).unwrap_err().starts_with(url), "{url}");
        }
        assert!(parse_all(&[], false, None).is_err());
    }
}
