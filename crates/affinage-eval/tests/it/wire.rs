//! The two wire formats: bodies, replies, failures, and where the key may not appear.

use std::time::Duration;

use affinage_eval::comparison::{Comparison, Position};
use affinage_eval::judge::request::{Form, JudgeRequest, answer_under_label, render};
use affinage_eval::judge::wire::{WireFormat, cost_usd};
use affinage_eval::judge::wire_failure::{FailureKind, WireFailure, retry_delay};
use affinage_eval::judge::wire_params::{MaxTokensKey, WireLimits, WireParams};
use affinage_eval::judgment::{MissingReason, Usage};
use affinage_eval::suite::Domain;

use crate::world::prompt;

fn request() -> JudgeRequest {
    let position = |id: &str, label: &str| Position { completion_id: id.to_owned(), label: label.to_owned() };
    let comparison = Comparison {
        v: 1,
        comparison_id: "cmp-1".to_owned(),
        pair_id: "pair-1".to_owned(),
        prompt_id: "prm-0001".to_owned(),
        first: position("one", "K7"),
        second: position("two", "M2"),
    };
    render(
        Form::Json,
        &affinage_eval::judge::rubric::Rubrics::built_in(),
        &prompt(1, Domain::In),
        &comparison,
        "One \"quoted\".",
        "Two.",
    )
}

fn params() -> WireParams {
    WireParams {
        thinking: None,
        model: "judge-1".to_owned(),
        max_tokens: 512,
        structured: true,
        max_tokens_key: MaxTokensKey::MaxCompletionTokens,
        logprobs: false,
        temperature: None,
        top_p: None,
        top_k: None,
        seed: None,
    }
}

fn fail(format: WireFormat, status: u16, body: &str, headers: &[(&str, &str)]) -> WireFailure {
    let header =
        |name: &str| headers.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    format.read(status, header, body.as_bytes()).expect_err("not a success")
}

#[test]
fn bodies_carry_the_texts_and_no_sampling_parameters() {
    for format in [WireFormat::Anthropic, WireFormat::Openai] {
        let body = format.body(&request(), &params());
        assert_eq!(body, format.body(&request(), &params()), "equal inputs, equal bytes");
        let user = format.user_text(&body).expect("the body has a user message");
        assert_eq!(answer_under_label(&user, "K7"), Some("One \"quoted\"."));
        let text = String::from_utf8(body).expect("JSON is UTF-8");
        assert!(!text.contains("temperature") && !text.contains("top_p"), "{text}");
        assert!(text.contains("\"enum\":[\"K7\",\"M2\",\"tie\"]"), "{text}");
    }
}

#[test]
fn addresses_and_key_headers() {
    assert_eq!(WireFormat::Anthropic.url("http://localhost:9/v1/"), "http://localhost:9/v1/messages");
    assert_eq!(
        WireFormat::Anthropic.url("https://api.anthropic.com"),
        "https://api.anthropic.com/v1/messages"
    );
    assert_eq!(WireFormat::Openai.url("http://localhost:9/v1"), "http://localhost:9/v1/chat/completions");
    assert_eq!(WireFormat::Anthropic.key_header("k").0, "x-api-key");
    assert_eq!(WireFormat::Openai.key_header("k"), ("authorization", "Bearer k".to_owned()));
}

#[test]
fn an_anthropic_reply_takes_only_text_blocks() {
    let body = r#"{"type":"message","model":"judge-1-2026","content":[{"type":"thinking","thinking":"VERDICT: K7"},
        {"type":"text","text":"VERDICT: M2"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":100,"output_tokens":5,"cache_read_input_tokens":40,"cache_creation_input_tokens":7}}"#;
    let reply = WireFormat::Anthropic.read(200, |_| None, body.as_bytes()).expect("a reply");
    assert_eq!((reply.text.as_str(), reply.missing), ("VERDICT: M2", None));
    assert_eq!(reply.model.as_deref(), Some("judge-1-2026"));
    let usage = reply.usage.expect("counted");
    assert_eq!((usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens), (100, 40, 7));
    for (stop, missing) in [("refusal", MissingReason::Refusal), ("max_tokens", MissingReason::Truncated)] {
        let body = body.replace("end_turn", stop);
        let reply = WireFormat::Anthropic.read(200, |_| None, body.as_bytes()).expect("a reply");
        assert_eq!(reply.missing, Some(missing), "a verdict in a reply that did not end is none");
    }
}

#[test]
fn an_openai_reply_tells_refusal_and_length() {
    let body = r#"{"model":"judge-1","choices":[{"finish_reason":"stop","message":{"content":"VERDICT: K7","refusal":null}}],
        "usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":60}}}"#;
    let read = |body: &str| WireFormat::Openai.read(200, |_| None, body.as_bytes()).expect("a reply");
    let reply = read(body);
    assert_eq!(reply.missing, None);
    let usage = reply.usage.expect("counted");
    assert_eq!((usage.input_tokens, usage.cached_input_tokens), (40, 60));
    assert_eq!(read(&body.replace("\"stop\"", "\"length\"")).missing, Some(MissingReason::Truncated));
    assert_eq!(read(&body.replace("null", "\"no\"")).missing, Some(MissingReason::Refusal));
    assert_eq!(read(&body.replace("\"stop\"", "\"content_filter\"")).missing, Some(MissingReason::Refusal));
}

