//! A server on this machine that records what it is sent.

#![expect(clippy::disallowed_methods, reason = "a server to ask")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use affinage_eval::judge::request::{Form, JudgeRequest};
use affinage_eval::judge::wire::{WireFormat, chat};
use affinage_eval::judge::wire_params::{MaxTokensKey, WireLimits, WireParams};
use serde_json::{Value, json};

use super::*;

type Heard = Arc<Mutex<Vec<String>>>;

/// A server that answers every request by `reply(body)`, its address, and the requests: head without address, and body.
fn serve(reply: impl Fn(&str) -> (u16, String) + Send + 'static) -> (String, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.expect("a connection"));
            let (mut line, mut length, mut head) = (String::new(), 0, String::new());
            while reader.read_line(&mut line).expect("readable") > 2 {
                let lower = line.to_lowercase();
                let value = lower.strip_prefix("content-length:");
                length = value.map_or(length, |value| value.trim().parse().expect("a number"));
                if !lower.starts_with("host:") && !lower.starts_with("user-agent:") {
                    head.push_str(&line);
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("JSON");
            let (status, text) = reply(&body);
            lock(&kept).push(format!("{}\n{body}", head.replace('\r', "").trim_end()));
            let length = text.len();
            let head =
                format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
            reader.get_mut().write_all(format!("{head}{text}").as_bytes()).expect("sent");
        }
    });
    (address, heard)
}

fn endpoint(wire: WireFormat, base_url: String) -> Endpoint {
    Endpoint {
        wire,
        base_url,
        key: Some("a-long-secret-key".to_owned()),
        concurrency: 1,
        timeout: Duration::from_secs(5),
        limits: WireLimits::default(),
        rate_limit: None,
    }
}

fn params() -> WireParams {
    WireParams {
        model: "m".to_owned(),
        max_tokens: 8,
        structured: true,
        logprobs: false,
        temperature: Some(0.7),
        top_p: None,
        top_k: None,
        seed: Some(3),
        thinking: None,
        max_tokens_key: MaxTokensKey::MaxTokens,
    }
}

/// A question of a judge.
struct Judged(WireFormat);

impl Exchange for Judged {
    fn params(&self) -> WireParams {
        params()
    }

    fn body(&self, params: &WireParams) -> Vec<u8> {
        let request = JudgeRequest {
            system: "Compare.".to_owned(),
            shared: "Why does the tide return?\n".to_owned(),
            user: "K7: The moon.\nM2: \"Because\".".to_owned(),
            form: Form::Json,
            to_repair: None,
            labels: ["K7", "M2"].map(str::to_owned),
            template_sha256: String::new(),
        };
        self.0.body(&request, params)
    }

    fn jitter(&self, _: u32) -> f64 {
        1.0
    }
}

/// A question of an arm, whose body names every parameter.
struct Plain;

impl Exchange for Plain {
    fn params(&self) -> WireParams {
        WireParams { structured: false, top_p: Some(0.9), top_k: Some(40), ..params() }
    }

    fn body(&self, params: &WireParams) -> Vec<u8> {
        let messages = [json!({"role": "user", "content": "hello"})];
        chat(&messages, params).to_string().into_bytes()
    }

    fn jitter(&self, _: u32) -> f64 {
        1.0
    }
}

fn completion(text: &str) -> String {
    json!({"choices": [{"finish_reason": "stop", "message": {"content": text}}]}).to_string()
}

