//! Rooms that are asked as browsers, programs and strangers ask.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::Instant;

use super::connections::MAX_CONNECTIONS;
use super::*;

/// An open room; it closes where this is dropped, so that a failed test ends.
struct Visitor<'a> {
    port: u16,
    token: &'a str,
    is_over: &'a AtomicBool,
}

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Visitor<'_> {
    fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).expect("a connection")
    }

    fn send(&self, text: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect();
        // A server that refuses may have closed before the end.
        drop(stream.write_all(text.as_ref()));
        stream
    }

    /// A request as the page itself sends it.
    fn request(&self, line: &str, headers: &str, body: &str) -> String {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let (port, token) = (self.port, self.token);
        format!(
            "{method} /{token}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\
             Origin: http://127.0.0.1:{port}\r\n{headers}\r\n{body}"
        )
    }

    fn post(&self, path: &str, body: &str) -> (u16, String) {
        let headers = format!("Connection: close\r\nContent-Length: {}\r\n", body.len());
        parts(&self.send(self.request(&format!("POST {path}"), &headers, body)))
    }

    fn get(&self, path: &str) -> (u16, String) {
        parts(&self.send(self.request(&format!("GET {path}"), "Connection: close\r\n", "")))
    }
}

/// All that is sent until the connection ends.
fn all(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => String::from_utf8(bytes).expect("UTF-8"),
    }
}

/// Status and the whole text.
fn parts(stream: &TcpStream) -> (u16, String) {
    let text = all(stream);
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), text)
}

fn visit(room: &Room, answer: &Answer<'_>, visit: impl FnOnce(&Visitor<'_>)) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let visitor = Visitor { port: room.address().port(), token: room.guard.token(), is_over: &is_over };
        let serving = scope.spawn(|| room.serve_until(answer, &|| is_over.load(Ordering::Relaxed)));
        visit(&visitor);
        drop(visitor);
        serving.join().expect("no panic").expect("served");
    });
}

fn person() -> Room {
    Room::open(0).expect("a port")
}

fn echo(request: &Request) -> anyhow::Result<Reply> {
    match request.path.as_str() {
        "panic" => panic!("as asked"),
        "length" => Reply::json(&request.json::<String>()?.len()),
        path => Reply::json(&path),
    }
}