#[test]
fn failures_are_sorted_into_again_not_this_one_and_stop() {
    use FailureKind::{Judge, ThisRequest, Transient};
    let openai = |status, body: &str| fail(WireFormat::Openai, status, body, &[]).kind;
    let again = Transient { retry_after: None };
    let error = |code: &str| format!(r#"{{"error":{{"message":"m","type":"t","code":"{code}"}}}}"#);
    assert_eq!(openai(429, &error("rate_limit_exceeded")), again);
    assert_eq!(openai(429, &error("insufficient_quota")), Judge);
    assert_eq!(openai(500, "oops"), again);
    assert_eq!(openai(529, r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#), again);
    assert_eq!(openai(401, &error("invalid_api_key")), Judge);
    assert_eq!(openai(404, &error("model_not_found")), Judge);
    assert_eq!(openai(400, &error("invalid_request_error")), ThisRequest);
    assert_eq!(openai(413, "too large"), ThisRequest);
    let quota = r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded: RequestsPerDay"}}]"#;
    assert_eq!(openai(429, quota), Judge, "a day's quota does not come back in a minute");
    let minute = r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Quota exceeded: RequestsPerMinute"}}]"#;
    assert_eq!(openai(429, minute), again);
    let cut = WireFormat::Openai.read(200, |_| None, b"{\"choices\": [").expect_err("cut");
    assert_eq!(cut.kind, again, "a broken success is asked again");
}

#[test]
fn the_server_may_say_when_to_come_back_and_whether() {
    let body = r#"{"error":{"message":"m","type":"rate_limit_error"}}"#;
    let kind = |headers: &[(&str, &str)]| fail(WireFormat::Anthropic, 429, body, headers).kind;
    let after = |ms: u64| FailureKind::Transient { retry_after: Some(Duration::from_millis(ms)) };
    assert_eq!(kind(&[("retry-after", "3")]), after(3000));
    assert_eq!(kind(&[("retry-after", "3"), ("retry-after-ms", "250")]), after(250));
    assert_eq!(kind(&[("retry-after", "soon")]), FailureKind::Transient { retry_after: None });
    assert_eq!(kind(&[("x-should-retry", "false")]), FailureKind::ThisRequest);
    assert_eq!(retry_delay(1, Some(Duration::from_secs(3)), 0.9), Duration::from_secs(3));
    assert_eq!(
        retry_delay(1, Some(Duration::from_secs(600)), 0.0),
        Duration::from_millis(500),
        "ten minutes is no wait"
    );
    let delays: Vec<u128> = (1..=7).map(|attempt| retry_delay(attempt, None, 0.0).as_millis()).collect();
    assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
    assert!(retry_delay(3, None, 1.0) >= Duration::from_millis(1500));
}

#[test]
fn a_refused_parameter_is_dropped_once_and_then_the_request_is_final() {
    let mut learnt = params();
    let refuses = |message: &str| {
        fail(
            WireFormat::Openai,
            400,
            &format!(
                r#"{{"error":{{"message":"Unsupported parameter: '{message}'","code":"unsupported_parameter"}}}}"#
            ),
            &[],
        )
    };
    assert!(learnt.adapt(&refuses("response_format")) && !learnt.structured);
    assert!(learnt.adapt(&refuses("max_completion_tokens")));
    assert_eq!(learnt.max_tokens_key, MaxTokensKey::MaxTokens);
    assert!(!learnt.adapt(&refuses("max_completion_tokens")), "nothing left to change");
    let body = String::from_utf8(WireFormat::Openai.body(&request(), &learnt)).expect("UTF-8");
    assert!(body.contains("\"max_tokens\":512") && !body.contains("response_format"));
    assert!(
        !params().adapt(&fail(WireFormat::Openai, 429, "response_format", &[])),
        "only a refusal teaches"
    );
    assert!(
        !params().adapt(&fail(WireFormat::Openai, 500, "response_format", &[])),
        "nor does any other 500"
    );
}

#[test]
fn the_500_by_which_llama_cpp_python_refuses_a_parameter_teaches_too() {
    let body = r#"{"error":{"message":"1 validation error: {'type': 'literal_error', 'loc': ('body', 'response_format',
        'type'), 'msg': \"Input should be 'text' or 'json_object'\"}","type":"internal_server_error"}}"#
        .replace('\n', " ");
    let failure = fail(WireFormat::Openai, 500, &body, &[]);
    assert_eq!(failure.kind, FailureKind::ThisRequest);
    let mut learnt = params();
    assert!(learnt.adapt(&failure) && !learnt.structured);
}

