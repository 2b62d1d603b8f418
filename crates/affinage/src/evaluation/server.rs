//! A server that speaks the OpenAI format: how it is asked, again and again where that helps, and what it refuses.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use serde_json::{Value, json};

use crate::errors::{HintExt as _, usage};
use crate::http::post_json;
use crate::interrupt;
use crate::judges::server::{host, is_loopback};

const TIMEOUT: Duration = Duration::from_secs(300);
const ATTEMPTS: u32 = 4;

/// A server and how it is asked.
pub struct Remote {
    /// Up to `/v1`.
    pub base_url: String,
    pub key: Option<String>,
    /// The base model's name there.
    pub base_name: String,
    pub concurrency: usize,
    /// Settings that the server turned out to refuse, and that are left out from then on. `None`: a refusal is an error,
    /// because the answers must be drawn as the plan says.
    pub refused: Option<Mutex<BTreeSet<&'static str>>>,
}

/// What came back.
pub struct Reply {
    pub body: Value,
    /// What was not asked for, because the server refuses it.
    pub refused: Vec<String>,
}

/// The old name of the limit of new tokens; newer servers want the other one.
const LIMIT: &str = "max_tokens";
const LIMIT_RENAMED: &str = "max_completion_tokens";

/// What servers refuse, by name.
const REFUSABLE: [&str; 5] = [LIMIT, "temperature", "top_p", "top_k", "seed"];

/// What a person allowed to leave this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Leave<'a> {
    /// Texts may go to the servers that are configured or named, without a question.
    pub yes: bool,
    /// What is held private and may go all the same: conversations by key or title, or files.
    pub send_private: &'a [String],
}

/// Errors unless `url` is on this machine or texts may go to others.
pub fn consented(url: &str, yes: bool) -> anyhow::Result<()> {
    let host = host(url);
    if is_loopback(host) || yes {
        return Ok(());
    }
    Err(usage(format!("{url}: your prompts would go to `{host}`"))).hint("pass `--yes` if they may")
}

/// The key in an environment variable; none where no variable is named. Errors if it is not set.
pub fn server_key(variable: Option<&str>) -> anyhow::Result<Option<String>> {
    let read = |name: &str| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty());
        value.ok_or_else(|| anyhow!("the environment variable {name} is not set"))
    };
    variable.map(read).transpose()
}

impl Remote {
    pub fn ask(&self, body: &Value) -> anyhow::Result<Reply> {
        let url = format!("{}/chat/completions", self.base_url.trim_end_matches('/'));
        let bearer = self.key.as_ref().map(|key| format!("Bearer {key}"));
        let headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let mut attempt = 1;
        loop {
            let refused = self.refused();
            let sent = without(body, &refused);
            let problem = match post_json(&url, &headers, &serde_json::to_vec(&sent)?, TIMEOUT) {
                Ok(reply) if reply.status == 200 => {
                    let left_out = refused.into_iter().filter(|name| *name != LIMIT);
                    let refused = left_out.map(str::to_owned).collect();
                    return Ok(Reply { body: serde_json::from_slice(&reply.body)?, refused });
                }
                Ok(reply) => {
                    let said = String::from_utf8_lossy(&reply.body).chars().take(300).collect::<String>();
                    if matches!(reply.status, 400 | 422) && self.learn(&sent, &said) {
                        continue;
                    }
                    let problem = anyhow!("{url}: status {}: {said}", reply.status);
                    ensure!(reply.status == 429 || reply.status >= 500, problem);
                    problem
                }
                Err(no_reply) => anyhow::Error::new(no_reply),
            };
            if attempt == ATTEMPTS || interrupt::requested() {
                return Err(problem);
            }
            std::thread::sleep(Duration::from_millis(500) * 2u32.pow(attempt));
            attempt += 1;
        }
    }