#[test]
fn what_is_refused_says_so_under_the_policy() {
    visit(&person(), &echo, |visitor| {
        let host = format!("Host: 127.0.0.1:{}\r\n", visitor.port);
        let origin = format!("Origin: http://127.0.0.1:{}\r\n", visitor.port);
        let token = visitor.token;
        let close = "Connection: close\r\n";
        let long = format!("X-Long: {}\r\n", "x".repeat(20 << 10));
        let many = "X: y\r\n".repeat(70);
        for (expected, text) in [
            (200, format!("GET /{token}/a HTTP/1.1\r\n{host}{close}\r\n")),
            (400, format!("GET /{token}/a HTTP/1.1\r\n{host}{host}{close}\r\n")),
            (403, format!("GET /a HTTP/1.1\r\n{host}{close}\r\n")),
            (403, format!("GET http://127.0.0.1/{token}/a HTTP/1.1\r\n{host}{close}\r\n")),
            (403, format!("POST /{token}/a HTTP/1.1\r\n{host}{close}Content-Length: 0\r\n\r\n")),
            (405, format!("PUT /{token}/a HTTP/1.1\r\n{host}{close}\r\n")),
            (421, format!("GET /{token}/a HTTP/1.1\r\nHost: evil.example\r\n{close}\r\n")),
            (421, format!("GET /{token}/a HTTP/1.1\r\n{close}\r\n")),
            (431, format!("GET /{token}/a HTTP/1.1\r\n{host}{long}{close}\r\n")),
            (431, format!("GET /{token}/a HTTP/1.1\r\n{host}{many}{close}\r\n")),
            (413, format!("POST /{token}/a HTTP/1.1\r\n{host}{origin}Content-Length: 99999999\r\n\r\n")),
            (408, format!("POST /{token}/a HTTP/1.1\r\n{host}{origin}Content-Length: 9\r\n\r\n{{")),
            (500, format!("GET /{token}/panic HTTP/1.1\r\n{host}{close}\r\n")),
            (200, format!("GET /{token}/after-a-panic HTTP/1.0\r\n{host}\r\n")),
        ] {
            let (status, reply) = parts(&visitor.send(&text));
            assert_eq!(status, expected, "{text}\n{reply}");
            let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
            for header in [
                "Content-Security-Policy: default-src 'none'; script-src 'self'",
                "X-Content-Type-Options: nosniff",
                "X-Frame-Options: DENY",
                "Referrer-Policy: no-referrer",
                "Cross-Origin-Opener-Policy: same-origin",
                "Cross-Origin-Resource-Policy: same-origin",
                "Cache-Control: no-store",
                "Content-Type: application/json",
            ] {
                assert!(head.contains(header), "{header} is missing: {reply}");
            }
            assert!(status == 200 || body.contains("\"error\":"), "{reply}");
        }
        // What cannot be read as a head has no page to protect.
        for (expected, text) in [
            (400, "\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned()),
            (400, format!("POST /{token}/a HTTP/1.1\r\n{host}{origin}Content-Length: +3\r\n\r\nabc")),
            (431, format!("GET /{token}/a HTTP/1.1\r\n{host}X: {}", "x".repeat(1 << 20))),
        ] {
            assert_eq!(parts(&visitor.send(&text)).0, expected, "{text:.80}");
        }
    });
}

#[test]
fn bodies_come_with_a_length_or_in_chunks_and_have_a_limit() {
    visit(&person(), &echo, |visitor| {
        let body = format!("\"{}\"", "x".repeat(1 << 20));
        assert!(visitor.post("length", &body).1.ends_with("\r\n\r\n1048576"));
        let chunked = "Transfer-Encoding: chunked\r\nConnection: close\r\n";
        let request = visitor.request("POST length", chunked, "3\r\n\"ab\r\n2\r\nc\"\r\n0\r\n\r\n");
        assert!(parts(&visitor.send(request)).1.ends_with("\r\n\r\n3"));
        let chunk = format!("100000\r\n{}\r\n", "x".repeat(1 << 20)).repeat(17);
        assert_eq!(parts(&visitor.send(visitor.request("POST length", chunked, &chunk))).0, 413);
        // A refused body is read, so that its sender sees the refusal, and the connection goes on.
        let foreign = format!("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let own = visitor.request("GET own", "Connection: close\r\n", "");
        let (status, text) = parts(&visitor.send(foreign + &own));
        assert!(status == 421 && text.ends_with("\"own\""), "{text}");
    });
}

#[test]
fn requests_that_come_at_once_are_answered_in_turn() {
    visit(&person(), &echo, |visitor| {
        let two =
            visitor.request("GET one", "", "") + &visitor.request("GET two", "Connection: close\r\n", "");
        let text = all(&visitor.send(two));
        let (one, two) = (text.find("\"one\"").expect("one"), text.find("\"two\"").expect("two"));
        assert!(one < two && text.matches("HTTP/1.1 200").count() == 2, "{text}");
    });
}

#[test]
fn silent_and_slow_clients_lock_nobody_out() {
    visit(&person(), &echo, |visitor| {
        let silent: Vec<_> = (0..MAX_CONNECTIONS + 8)
            .map(|i| if i % 2 == 0 { visitor.connect() } else { visitor.send("GET / HTTP/1.1\r\nHo") })
            .collect();
        assert_eq!(visitor.get("a").0, 200);
        // A head that stays half is waited for no longer than a request may take.
        let began = Instant::now();
        let slow = visitor.send("GET / HTTP/1.1\r\nHo");
        assert_eq!(all(&slow), "");
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(silent);
    });
}

#[test]
fn events_come_as_they_are_made_and_end_with_their_client() {
    let (next, wait) = mpsc::channel();
    let (end, ended) = mpsc::channel();
    let (wait, end) = (Mutex::new(Some(wait)), Mutex::new(end));
    let answer = |_: &Request| {
        let wait = wait.lock().expect("no panic").take();
        let end = end.lock().expect("no panic").clone();
        Ok(Reply::events(move |send| {
            send("data: 1\n\n")?;
            if let Some(wait) = wait {
                wait.recv().expect("the test goes on");
                return send("data: 2\n\n");
            }
            loop {
                if let Err(error) = send(&"x".repeat(1 << 10)) {
                    end.send(error.kind()).expect("the test waits");
                    return Err(error);
                }
            }
        }))
    };
    visit(&person(), &answer, |visitor| {
        let begin = || {
            let mut stream = visitor.send(visitor.request("GET a", "Connection: close\r\n", ""));
            let mut text = String::new();
            while !text.contains("data: 1") {
                let mut bytes = [0; 1 << 10];
                let read = stream.read(&mut bytes).expect("the first event");
                assert!(read > 0, "{text}");
                text.push_str(std::str::from_utf8(&bytes[..read]).expect("UTF-8"));
            }
            (stream, text)
        };
        let (stream, text) = begin();
        assert!(text.contains("Content-Type: text/event-stream") && text.contains("Content-Security-Policy"));
        next.send(()).expect("the stream waits");
        assert!(all(&stream).contains("data: 2"));
        // One client goes, another takes nothing.
        drop(begin());
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)).expect("an end"), ErrorKind::BrokenPipe);
        let idle = begin();
        assert_eq!(ended.recv_timeout(Duration::from_secs(20)).expect("an end"), ErrorKind::TimedOut);
        drop(idle);
    });
}

#[test]
fn what_is_in_work_is_answered_when_the_room_closes() {
    let (begun, begins) = mpsc::channel();
    let begun = Mutex::new(begun);
    let answer = |_: &Request| {
        begun.lock().expect("no panic").send(()).expect("the test waits");
        std::thread::sleep(MAX_SILENCE + 5 * POLL);
        Reply::json(&"done")
    };
    let mut asked = None;
    let mut silent = None;
    visit(&person(), &answer, |visitor| {
        silent = Some(visitor.connect());
        asked = Some(visitor.send(visitor.request("GET a", "", "")));
        begins.recv().expect("it begins");
    });
    assert_eq!(all(&silent.expect("a connection")), "");
    assert!(all(&asked.expect("a connection")).ends_with("\"done\""));
}

#[test]
fn a_client_of_http_2_is_told_so() {
    let room = Room::open(0).expect("a room");
    visit(&room, &|_| Ok(Reply::not_found()), |visitor| {
        let (status, _) = parts(&visitor.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        assert_eq!(status, 400);
    });
}