#[test]
fn an_unknown_price_is_unknown() {
    let usage =
        Usage { input_tokens: 1000, output_tokens: 100, cached_input_tokens: 500, cache_write_tokens: 0 };
    assert_eq!(cost_usd(Some(&usage), Some(2.0), Some(10.0)), Some((1500.0 * 2.0 + 100.0 * 10.0) / 1e6));
    assert_eq!(cost_usd(Some(&usage), None, Some(10.0)), None);
    assert_eq!(cost_usd(None, Some(2.0), Some(10.0)), None);
}

#[test]
fn what_a_server_refuses_is_learnt_by_name_and_kept_out_of_later_requests() {
    let full = WireParams { logprobs: true, temperature: Some(0.0), seed: Some(7), ..params() };
    let refused = |param: &str, message: &str| {
        let body =
            format!(r#"{{"error":{{"message":"{message}","param":{param},"code":"unsupported_value"}}}}"#);
        fail(WireFormat::Openai, 400, &body, &[])
    };
    let mut learnt = full.clone();
    let mut limits = WireLimits::default();
    // The named parameter decides, whatever else stands in the words.
    let failures = [
        refused("\"temperature\"", "Unsupported value: does not fit the schema of this model"),
        refused("null", "'seed' is not supported with this model"),
        refused("\"top_logprobs\"", "not with this model"),
        refused("null", "response_format json_schema is not available"),
        refused("\"max_completion_tokens\"", "unknown"),
    ];
    let expected = ["temperature", "seed", "logprobs", "response_format", "max_completion_tokens"];
    for (i, failure) in failures.iter().enumerate() {
        let sent = learnt.clone();
        assert!(learnt.adapt(failure), "{failure:?}");
        limits.learn(&sent, &learnt);
        let mut names = limits.refused();
        names.sort_unstable();
        let mut so_far = expected[..=i].to_vec();
        so_far.sort_unstable();
        assert_eq!(names, so_far);
    }
    assert_eq!(full.within(&limits), learnt, "another run begins where this one ended");
    let text = serde_json::to_string(&limits).expect("serialises");
    assert_eq!(serde_json::from_str::<WireLimits>(&text).expect("reads"), limits);
}

#[test]
fn a_list_of_models_is_read_and_anything_else_is_none() {
    let names = |body: &str| WireFormat::Openai.model_names(body.as_bytes());
    assert_eq!(names(r#"{"data":[{"id":"a"},{"id":"b"},{}]}"#), Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(names("<html>"), None);
    assert_eq!(WireFormat::Openai.models_url("http://localhost:9/v1/"), "http://localhost:9/v1/models");
    assert_eq!(
        WireFormat::Anthropic.models_url("https://api.anthropic.com"),
        "https://api.anthropic.com/v1/models?limit=1000"
    );
}

#[test]
fn a_token_limit_without_effect_gets_its_other_name_and_advice_is_no_refusal() {
    let mut sent = params();
    assert!(!sent.clone().adapt_to_length(512));
    assert!(sent.adapt_to_length(513));
    assert_eq!(sent.max_tokens_key, MaxTokensKey::MaxTokens);
    let advice = r#"{"error":{"message":"Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "param":"max_tokens","code":"unsupported_parameter"}}"#;
    assert!(sent.adapt(&fail(WireFormat::Openai, 400, advice, &[])));
    assert_eq!(sent.max_tokens_key, MaxTokensKey::MaxCompletionTokens);
}

#[test]
fn a_reply_is_read_in_the_words_of_either_format_and_in_parts() {
    let openai = |content: &str, end: &str| {
        format!(r#"{{"model":"m","choices":[{{"message":{{"content":{content}}},"finish_reason":{end}}}]}}"#)
    };
    let anthropic =
        |content: &str, end: &str| format!(r#"{{"type":"message","content":{content},"stop_reason":{end}}}"#);
    let text = r#""VERDICT: K7""#;
    let parts = r#"[{"type":"thinking","thinking":"VERDICT: M2"},{"type":"text","text":"VERDICT: "},{"type":"text","text":"K7"}]"#;
    let (cut, withheld) = (Some(MissingReason::Truncated), Some(MissingReason::Refusal));
    for (end, missing) in [
        ("\"stop\"", None),
        ("\"STOP\"", None),
        ("\"eos\"", None),
        ("\"eos_token\"", None),
        ("\"end_turn\"", None),
        ("\"stop_sequence\"", None),
        ("null", None),
        ("\"length\"", cut),
        ("\"MAX_TOKENS\"", cut),
        ("\"max_tokens\"", cut),
        ("\"model_length\"", cut),
        ("\"model_context_window_exceeded\"", cut),
        ("\"content_filter\"", withheld),
        ("\"content-filter\"", withheld),
        ("\"SAFETY\"", withheld),
        ("\"refusal\"", withheld),
        ("\"tool_calls\"", Some(MissingReason::Unparsed)),
        ("\"somehow\"", Some(MissingReason::Unparsed)),
    ] {
        for (wire, body) in [
            (WireFormat::Openai, openai(text, end)),
            (WireFormat::Openai, openai(parts, end)),
            (WireFormat::Anthropic, anthropic(text, end)),
            (WireFormat::Anthropic, anthropic(parts, end)),
        ] {
            let reply = wire.read(200, |_| None, body.as_bytes()).expect("a reply");
            assert_eq!((reply.text.as_str(), reply.missing), ("VERDICT: K7", missing), "{body}");
        }
    }
    // A thought beside an answer is passed over; one in its place is told from an empty answer.
    let only = |wire: WireFormat, body: &str| {
        let reply = wire.read(200, |_| None, body.as_bytes()).expect("a reply");
        (reply.text, reply.missing, reply.lost_thought)
    };
    let lost = (String::new(), Some(MissingReason::OnlyThought), Some("VERDICT: K7".to_owned()));
    let thought = r#"{"choices":[{"message":{"content":"","reasoning_content":"VERDICT: K7"},"finish_reason":"stop"}]}"#;
    assert_eq!(only(WireFormat::Openai, thought), lost);
    let thought = anthropic(r#"[{"type":"thinking","thinking":"VERDICT: K7"}]"#, "\"end_turn\"");
    assert_eq!(only(WireFormat::Anthropic, &thought), lost);
    let empty = only(WireFormat::Openai, &openai("\"\"", "\"stop\""));
    assert_eq!(empty, (String::new(), None, None));
}

#[test]
fn what_is_no_standard_json_is_read_and_usage_that_cannot_be_is_unknown() {
    let body = |usage: &str| {
        format!(
            r#"{{"choices":[{{"message":{{"content":"VERDICT: K7 \ud800"}},"finish_reason":"stop",
            "logprobs":{{"content":[{{"token":"K7","logprob":-Infinity,"top_logprobs":[{{"token":"M2","logprob":-0.5}}]}}]}}}}],
            "usage":{usage}}}"#
        )
    };
    let read = |usage: &str| WireFormat::Openai.read(200, |_| None, body(usage).as_bytes()).expect("a reply");
    let reply = read(r#"{"prompt_tokens":"90","completion_tokens":7.0}"#);
    assert_eq!((reply.text.as_str(), reply.tokens.len()), ("VERDICT: K7 \u{fffd}", 1));
    assert_eq!(reply.usage.map(|usage| (usage.input_tokens, usage.output_tokens)), Some((90, 7)));
    for usage in [
        "null",
        "{}",
        r#"{"prompt_tokens":9}"#,
        r#"{"prompt_tokens":0,"completion_tokens":0}"#,
        r#"{"prompt_tokens":9,"completion_tokens":1.5}"#,
        r#"{"prompt_tokens":9,"completion_tokens":"many"}"#,
        r#"{"prompt_tokens":-9,"completion_tokens":3}"#,
    ] {
        assert_eq!(read(usage).usage, None, "{usage}");
    }
}

#[test]
fn a_failure_is_what_its_words_say_it_is() {
    use FailureKind::{Judge, ThisRequest, Transient};
    let again = |ms: Option<u64>| Transient { retry_after: ms.map(Duration::from_millis) };
    let day = r#"{"error":{"code":429,"message":"Quota exceeded","details":[{"quotaId":"RequestsPerDayPerModel"}]}}"#;
    for (status, headers, body, kind) in [
        // Errors inside a success.
        (
            200,
            "",
            r#"{"choices":[{"message":{"content":"VERDICT: K7"}}],"error":{"code":429,"message":"busy"}}"#,
            again(None),
        ),
        (
            200,
            "",
            r#"{"choices":[{"message":{"content":""},"error":{"code":502,"message":"x"},"finish_reason":"error"}]}"#,
            again(None),
        ),
        (200, "", r#"{"error":"the model is overloaded"}"#, again(None)),
        (200, "", r#"{"error":{"message":"No auth credentials found","code":401}}"#, Judge),
        (
            200,
            "",
            r#"{"object":"error","message":"unknown field","type":"invalid_request_error"}"#,
            ThisRequest,
        ),
        (200, "", r#"[{"error":{"message":"too many requests per day"}}]"#, again(None)),
        // Limits of a day, whatever wait they name, and of a minute, whatever bill.
        (429, "", day, Judge),
        (200, "", r#"{"error":{"code":429,"message":"Rate limit: trial-requests-per-day"}}"#, Judge),
        (
            429,
            "retry-after: 2",
            r#"{"error":{"message":"tokens per day (TPD) reached, try again in 30s"}}"#,
            Judge,
        ),
        (
            429,
            "",
            r#"{"error":{"message":"60 calls per 86400s for UserByDay. Please wait 39000 seconds"}}"#,
            Judge,
        ),
        (429, "", r#"{"error":{"message":"your daily allocation is used up"}}"#, Judge),
        (429, "", r#"{"error":{"message":"limit per-min, see billing details"}}"#, again(None)),
        (
            429,
            "",
            r#"{"error":{"message":"You exceeded your current quota, check billing. Please retry in 1.5s."}}"#,
            again(Some(1500)),
        ),
        (
            429,
            "",
            r#"{"error":{"message":"current quota","details":[{"retryDelay":"4s"}]}}"#,
            again(Some(4000)),
        ),
        (429, "", r#"{"error":{"message":"You exceeded your current quota, check billing."}}"#, Judge),
        (429, "", r#"{"error":{"code":"insufficient_quota","message":"Try again in 20s"}}"#, Judge),
        // Waits up to five minutes are waited, longer ones end the run.
        (503, "retry-after: 300", "", again(Some(300_000))),
        (429, "retry-after: 301", r#"{"error":{"message":"slow down"}}"#, Judge),
        // The limit of tokens: its height is wrong for every request, the length of one prompt for one.
        (
            400,
            "",
            r#"{"error":{"message":"max_tokens is too large: 99999. This model supports at most 16384"}}"#,
            Judge,
        ),
        (
            400,
            "",
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 9000 > 8192"}}"#,
            Judge,
        ),
        (422, "", r#"{"message":"`max_tokens` must be less than or equal to `1024`"}"#, Judge),
        (
            400,
            "",
            r#"{"error":{"message":"This model's maximum context length is 8192 tokens"}}"#,
            ThisRequest,
        ),
        (400, "", r#"{"error":{"message":"Unknown parameter: 'max_tokens'"}}"#, ThisRequest),
        // What is no answer at all.
        (200, "content-type: text/event-stream", "data: {}\n\n", Judge),
        (200, "", ": waiting\n\ndata: {\"choices\":[]}\n\n", Judge),
        (200, "content-type: text/html", "<p>Sign in</p>", Judge),
        (200, "", "<!doctype html><p>Sign in</p>", Judge),
        (200, "", "{\"choices\": []}", again(None)),
        (200, "", "", again(None)),
    ] {
        let headers: Vec<(&str, &str)> = headers.split_once(": ").into_iter().collect();
        assert_eq!(
            fail(WireFormat::Openai, status, body, &headers).kind,
            kind,
            "{status} {headers:?} {body}"
        );
    }
    let fine = r#"{"choices":[{"message":{"content":"VERDICT: K7"},"finish_reason":"stop"}],"error":{"code":0,"message":""}}"#;
    assert!(
        WireFormat::Openai.read(200, |_| None, fine.as_bytes()).is_ok(),
        "an error that says that there is none"
    );
    let words = fail(WireFormat::Openai, 400, r#"{"error":{"message":"max_tokens is too large."}}"#, &[]);
    assert!(words.message.contains("lower `max-tokens`"), "{words:?}");
    assert!(!params().adapt(&words), "another name would not help");
    let words =
        fail(WireFormat::Openai, 429, r#"{"error":{"message":"slow down"}}"#, &[("retry-after", "7200")]);
    assert!(words.message.contains("come back in 120 minutes"), "{words:?}");
}
