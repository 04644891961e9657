//! What lies between the wire library and a server: TCP, TLS and StartTLS, and a look at all that comes back,
//! for the library bounds neither the length nor the depth of what it parses. Tells in words why a connection
//! could not be made, or ended.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::Arc;

use ldap3::asn1::{PL, StructureTag};
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError, StdStream};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::{TcpSocket, TcpStream, UnixStream, lookup_host};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::ber::{self, Inspector};
use super::connection::Server;

const BUFFER_OCTETS: usize = 16 << 10;
/// The request to begin TLS (RFC 4511 section 4.14.1), with the message id 1.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// Its answer, at most.
const START_TLS_OCTETS_MAX: usize = 4 << 10;

/// A connection, and the tasks that it consists of. Ends with this, whatever the server does.
pub(super) struct Wire {
    /// The library's handle.
    pub ldap: ldap3::Ldap,
    /// The library's own task. It may panic at what a server sends; then all that wait get an error.
    driver: JoinHandle<Result<(), LdapError>>,
    relay: JoinHandle<Result<(), String>>,
}

// === impl Wire ===

impl Wire {
    /// Connects and secures. The error is for the log.
    pub(super) async fn connect(server: &Server, tls: Option<&Arc<ClientConfig>>) -> Result<Self, String> {
        let mut stream = dial(server).await.map_err(|error| error.to_string())?;
        if server.start_tls {
            start_tls(&mut stream).await?;
        }
        match tls.filter(|_| server.start_tls || server.url.starts_with("ldaps:")) {
            Some(tls) => Self::over(secure(server, tls, stream).await?).await,
            None => Self::over(stream).await,
        }
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Result<Self, String> {
        let (inner, outer) = UnixStream::pair().map_err(|error| error.to_string())?;
        let inner: StdUnixStream = inner.into_std().map_err(|error| error.to_string())?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(inner));
        let connected = LdapConnAsync::with_settings(settings, "ldapi:///").await;
        let (connection, ldap) = connected.map_err(|error| error.to_string())?;
        Ok(Self { ldap, driver: tokio::spawn(connection.drive()), relay: tokio::spawn(relay(stream, outer)) })
    }

    /// Why it ended; waits for that end. `None` when there is no more to say than that it was closed.
    pub(super) async fn end(&mut self) -> Option<String> {
        (&mut self.relay).await.ok()?.err()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.driver.abort();
        self.relay.abort();
    }
}

/// A socket with NODELAY and keepalive.
async fn dial(server: &Server) -> io::Result<TcpStream> {
    let mut last = io::Error::other("the name has no address");
    for address in lookup_host((server.host.as_str(), server.port)).await? {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_keepalive(true)?;
        socket.set_nodelay(true)?;
        match socket.connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn start_tls(stream: &mut TcpStream) -> Result<(), String> {
    stream.write_all(START_TLS).await.map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    while answer.len() < START_TLS_OCTETS_MAX {
        let read = stream.read_buf(&mut answer).await.map_err(|error| error.to_string())?;
        match ber::parse(&answer).and_then(result_code) {
            Some(0) => return Ok(()),
            Some(code) => return Err(format!("the server refuses StartTLS with LDAP result {code}")),
            None if read == 0 => break,
            None => {}
        }
    }
    Err("the server did not answer StartTLS as LDAP does".to_owned())
}

/// The result code of a message (RFC 4511 sections 4.1.1 and 4.1.9).
fn result_code(message: StructureTag) -> Option<u8> {
    let parts = |tag: StructureTag| match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    };
    let operation = parts(message)?.into_iter().nth(1)?;
    match parts(operation)?.into_iter().next()?.payload {
        PL::P(code) => code.last().copied(),
        PL::C(_) => None,
    }
}

async fn secure(
    server: &Server,
    tls: &Arc<ClientConfig>,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(server.host.clone()).map_err(|error| error.to_string())?;
    TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(|error| cause(&error))
}

/// Carries octets both ways until one side ends.
async fn relay(server: impl AsyncRead + AsyncWrite, library: UnixStream) -> Result<(), String> {
    let (mut from_server, mut to_server) = split(server);
    let (mut from_library, mut to_library) = library.into_split();
    let answers = async {
        let (mut inspector, mut buffer) = (Inspector::default(), vec![0; BUFFER_OCTETS]);
        loop {
            let read = from_server.read(&mut buffer).await.map_err(|error| cause(&error))?;
            let octets = buffer.get(..read).unwrap_or_default();
            inspector.follow(octets)?;
            if octets.is_empty() || to_library.write_all(octets).await.is_err() {
                return Ok(());
            }
        }
    };
    let requests = async {
        let copied = tokio::io::copy(&mut from_library, &mut to_server).await;
        let _ = to_server.shutdown().await;
        copied.map(|_| ()).map_err(|error| cause(&error))
    };
    tokio::select! {
        ended = answers => ended,
        ended = requests => ended,
    }
}

/// What an I/O error is about; of a certificate, what to do about it.
fn cause(error: &io::Error) -> String {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(cause)) => format!(
            "the server's certificate is not accepted ({cause}): look at `ca`, at the certificate's dates and names"
        ),
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("the server refuses TLS ({alert:?})")
        }
        _ if error.kind() == io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    }
}