#[test]
fn the_bytes_that_leave_in_the_format_of_openai() {
    let (url, heard) = serve(|_| (200, completion("{\"verdict\": \"K7\"}")));
    let asked = |wire, exchange: &dyn Exchange| {
        let endpoint = endpoint(wire, url.clone());
        let client = Client::new(&endpoint, "the judge", true);
        assert!(matches!(client.call(exchange), Ok(Called::Answered(_))));
        lock(&heard).remove(0)
    };
    insta::assert_snapshot!(asked(WireFormat::Openai, &Judged(WireFormat::Openai)), @r#"
    POST /v1/chat/completions HTTP/1.1
    accept-encoding: gzip
    content-length: 1178
    accept: */*
    content-type: application/json
    authorization: Bearer a-long-secret-key
    {"model":"m","messages":[{"role":"system","content":"Compare."},{"role":"user","content":"Why does the tide return?\nK7: The moon.\nM2: \"Because\"."}],"max_tokens":8,"temperature":0.7,"seed":3,"response_format":{"type":"json_schema","json_schema":{"name":"verdict","strict":true,"schema":{"type":"object","properties":{"rationale":{"type":"string"},"scores":{"type":"object","properties":{"K7":{"type":"object","properties":{"creativity":{"type":"integer"},"coherence":{"type":"integer"},"depth":{"type":"integer"},"engagement":{"type":"integer"},"writing_quality":{"type":"integer"}},"required":["creativity","coherence","depth","engagement","writing_quality"],"additionalProperties":false},"M2":{"type":"object","properties":{"creativity":{"type":"integer"},"coherence":{"type":"integer"},"depth":{"type":"integer"},"engagement":{"type":"integer"},"writing_quality":{"type":"integer"}},"required":["creativity","coherence","depth","engagement","writing_quality"],"additionalProperties":false}},"required":["K7","M2"],"additionalProperties":false},"winner":{"type":"string","enum":["K7","M2","tie"]}},"required":["rationale","scores","winner"],"additionalProperties":false}}}}
    "#);
    insta::assert_snapshot!(asked(WireFormat::Openai, &Plain), @r#"
    POST /v1/chat/completions HTTP/1.1
    accept-encoding: gzip
    content-length: 125
    accept: */*
    content-type: application/json
    authorization: Bearer a-long-secret-key
    {"model":"m","messages":[{"role":"user","content":"hello"}],"max_tokens":8,"temperature":0.7,"top_p":0.9,"top_k":40,"seed":3}
    "#);
}

#[test]
fn the_bytes_that_leave_for_anthropic() {
    let (url, heard) = serve(|_| {
        let content = json!([{"type": "text", "text": "{\"verdict\": \"K7\"}"}]);
        (
            200,
            json!({"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"})
                .to_string(),
        )
    });
    let endpoint = endpoint(WireFormat::Anthropic, url);
    let client = Client::new(&endpoint, "the judge", true);
    let called = client.call(&Judged(WireFormat::Anthropic)).expect("an answer");
    assert!(matches!(called, Called::Answered(_)));
    insta::assert_snapshot!(lock(&heard).remove(0), @r#"
    POST /v1/messages HTTP/1.1
    accept-encoding: gzip
    content-length: 1262
    accept: */*
    content-type: application/json
    anthropic-version: 2023-06-01
    x-api-key: a-long-secret-key
    {"model":"m","max_tokens":8,"messages":[{"role":"user","content":[{"type":"text","text":"Why does the tide return?\n","cache_control":{"type":"ephemeral"}},{"type":"text","text":"K7: The moon.\nM2: \"Because\"."}]}],"system":[{"type":"text","text":"Compare.","cache_control":{"type":"ephemeral"}}],"temperature":0.7,"output_config":{"format":{"type":"json_schema","schema":{"type":"object","properties":{"rationale":{"type":"string"},"scores":{"type":"object","properties":{"K7":{"type":"object","properties":{"creativity":{"type":"integer"},"coherence":{"type":"integer"},"depth":{"type":"integer"},"engagement":{"type":"integer"},"writing_quality":{"type":"integer"}},"required":["creativity","coherence","depth","engagement","writing_quality"],"additionalProperties":false},"M2":{"type":"object","properties":{"creativity":{"type":"integer"},"coherence":{"type":"integer"},"depth":{"type":"integer"},"engagement":{"type":"integer"},"writing_quality":{"type":"integer"}},"required":["creativity","coherence","depth","engagement","writing_quality"],"additionalProperties":false}},"required":["K7","M2"],"additionalProperties":false},"winner":{"type":"string","enum":["K7","M2","tie"]}},"required":["rationale","scores","winner"],"additionalProperties":false}}}}
    "#);
}

/// As newer models do: the limit has another name, the temperature cannot be chosen.
fn picky(body: &str) -> (u16, String) {
    let refusal = |said: &str| (400, json!({"error": {"message": said}}).to_string());
    match () {
        () if body.contains("\"max_tokens\"") => {
            refusal("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        }
        () if body.contains("temperature") => refusal("'temperature' does not support 0.7 with this model."),
        () if body.contains("top_k") => refusal("Unrecognized request argument supplied: top_k"),
        () => (200, completion(body)),
    }
}

#[test]
fn what_a_server_refuses_is_left_out_and_not_asked_again() {
    let (url, heard) = serve(picky);
    let endpoint = endpoint(WireFormat::Openai, url);
    let client = Client::new(&endpoint, "the server", true);
    for _ in 0..2 {
        let Called::Answered(answered) = client.call(&Plain).expect("an answer") else { panic!("no answer") };
        assert_eq!(Plain.params().left_out(&answered.params), ["temperature", "top_k"]);
        let sent: Value = serde_json::from_str(&answered.reply.text).expect("JSON");
        let messages = json!([{"role": "user", "content": "hello"}]);
        let expected =
            json!({"model": "m", "messages": messages, "max_completion_tokens": 8, "top_p": 0.9, "seed": 3});
        assert_eq!(sent, expected);
    }
    assert_eq!(lock(&heard).len(), 5, "three refusals, then two answers");
}

#[test]
fn where_the_plan_must_hold_a_refusal_is_an_error() {
    let (url, heard) = serve(picky);
    let endpoint = endpoint(WireFormat::Openai, url);
    let called = Client::new(&endpoint, "the server", false).call(&Plain).expect("no end of the run");
    let Called::Refused(error) = called else { panic!("it was refused") };
    assert!(format!("{error:#}").contains("400"), "{error:#}");
    assert_eq!(lock(&heard).len(), 1);
}

#[test]
fn a_server_that_refuses_all_is_not_asked_for_ever() {
    let (url, heard) = serve(|_| (400, json!({"error": {"message": "the sky is too blue"}}).to_string()));
    let endpoint = endpoint(WireFormat::Openai, url);
    let client = Client::new(&endpoint, "the server", true);
    client.each(20, || false, |_| client.call(&Plain).map(|_| false));
    let (_, _, error) = client.end();
    let said = format!("{:#}", error.expect("it was given up"));
    assert!(said.contains("the server refuses every request") && said.contains("too blue"), "{said}");
    assert_eq!(lock(&heard).len(), 3);
}