    fn refused(&self) -> BTreeSet<&'static str> {
        let known = self.refused.as_ref();
        known.map(|known| known.lock().expect("no thread panics").clone()).unwrap_or_default()
    }

    /// Notes the setting that an error names; false where it names none that was sent.
    fn learn(&self, sent: &Value, said: &str) -> bool {
        let Some(known) = &self.refused else { return false };
        let named = REFUSABLE.iter().find(|name| sent.get(**name).is_some() && said.contains(**name));
        if let Some(name) = named {
            known.lock().expect("no thread panics").insert(*name);
        }
        named.is_some()
    }
}

/// The request without what is refused; the limit gets its other name.
fn without(body: &Value, refused: &BTreeSet<&'static str>) -> Value {
    let mut body = body.clone();
    let fields = body.as_object_mut().expect("a request is an object");
    for name in refused {
        let value = fields.remove(*name);
        if *name == LIMIT {
            fields.insert(LIMIT_RENAMED.to_owned(), value.unwrap_or(json!(null)));
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpListener;

    /// A server that answers `replies` requests by `reply(body)`, and its address.
    fn serve(replies: usize, reply: fn(&str) -> (u16, String)) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming().take(replies) {
                let mut reader = BufReader::new(stream.expect("a connection"));
                let (mut line, mut length) = (String::new(), 0);
                while reader.read_line(&mut line).expect("readable") > 2 {
                    let lower = line.to_lowercase();
                    let value = lower.strip_prefix("content-length:");
                    length = value.map_or(length, |value| value.trim().parse().expect("a number"));
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).expect("a body");
                let (status, text) = reply(&String::from_utf8(body).expect("JSON"));
                let head = format!(
                    "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
                    text.len()
                );
                reader.get_mut().write_all(format!("{head}{text}").as_bytes()).expect("sent");
            }
        });
        address
    }

    /// As newer models do: the limit has another name, the temperature cannot be chosen.
    fn picky(body: &str) -> (u16, String) {
        let refusal = |said: &str| (400, json!({"error": {"message": said}}).to_string());
        match () {
            () if body.contains("\"max_tokens\"") => {
                refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
            }
            () if body.contains("temperature") => {
                refusal("'temperature' does not support 0.7 with this model.")
            }
            () => (200, json!({"sent": body}).to_string()),
        }
    }

    fn remote(base_url: String, refused: Option<Mutex<BTreeSet<&'static str>>>) -> Remote {
        Remote { base_url, key: None, base_name: "m".to_owned(), concurrency: 1, refused }
    }

    #[test]
    fn what_a_server_refuses_is_left_out_said_and_not_asked_again() {
        let remote = remote(serve(4, picky), Some(Mutex::default()));
        let body = json!({"model": "m", "max_tokens": 8, "temperature": 0.7, "seed": 3});
        for _ in 0..2 {
            // Four requests in all: two refusals, then two answers.
            let reply = remote.ask(&body).expect("an answer");
            assert_eq!(reply.refused, ["temperature"]);
            let sent: Value =
                serde_json::from_str(reply.body["sent"].as_str().expect("a text")).expect("JSON");
            assert_eq!(sent, json!({"model": "m", "max_completion_tokens": 8, "seed": 3}));
        }
    }

    #[test]
    fn where_the_plan_must_hold_a_refusal_is_an_error() {
        let remote = remote(serve(1, picky), None);
        let error = remote.ask(&json!({"max_tokens": 8})).err().expect("refused");
        assert!(format!("{error:#}").contains("status 400"), "{error:#}");
    }

    #[test]
    fn texts_stay_here_without_consent() {
        assert!(
            consented("http://127.0.0.1:8080/v1", false).is_ok()
                && consented("https://a.example/v1", true).is_ok()
        );
        for far in
            ["https://a.example/v1", "http://127.0.0.1@evil.example/v1", "http://localhost.example.com/v1"]
        {
            assert!(consented(far, false).is_err(), "{far}");
        }
    }
}
