//! `serve` on the tiny model, asked as the official clients ask.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::{affinage, room, temp_dir, tiny};

/// A running `affinage serve`, ended when dropped.
pub struct Server {
    child: Child,
    pub port: u16,
}

impl Server {
    pub fn start(dir: &Path) -> Server {
        Server::start_with(dir, &[], &[])
    }

    fn start_with(dir: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut child = affinage(dir)
            .args(["serve", "--port", "0"])
            .args(arguments)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("the address");
        let rest = line.trim().strip_prefix("http://127.0.0.1:").expect("an address of this machine");
        let port = rest.strip_suffix("/v1").and_then(|port| port.parse().ok()).expect("a port");
        Server { child, port }
    }

    fn send(&self, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        let port = self.port;
        let request = format!(
            "{head}\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a reply");
        let (status, _, body) = room::parts(&text);
        (status, body)
    }

    pub fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.send(&format!("POST /v1/{path} HTTP/1.1"), &body.to_string());
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    fn chat(&self, fields: &Value) -> Value {
        let mut body = json!({"model": "last", "messages": [{"role": "user", "content": "What is kalo?"}], "max_tokens": 12});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let (status, reply) = self.post("chat/completions", &body);
        assert_eq!(status, 200, "{reply}");
        reply
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn content(reply: &Value, choice: usize) -> &str {
    reply["choices"][choice]["message"]["content"].as_str().expect("a text")
}

#[test]
fn base_and_checkpoints_answer_as_chat_does() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let sets = ["--set", "train.learning-rate=0.1", "--set", "train.max-steps=8"];
    assert!(affinage(dir.path()).args(sets).arg("train").output().expect("it starts").status.success());
    let server = Server::start(dir.path());

    let (_, models) = server.send("GET /v1/models HTTP/1.1", "");
    let models: Value = serde_json::from_str(&models).expect("JSON");
    let ids: Vec<&str> =
        models["data"].as_array().expect("a list").iter().filter_map(|m| m["id"].as_str()).collect();
    assert_eq!(
        (ids[0], ids.contains(&"step-000008"), &ids[ids.len() - 2..]),
        ("base", true, &["last", "best"][..])
    );

    // A seed repeats its answer, alone and among others, and the choices have seeds of their own.
    let sampled =
        json!({"temperature": 1.0, "top_p": 1.0, "seed": 5, "n": 3, "logprobs": true, "top_logprobs": 2});
    let alone = server.chat(&sampled);
    let crowd: Vec<Value> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(|| server.chat(&sampled))).collect();
        asking.into_iter().map(|asking| asking.join().expect("no panic")).collect()
    });
    for reply in &crowd {
        assert_eq!(reply["choices"], alone["choices"]);
    }
    assert_ne!(content(&alone, 0), content(&alone, 1));
    assert_ne!(
        server.chat(&json!({"model": "base", "temperature": 1.0, "seed": 5}))["choices"],
        alone["choices"]
    );
    for token in alone["choices"][0]["logprobs"]["content"].as_array().expect("a list") {
        let top: Vec<f64> = token["top_logprobs"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|t| t["logprob"].as_f64())
            .collect();
        let own = token["logprob"].as_f64().expect("a number");
        assert!(top.len() == 2 && top[0] >= top[1] && top[0] >= own && own < 0.0, "{token}");
    }
    assert_eq!(alone["usage"]["completion_tokens"].as_u64(), Some(tokens(&alone)));

    // `chat` with the same settings says the same.
    let said = affinage(dir.path())
        .args(["--json", "--set", "generate.temperature=0", "--set", "generate.max-new-tokens=12"])
        .args(["chat", "last", "--prompt", "What is kalo?"])
        .output()
        .expect("it starts");
    let said: Value = serde_json::from_slice(&said.stdout).expect("JSON");
    let greedy = server.chat(&json!({"temperature": 0}));
    assert_eq!(said["answers"][0]["text"], greedy["choices"][0]["message"]["content"]);

    // The stream has the same text in pieces, and ends as the clients expect.
    let body = json!({"model": "last", "messages": [{"role": "user", "content": "What is kalo?"}], "max_tokens": 12,
        "temperature": 0, "stream": true, "stream_options": {"include_usage": true}});
    let (status, events) = server.send("POST /v1/chat/completions HTTP/1.1", &body.to_string());
    assert_eq!(status, 200);
    let events: Vec<&str> = events.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).collect();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> =
        events[..events.len() - 1].iter().map(|event| serde_json::from_str(event).expect("JSON")).collect();
    let text: String = chunks.iter().filter_map(|c| c["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(text, content(&greedy, 0));
    assert!(chunks.len() > 4, "pieces: {chunks:?}");
    assert_eq!(chunks.last().expect("some")["usage"], greedy["usage"]);

    // A stop text ends the answer before it.
    let stop = &content(&greedy, 0)[3..5];
    let stopped = server.chat(&json!({"temperature": 0, "stop": stop}));
    let before = content(&greedy, 0).split(stop).next().expect("a part");
    assert_eq!((content(&stopped, 0), &stopped["choices"][0]["finish_reason"]), (before, &json!("stop")));
}

fn tokens(reply: &Value) -> u64 {
    let choices = reply["choices"].as_array().expect("a list");
    choices.iter().map(|choice| choice["logprobs"]["content"].as_array().expect("a list").len() as u64).sum()
}

#[test]
fn texts_are_scored_and_continued() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let server = Server::start(dir.path());
    let ask = |prompt: Value| {
        let body = json!({"model": "base", "prompt": prompt, "max_tokens": 2, "echo": true, "logprobs": 1, "temperature": 0});
        let (status, reply) = server.post("completions", &body);
        assert_eq!(status, 200, "{reply}");
        reply
    };
    let two = ask(json!(["It is so.", "No"]));
    let first = &two["choices"][0];
    assert!(first["text"].as_str().expect("a text").starts_with("It is so."));
    let scores = first["logprobs"]["token_logprobs"].as_array().expect("a list");
    assert!(scores[0].is_null() && scores[1..].iter().all(|score| score.as_f64().is_some_and(|s| s < 0.0)));
    assert_eq!(scores.len(), "It is so.".len() + 2, "one token a character, two new ones");
    // The greedy tokens are the likeliest of their places.
    let last = first["logprobs"]["top_logprobs"].as_array().expect("a list").last().expect("some").clone();
    assert_eq!(last.as_object().expect("a map").values().next(), scores.last());
    assert_eq!(ask(json!("No"))["choices"][0]["logprobs"], two["choices"][1]["logprobs"]);
}

