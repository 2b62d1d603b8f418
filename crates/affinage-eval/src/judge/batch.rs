//! Batches of providers: many requests in one, answered within a day at half the price. Bodies are built and results
//! read here. Sources: the API references of Anthropic's message batches and OpenAI's batches.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ledger::Phase;
use super::loose_json;
use super::wire::WireFormat;

/// What providers take for a request of a batch, of its usual price.
pub const BATCH_PRICE: f64 = 0.5;
/// Both providers take more; smaller batches are answered sooner and fail alone.
pub const MAX_REQUESTS: usize = 10_000;
pub const MAX_BYTES: usize = 100 << 20;

/// A chat's reply with the probabilities of all its tokens takes less.
const LONGEST_LINE: usize = 4 << 20;

/// One line of `batches.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchRow {
    pub v: u32,
    /// Our own name of the batch: a hash of what it holds.
    pub batch_key: String,
    pub judge_id: String,
    pub phase: Phase,
    pub event: BatchEvent,
    /// RFC 3339, UTC.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum BatchEvent {
    /// About to be sent.
    Submitting { calls: Vec<BatchCall> },
    /// The provider's name for it.
    Submitted { batch_id: String },
    /// The provider refused it, so nothing of it was paid.
    Refused { reason: String },
    /// Its replies are stored.
    Collected { answered: usize, failed: usize },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BatchCall {
    pub judgment_id: String,
    pub request_sha256: String,
    pub attempt: u32,
}

/// One request of a batch: the body of a single call, and the name under which its answer comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchRequest {
    pub custom_id: String,
    pub body: Vec<u8>,
}

/// How a batch stands.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchStatus {
    Working {
        /// As far as the provider says.
        answered: u64,
    },
    /// Files with results, for the OpenAI format; empty for Anthropic, whose results have an address of their own.
    Ended { files: Vec<String> },
    /// The provider refused the whole batch.
    Failed { reason: String },
}

/// One answer of a batch. They come in any order, and nothing says that each comes once.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchLine {
    pub custom_id: String,
    /// The body of the reply as a single call would have got it, or why there is none.
    pub reply: Result<Vec<u8>, String>,
}

impl WireFormat {
    /// Anthropic: the body of the POST that makes the batch. OpenAI: the file of lines that it is made from.
    pub fn batch_input(self, requests: &[BatchRequest]) -> Vec<u8> {
        let value =
            |request: &BatchRequest| serde_json::from_slice::<Value>(&request.body).expect("bodies are JSON");
        match self {
            WireFormat::Anthropic => {
                let all = requests.iter().map(|r| json!({"custom_id": r.custom_id, "params": value(r)}));
                serde_json::to_vec(&json!({"requests": all.collect::<Vec<_>>()})).expect("serialises")
            }
            WireFormat::Openai => {
                let line = |r: &BatchRequest| {
                    json!({"custom_id": r.custom_id, "method": "POST", "url": "/v1/chat/completions", "body": value(r)})
                        .to_string()
                        + "\n"
                };
                requests.iter().map(line).collect::<String>().into_bytes()
            }
        }
    }

    /// Where a batch is made, and below which it is asked for by its id.
    pub fn batches_url(self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        match self {
            WireFormat::Anthropic => format!("{}/v1/messages/batches", base.trim_end_matches("/v1")),
            WireFormat::Openai => format!("{base}/batches"),
        }
    }

    /// The state of a batch; `None` when `body` is none.
    pub fn batch_status(self, body: &[u8]) -> Option<BatchStatus> {
        let body: Value = serde_json::from_slice(body).ok()?;
        match self {
            WireFormat::Anthropic => match body["processing_status"].as_str()? {
                "ended" => Some(BatchStatus::Ended { files: Vec::new() }),
                _ => {
                    let count = |name: &str| body["request_counts"][name].as_u64().unwrap_or(0);
                    Some(BatchStatus::Working { answered: count("succeeded") + count("errored") })
                }
            },
            WireFormat::Openai => match body["status"].as_str()? {
                // What was answered before a batch expired or was cancelled is paid, so it is collected.
                "completed" | "expired" | "cancelled" => {
                    let file = |name: &str| body[name].as_str().map(str::to_owned);
                    let files = [file("output_file_id"), file("error_file_id")];
                    Some(BatchStatus::Ended { files: files.into_iter().flatten().collect() })
                }
                "failed" => {
                    let first = &body["errors"]["data"][0]["message"];
                    let reason = first.as_str().unwrap_or("the provider gives no reason").to_owned();
                    Some(BatchStatus::Failed { reason })
                }
                _ => Some(BatchStatus::Working {
                    answered: body["request_counts"]["completed"].as_u64().unwrap_or(0),
                }),
            },
        }
    }

