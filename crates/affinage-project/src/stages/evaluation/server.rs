//! A server that speaks the OpenAI format: how it is asked, again and again where that helps, and what it refuses.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use affinage_eval::judge::wire::{WireFormat, WireReply};
use affinage_eval::judge::wire_failure::{FailureKind, WireFailure, retry_delay};
use anyhow::anyhow;
use serde_json::{Value, json};

use crate::errors::{HintExt as _, usage};
use crate::http::{NoReplyKind, host, is_loopback, post_json, shown};
use crate::interrupt;
use crate::stages::judges::server::{borrowed, key_in};

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
    pub read: WireReply,
    /// What was not asked for, because the server refuses it.
    pub refused: Vec<String>,
}

/// The old name of the limit of new tokens; newer servers want the other one.
const LIMIT: &str = "max_tokens";
const LIMIT_RENAMED: &str = "max_completion_tokens";

/// What servers refuse, by name.
const REFUSABLE: [&str; 6] = [LIMIT, "temperature", "top_p", "top_k", "seed", TEMPLATE_VALUES];
/// Values for the chat template, as servers of open models (vLLM, SGLang, llama.cpp) take them.
pub(super) const TEMPLATE_VALUES: &str = "chat_template_kwargs";

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
    Err(usage(format!("{}: your prompts would go to `{host}`", shown(url)))).hint("pass `--yes` if they may")
}

/// The key in an environment variable; none where no variable is named. Errors if it is not set.
pub fn server_key(variable: Option<&str>) -> anyhow::Result<Option<String>> {
    let read = |name: &str| key_in(name).ok_or_else(|| anyhow!("the environment variable {name} is not set"));
    variable.map(read).transpose()
}

/// Sleeps; false when Ctrl-C came meanwhile.
fn slept(time: Duration) -> bool {
    let until = Instant::now() + time;
    while Instant::now() < until && !interrupt::requested() {
        std::thread::sleep(until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100)));
    }
    !interrupt::requested()
}

impl Remote {
    pub fn ask(&self, body: &Value) -> anyhow::Result<Reply> {
        let url = WireFormat::Openai.url(&self.base_url);
        let headers: Vec<(&str, String)> =
            self.key.iter().map(|key| WireFormat::Openai.key_header(key)).collect();
        let mut attempt = 1;
        loop {
            let refused = self.refused();
            let sent = without(body, &refused);
            let (problem, wait) =
                match post_json(&url, &borrowed(&headers), &serde_json::to_vec(&sent)?, TIMEOUT) {
                    Ok(reply) => {
                        let header = |name: &str| reply.header_for_waiting(name);
                        let failure = match WireFormat::Openai.read(reply.status, header, &reply.body) {
                            Ok(read) => {
                                let left_out = refused.into_iter().filter(|name| *name != LIMIT);
                                return Ok(Reply { read, refused: left_out.map(str::to_owned).collect() });
                            }
                            Err(failure) => failure,
                        };
                        if failure.is_refusal() && self.learn(&sent, &failure) {
                            continue;
                        }
                        let problem =
                            anyhow!("{}: status {}: {}", shown(&url), failure.status, failure.message);
                        let FailureKind::Transient { retry_after } = failure.kind else {
                            return Err(problem);
                        };
                        (problem, retry_after)
                    }
                    Err(no_reply)
                        if matches!(no_reply.kind, NoReplyKind::Unsendable | NoReplyKind::TooLong) =>
                    {
                        return Err(no_reply.into());
                    }
                    Err(no_reply) => (anyhow::Error::new(no_reply), None),
                };
            if attempt == ATTEMPTS || !slept(retry_delay(attempt + 1, wait, 0.0)) {
                return Err(problem);
            }
            attempt += 1;
        }
    }

    fn refused(&self) -> BTreeSet<&'static str> {
        let known = self.refused.as_ref();
        known.map(|known| known.lock().expect("no thread panics").clone()).unwrap_or_default()
    }

    /// Notes the setting that an error names; false where it names none that was sent.
    fn learn(&self, sent: &Value, failure: &WireFailure) -> bool {
        let Some(known) = self.refused.as_ref().filter(|_| failure.kind != FailureKind::Judge) else {
            return false;
        };
        let said = format!("{} {}", failure.param.as_deref().unwrap_or_default(), failure.message);
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
            () => {
                let answer = json!({"finish_reason": "stop", "message": {"content": body}});
                (200, json!({"choices": [answer]}).to_string())
            }
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
            let sent: Value = serde_json::from_str(&reply.read.text).expect("JSON");
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
