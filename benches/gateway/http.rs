//! An HTTP/1.1 client as small as can be, so that the load costs the two cores little: one keep-alive
//! connection, one request at a time, bodies by Content-Length or in chunks.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection.
pub struct Http {
    stream: TcpStream,
    /// The lines that every request has: `Host`, `Authorization`.
    headers: String,
    buffer: Vec<u8>,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Ask {
    pub method: &'static str,
    /// From the target's base on.
    pub path: String,
    pub body: String,
    /// What must come back.
    pub status: u16,
}

// === impl Http ===

impl Http {
    /// `address` is `host:port`.
    pub async fn connect(address: &str, token: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let headers = format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n");
        Self { stream, headers, buffer: Vec::with_capacity(64 << 10) }
    }

    /// Sends a request; its answer's body. Panics at another status than the expected one.
    pub async fn send(&mut self, base: &str, ask: &Ask) -> &[u8] {
        let Ask { method, path, body, status } = ask;
        let content = match body.len() {
            0 => String::new(),
            length => format!("Content-Type: application/scim+json\r\nContent-Length: {length}\r\n"),
        };
        let request = format!("{method} {base}{path} HTTP/1.1\r\n{}{content}\r\n{body}", self.headers);
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.buffer.clear();
        let head = self.line_end(0, b"\r\n\r\n").await;
        let text = std::str::from_utf8(&self.buffer[..head]).unwrap().to_ascii_lowercase();
        let end = if text.contains("transfer-encoding: chunked") {
            self.chunks(head).await
        } else {
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let end = head + length.map_or(0, |length| length.parse().unwrap());
            self.fill(end).await;
            end
        };
        let answered = text.get(9..12).and_then(|status| status.parse().ok());
        let answer = &self.buffer[head..end];
        assert_eq!(answered, Some(*status), "{ask:?}: {}", String::from_utf8_lossy(answer));
        answer
    }

    /// Takes the sizes out from between the chunks; where the body ends then (RFC 9112 §7.1).
    async fn chunks(&mut self, mut at: usize) -> usize {
        loop {
            let begin = self.line_end(at, b"\r\n").await;
            let size = std::str::from_utf8(&self.buffer[at..begin - 2]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            self.fill(begin + size + 2).await;
            if size == 0 {
                return at;
            }
            self.buffer.copy_within(begin..begin + size, at);
            let rest = self.buffer.split_off(begin + size + 2);
            at += size;
            self.buffer.truncate(at);
            self.buffer.extend(rest);
        }
    }

    /// The place behind the next of these.
    async fn line_end(&mut self, from: usize, mark: &[u8]) -> usize {
        loop {
            if let Some(at) = self.buffer[from..].windows(mark.len()).position(|octets| octets == mark) {
                return from + at + mark.len();
            }
            self.read().await;
        }
    }

    async fn fill(&mut self, length: usize) {
        while self.buffer.len() < length {
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let count = self.stream.read_buf(&mut self.buffer).await.unwrap();
        assert!(count > 0, "the gateway closed a connection");
    }
}