    /// The answers in a file of results; lines that are none, or longer than an answer may be, are left out.
    pub fn batch_lines(self, text: &[u8]) -> Vec<BatchLine> {
        let lines = text.split(|byte| *byte == b'\n').filter(|line| line.len() <= LONGEST_LINE);
        lines.filter_map(|line| self.batch_line(&loose_json::parse(line)?)).collect()
    }

    fn batch_line(self, line: &Value) -> Option<BatchLine> {
        let custom_id = line["custom_id"].as_str()?.to_owned();
        let bytes = |value: &Value| serde_json::to_vec(value).expect("a JSON value serialises");
        let reply = match self {
            WireFormat::Anthropic => {
                let result = &line["result"];
                match result["type"].as_str()? {
                    "succeeded" => Ok(bytes(&result["message"])),
                    // The error of a single call stands in an envelope of its own.
                    other => Err(format!("{other} {}", said(&result["error"]["error"]))),
                }
            }
            WireFormat::Openai => {
                let response = &line["response"];
                match response["status_code"].as_u64() {
                    Some(200..=299) => Ok(bytes(&response["body"])),
                    Some(status) => Err(format!("{status} {}", said(&response["body"]["error"]))),
                    None => Err(said(&line["error"])),
                }
            }
        };
        Some(BatchLine { custom_id, reply })
    }
}

fn said(error: &Value) -> String {
    let field = |name: &str| error[name].as_str().unwrap_or_default();
    let code = if field("code").is_empty() { field("type") } else { field("code") };
    format!("{code} {}", field("message")).trim().to_owned()
}

/// A form with one file, as browsers send it. `boundary` must occur in none of the parts.
pub fn multipart(boundary: &str, purpose: &str, file_name: &str, file: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\n\
         Content-Type: application/jsonl\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests() -> Vec<BatchRequest> {
        let request =
            |id: &str| BatchRequest { custom_id: id.to_owned(), body: br#"{"model":"m"}"#.to_vec() };
        vec![request("jdg-1"), request("jdg-2")]
    }

    #[test]
    fn inputs_are_as_the_references_have_them() {
        let text = |wire: WireFormat| String::from_utf8(wire.batch_input(&requests())).expect("UTF-8");
        assert_eq!(
            text(WireFormat::Anthropic),
            r#"{"requests":[{"custom_id":"jdg-1","params":{"model":"m"}},{"custom_id":"jdg-2","params":{"model":"m"}}]}"#
        );
        let line = text(WireFormat::Openai).lines().next().map(str::to_owned).expect("two lines");
        let line: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            line,
            json!({"custom_id": "jdg-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}})
        );
        assert_eq!(
            WireFormat::Anthropic.batches_url("https://api.anthropic.com"),
            "https://api.anthropic.com/v1/messages/batches"
        );
    }

    #[test]
    fn states_and_lines_are_read_in_any_order_and_broken_lines_left_out() {
        let ended = BatchStatus::Ended { files: vec!["f-1".to_owned(), "f-2".to_owned()] };
        let status = |body: &str| WireFormat::Openai.batch_status(body.as_bytes());
        assert_eq!(
            status(r#"{"status":"completed","output_file_id":"f-1","error_file_id":"f-2"}"#),
            Some(ended)
        );
        assert_eq!(
            status(r#"{"status":"failed","errors":{"data":[{"message":"bad line 3"}]}}"#),
            Some(BatchStatus::Failed { reason: "bad line 3".to_owned() })
        );
        assert_eq!(status("oops"), None);
        let working = r#"{"processing_status":"in_progress","request_counts":{"succeeded":3,"errored":1}}"#;
        assert_eq!(
            WireFormat::Anthropic.batch_status(working.as_bytes()),
            Some(BatchStatus::Working { answered: 4 })
        );
        let lines = concat!(
            r#"{"custom_id":"b","result":{"type":"errored","error":{"type":"error","error":{"type":"overloaded_error","message":"later"}}}}"#,
            "\n{\"custom_id\":\"c\",\"resu\n",
            r#"{"custom_id":"a","result":{"type":"succeeded","message":{"content":[]}}}"#,
            "\n",
            r#"{"custom_id":"d","result":{"type":"expired"}}"#
        );
        let read = WireFormat::Anthropic.batch_lines(lines.as_bytes());
        assert_eq!(read.iter().map(|line| line.custom_id.as_str()).collect::<Vec<_>>(), ["b", "a", "d"]);
        assert_eq!(read[0].reply, Err("errored overloaded_error later".to_owned()));
        assert_eq!(read[1].reply, Ok(br#"{"content":[]}"#.to_vec()));
        let openai = r#"{"custom_id":"a","response":{"status_code":200,"body":{"choices":[]}},"error":null}"#;
        assert_eq!(
            WireFormat::Openai.batch_lines(openai.as_bytes())[0].reply,
            Ok(br#"{"choices":[]}"#.to_vec())
        );
    }
}