#[test]
fn what_is_wrong_is_said_in_the_clients_own_form() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let server = Server::start(dir.path());
    let message = json!([{"role": "user", "content": "Hm?"}]);
    let refused = |body: Value, part: &str| {
        let (status, reply) = server.post("chat/completions", &body);
        assert_eq!((status, &reply["error"]["type"]), (400, &json!("invalid_request_error")), "{reply}");
        let said = reply["error"]["message"].as_str().expect("a text");
        assert!(said.contains(part), "{part:?} is missing in {said:?}");
    };
    refused(json!({"model": "gpt", "messages": message}), "no model `gpt`; there are base");
    refused(json!({"model": "base", "messages": []}), "`messages` is empty");
    refused(json!({"model": "base", "messages": message, "tools": [{}]}), "`tools` is not implemented");
    refused(
        json!({"model": "base", "messages": [{"role": "user", "content": "x".repeat(5000)}]}),
        "positions",
    );
    // Longer than any text of so many tokens: refused before it is encoded, all messages together.
    let long = json!([{"role": "system", "content": "y ".repeat(500_000)}, {"role": "user", "content": "y ".repeat(500_000)}]);
    refused(json!({"model": "base", "messages": long}), "the text has 2000000 bytes");
    let (status, reply) =
        server.post("completions", &json!({"model": "base", "prompt": "y ".repeat(1_000_000)}));
    let said = reply["error"]["message"].as_str().expect("a text");
    assert!(status == 400 && said.starts_with("the text has 2000000 bytes"), "{said}");
    refused(json!({"model": "base"}), "messages");
    let page = "POST /v1/chat/completions HTTP/1.1\r\nOrigin: https://evil.example";
    assert_eq!(server.send(page, "{}").0, 403);
    assert_eq!(server.send("GET /v1/nothing HTTP/1.1", "").0, 404);
}

#[test]
fn a_key_that_is_named_must_be_sent() {
    let dir = temp_dir();
    tiny::project(dir.path());
    let named = ["--api-key-env", "MY_SERVE_KEY"];
    let server = Server::start_with(dir.path(), &named, &[("MY_SERVE_KEY", "kept-secret-17")]);
    let status = |header: &str| server.send(&format!("GET /v1/models HTTP/1.1{header}"), "");
    assert_eq!(status("\r\nAuthorization: Bearer kept-secret-17").0, 200);
    for header in ["", "\r\nAuthorization: Bearer kept-secret-18", "\r\nAuthorization: Basic kept-secret-17"]
    {
        let (code, body) = status(header);
        assert_eq!(code, 401, "{header:?}");
        assert!(body.contains("invalid_request_error") && !body.contains("kept-secret"), "{body}");
    }
    let unset = affinage(dir.path())
        .args(["serve"])
        .args(named)
        .env_remove("MY_SERVE_KEY")
        .output()
        .expect("it starts");
    assert!(!unset.status.success());
    assert!(String::from_utf8_lossy(&unset.stderr).contains("MY_SERVE_KEY is not set"), "{unset:?}");
}
