//! A page of the real binary and the requests a browser would send to it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::affinage;

/// Status, head (as sent) and body of a reply.
pub fn parts(reply: &str) -> (u16, String, String) {
    let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked");
    (status, head.to_owned(), if is_chunked { joined(body) } else { body.to_owned() })
}

/// The chunks of a body, joined.
fn joined(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a chunk's length");
        body.push_str(&after[..length]);
        rest = &after[length + 2..];
    }
    body
}

/// A running server; killed when dropped.
pub struct Page {
    pub child: Child,
    pub port: u16,
    pub token: String,
}

impl Page {
    /// Starts `affinage ARGS --no-open` and reads the address it prints.
    pub fn open(dir: &Path, args: &[&str]) -> Page {
        let mut command = affinage(dir);
        command.args(args).arg("--no-open").stderr(Stdio::null());
        Page::start(command)
    }

    /// Starts a command that serves a page and reads the address it prints.
    pub fn start(mut command: Command) -> Page {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the address");
        let rest = line.trim().strip_prefix("http://127.0.0.1:").expect("an address of this machine");
        let (port, token) = rest.split_once('/').expect("a path");
        let (port, token) = (port.parse().expect("a port"), token.trim_end_matches('/').to_owned());
        Page { child, port, token }
    }

    /// Status, headers (as sent) and body.
    pub fn send(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a reply");
        parts(&text)
    }

    /// As [`Page::get`]; `None` if the server is gone.
    pub fn ask(&self, path: &str) -> Option<Value> {
        let (port, token) = (self.port, &self.token);
        self.whole(&format!(
            "GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// As [`Page::post`]; `None` if the server is gone.
    pub fn ask_post(&self, path: &str, body: &Value) -> Option<Value> {
        let (port, token, body) = (self.port, &self.token, body.to_string());
        self.whole(&format!(
            "POST /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    fn whole(&self, request: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        serde_json::from_str(text.split_once("\r\n\r\n")?.1).ok()
    }

    pub fn get(&self, path: &str) -> Value {
        let (port, token) = (self.port, &self.token);
        let (status, _, body) = self.send(&format!(
            "GET /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
        ));
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// Status and body of a POST as the page itself sends it.
    pub fn try_post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (port, token, body) = (self.port, &self.token, body.to_string());
        let (status, _, body) = self.send(&format!(
            "POST /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ));
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, reply) = self.try_post(path, body);
        assert_eq!(status, 200, "{path}: {reply}");
        reply
    }

    /// Asks until `done` holds; the page does the same while the library is being read.
    pub fn wait(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let value = self.get(path);
            if done(&value) {
                return value;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{path} stays {value}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
