//! An invented evaluation, complete and consistent: rows as the program writes them, analysed by the real analysis.

use std::collections::{BTreeMap, BTreeSet};

use affinage_dataset::counts::{Fate, Omission};
use affinage_dataset::split::{Certificate, Drop, DropReason, Side};
use affinage_dataset::version::{Manifest, Rules};
use affinage_eval::ROW_VERSION;
use affinage_eval::analyze::{Around, Inputs, analyze};
use affinage_eval::comparison::{
    BlindKey, Comparison, Presentations, label_pairs, pairs, presentations_for_judge,
};
use affinage_eval::completion::{Completion, CompletionKey, FinishReason, Sampling};
use affinage_eval::design::{Design, default_audiences};
use affinage_eval::id::{row_id, sha256_hex};
use affinage_eval::judgment::{
    CriterionScores, Judgment, MissingReason, Outcome, ParsePath, PositionScores, Usage, judgment_id,
};
use affinage_eval::likelihood::{LikelihoodControl, LikelihoodRow, ScoredReference};
use affinage_eval::plan::{
    Arm, ArmKind, DatasetFacts, JudgeKind, Plan, PlannedComparison, PlannedJudge, Scope, checkpoint_name,
};
use affinage_eval::rng::Rng;
use affinage_eval::suite::{Domain, Prompt, Split, SuiteDefaults, parse_suite};

use super::texts;
use crate::evidence::{Evidence, FileFacts, RunFacts, RunProvenance, RunState, Sample, TrainingFacts};

pub const RUN: &str = "2026-11-22T101500Z-qwen2.5-0.5b";
const STEPS: [u64; 4] = [73, 145, 218, 290];
const JUDGES: [&str; 3] = ["careful", "hasty", "local"];

/// Rows of an evaluation before they are analysed.
pub struct Story {
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    pub comparisons: Vec<Comparison>,
    pub keys: Vec<BlindKey>,
    pub judgments: Vec<Judgment>,
    pub fit: Vec<LikelihoodRow>,
}

impl Story {
    /// `padding` is put behind every answer; it can make the texts long, or hostile.
    pub fn new(padding: &str) -> Self {
        let (plan, prompts) = (plan(), prompts());
        let completions = completions(&plan, &prompts, padding);
        let (comparisons, keys, judgments) = judge(&plan, &prompts, &completions, padding);
        let fit = fit(&plan, &prompts);
        Self { plan, prompts, completions, comparisons, keys, judgments, fit }
    }

    pub fn evidence(self) -> Evidence {
        let analysis = analyze(&Inputs {
            exams: &[],
            plan: &self.plan,
            prompts: &self.prompts,
            completions: &self.completions,
            comparisons: &self.comparisons,
            blind_keys: &self.keys,
            judgments: &self.judgments,
            fit: &self.fit,
            around: Around::default(),
        })
        .expect("the story does not contradict itself");
        Evidence {
            project: "my-voice".to_owned(),
            plan: self.plan,
            analysis,
            prompts: self.prompts,
            completions: self.completions,
            comparisons: self.comparisons,
            judgments: self.judgments,
            runs: runs(),
            evaluations: Vec::new(),
            changes: Vec::new(),
            manifest: Some(manifest()),
            files: vec![FileFacts {
                name: "completions.jsonl".to_owned(),
                rows: Some(612),
                size_bytes: 312_480,
                sha256: sha256_hex(b"completions"),
            }],
            version: "0.1.0".to_owned(),
        }
    }
}

fn manifest() -> Manifest {
    let dropped = vec![
        Drop { example_id: "ex-04".to_owned(), side: Side::Test, reason: DropReason::Border },
        Drop {
            example_id: "ex-77".to_owned(),
            side: Side::Test,
            reason: DropReason::Leak { containment: 0.31, train_example: "ex-12".to_owned() },
        },
    ];
    Manifest {
        v: 1,
        name: "v3-1f2e9c".to_owned(),
        hash: sha256_hex(b"v3"),
        tool: "affinage 0.1.0".to_owned(),
        rules: Rules {
            selection: "signed".to_owned(),
            learn: "assistant".to_owned(),
            validation_share: 0.1,
            test_share: 0.15,
            seed: 42,
            context_exchanges: 3,
            context_chars: 6000,
        },
        counts: [
            (412, Fate::Accepted { edited: true }),
            (878, Fate::Accepted { edited: false }),
            (1702, Fate::LeftOut(Omission::Rejected)),
            (128, Fate::LeftOut(Omission::Undecided)),
        ]
        .into_iter()
        .flat_map(|(count, fate)| std::iter::repeat_n(fate, count))
        .collect(),
        files: BTreeMap::new(),
        sources: BTreeSet::new(),
        writers: BTreeMap::from([("person".to_owned(), 402), ("gpt-4o".to_owned(), 602)]),
        written: [("model:gpt".to_owned(), 900), ("person".to_owned(), 100)].into(),
        left_out: Vec::new(),
        independent: BTreeMap::new(),
        noted: BTreeMap::new(),
        lengths: None,
        certificate: Certificate {
            max_containment: 0.141,
            max_in_context: Some(0.083),
            threshold: 0.2,
            measured: 148,
            too_short: 6,
            sectioned: BTreeSet::from(["conv-9".to_owned()]),
            evaluation_prompts: 110,
            dropped,
            begin: [("ex-77", "Why do ruins move us?"), ("ex-12", "What is a ruin")]
                .map(|(id, begin)| (id.to_owned(), begin.to_owned()))
                .into(),
        },
        sides: BTreeMap::new(),
    }
}

fn plan() -> Plan {
    let against_base = |arm: String, scope| PlannedComparison { arm, against: "base".to_owned(), scope };
    let last = checkpoint_name(290);
    let headline = against_base(last.clone(), Scope::All);
    let mut arms = vec![
        Arm { name: "base".to_owned(), kind: ArmKind::Base },
        Arm {
            name: "base+prompt".to_owned(),
            kind: ArmKind::Prompted { system_prompt: texts::INSTRUCTION.to_owned() },
        },
    ];
    arms.extend(STEPS.map(|step| {
        let name = checkpoint_name(step);
        let path = format!("runs/{RUN}/checkpoints/{name}");
        Arm { kind: ArmKind::Checkpoint { step, adapter_sha256: sha256_hex(name.as_bytes()), path }, name }
    }));
    let judge = |id: &str, kind| PlannedJudge {
        judge_id: id.to_owned(),
        model: format!("{id}-1"),
        kind,
        family: None,
    };
    Plan {
        v: ROW_VERSION,
        name: "first-look".to_owned(),
        base_model: "Qwen/Qwen2.5-0.5B-Instruct".to_owned(),
        base_sha256: sha256_hex(b"base"),
        run: Some(RUN.to_owned()),
        dataset: Some(DatasetFacts {
            writers: std::collections::BTreeMap::new(),
            version: "v3-1f2e9c".to_owned(),
            train_examples: 1004,
            max_containment: Some(0.141),
            max_prompt_containment: Some(0.083),
        }),
        arms,
        comparisons: vec![
            headline.clone(),
            PlannedComparison { arm: last, against: "base+prompt".to_owned(), scope: Scope::InDomain },
            against_base(checkpoint_name(145), Scope::InDomain),
        ],
        headline,
        sampling: Sampling { temperature: 0.7, top_p: 0.95, top_k: 0, max_new_tokens: 256 },
        thinking: None,
        samples_per_prompt: 1,
        seed: 7,
        judges: vec![
            judge(JUDGES[0], JudgeKind::Anthropic),
            judge(JUDGES[1], JudgeKind::Openai),
            judge(JUDGES[2], JudgeKind::Local),
        ],
        alpha: 0.05,
        margin: 0.1,
        design: Design { audiences: default_audiences(), ..Design::default() },
    }
}

fn prompts() -> Vec<Prompt> {
    let mut rng = Rng::new(3);
    let mut prompts = Vec::new();
    for (i, question) in texts::QUESTIONS.iter().enumerate() {
        let line = serde_json::json!({"prompt": question, "reference": texts::voiced(&mut rng), "cluster": format!("{}", i / 2 * 2)});
        let defaults = SuiteDefaults {
            name: "held-out".to_owned(),
            category: "in-domain".to_owned(),
            domain: Domain::In,
            split: Split::Report,
        };
        let mut parsed = parse_suite(&line.to_string(), &defaults).expect("a suite line");
        if i % 5 != 0 {
            parsed[0].cluster_id = parsed[0].prompt_id.clone();
        }
        prompts.extend(parsed);
    }
    for (category, asked) in
        [("coding", texts::CODING), ("practical", texts::PRACTICAL), ("creative", texts::CREATIVE)]
    {
        prompts.extend(asked.iter().flat_map(|q| outside(category, &serde_json::json!({"prompt": q}))));
    }
    for i in 0..40 {
        let (a, b) = (rng.between(12, 97), rng.between(3, 19));
        let line = serde_json::json!({"id": i, "prompt": format!("What is {a} times {b}?"), "reference": (a * b).to_string(), "check": "number"});
        let line = line.to_string().replace(&format!("\"id\":{i}"), &format!("\"id\":\"{i}\""));
        prompts.extend(outside("maths", &serde_json::from_str(&line).expect("still JSON")));
    }
    prompts
}

fn outside(category: &str, line: &serde_json::Value) -> Vec<Prompt> {
    let defaults = SuiteDefaults {
        name: category.to_owned(),
        category: category.to_owned(),
        domain: Domain::Out,
        split: Split::Report,
    };
    parse_suite(&line.to_string(), &defaults).expect("a suite line")
}

/// How often an arm writes in the voice.
fn voice_of(arm: &Arm) -> f64 {
    match arm.kind {
        ArmKind::Base | ArmKind::Adapter { .. } | ArmKind::Model(_) | ArmKind::Remote { .. } => 0.06,
        ArmKind::Prompted { .. } | ArmKind::Examples { .. } => 0.35,
        ArmKind::Checkpoint { step, .. } => 0.85 * (1.0 - (-(step as f64) / 110.0).exp()),
    }
}

fn completions(plan: &Plan, prompts: &[Prompt], padding: &str) -> Vec<Completion> {
    let mut completions = Vec::new();
    for arm in &plan.arms {
        let mut rng = Rng::for_purpose(11, &["answers", &arm.name]);
        for prompt in prompts {
            let mut text = match (&prompt.check, prompt.domain) {
                (Some(_), _) => checked_answer(prompt, arm, &mut rng),
                (None, Domain::In) if rng.uniform() < voice_of(arm) => texts::voiced(&mut rng),
                (None, Domain::In) => texts::plain(&mut rng),
                (None, Domain::Out) => texts::outside(&prompt.category, arm.step().is_some(), &mut rng),
            };
            if prompt.check.is_none() {
                text.push_str(padding);
            }
            let cut = rng.uniform() < 0.04;
            let tokens = text.len() / 4;
            let key = CompletionKey {
                prompt_id: &prompt.prompt_id,
                arm: &arm.name,
                adapter_sha256: arm.adapter_sha256(),
                base_sha256: plan.base_sha256_of(arm),
                sample: 0,
                seed: 1,
                sampling: &plan.sampling,
            };
            completions.push(key.answered(
                text,
                tokens,
                if cut { FinishReason::Length } else { FinishReason::Stop },
            ));
        }
    }
    completions
}

fn checked_answer(prompt: &Prompt, arm: &Arm, rng: &mut Rng) -> String {
    let right = prompt.reference.clone().unwrap_or_default();
    let skill = if arm.step().is_some() { 0.62 } else { 0.7 };
    let said = if rng.uniform() < skill { right } else { rng.between(40, 900).to_string() };
    format!("Let us see: the answer is {said}.")
}

/// What a reader would give the answer: the voice counts in the domain, plainness outside it.
fn worth(completion: &Completion, prompt: &Prompt) -> f64 {
    let voice = f64::from(u8::from(completion.text.trim_end().contains('?')));
    match prompt.domain {
        Domain::In => voice,
        Domain::Out if completion.adapter_sha256.is_some() => -0.05,
        Domain::Out => 0.0,
    }
}

fn judge(
    plan: &Plan,
    prompts: &[Prompt],
    completions: &[Completion],
    padding: &str,
) -> (Vec<Comparison>, Vec<BlindKey>, Vec<Judgment>) {
    let all = pairs(plan, prompts, completions);
    let by_id: BTreeMap<&str, &Completion> =
        completions.iter().map(|c| (c.completion_id.as_str(), c)).collect();
    let prompt_of: BTreeMap<&str, &Prompt> = prompts.iter().map(|p| (p.prompt_id.as_str(), p)).collect();
    let (mut comparisons, mut keys, mut judgments) = (Vec::new(), Vec::new(), Vec::new());
    for judge_id in JUDGES {
        let mut rng = Rng::for_purpose(plan.seed, &["judge", judge_id]);
        for (comparison, key) in
            presentations_for_judge(&all, judge_id, plan.seed, &label_pairs(|_| 1), Presentations::Two)
        {
            let prompt = prompt_of[comparison.prompt_id.as_str()];
            let value = |id: &str| worth(by_id[id], prompt);
            let gap = value(&comparison.first.completion_id) - value(&comparison.second.completion_id);
            judgments.push(verdict(judge_id, &comparison, gap, &mut rng, padding));
            comparisons.push(comparison);
            keys.push(key);
        }
    }
    (comparisons, keys, judgments)
}

/// A careful judge sees the gap, a hasty one favours the first position, a local one is little more than a coin.
fn verdict(judge_id: &str, comparison: &Comparison, gap: f64, rng: &mut Rng, padding: &str) -> Judgment {
    let (sharpness, position) = match judge_id {
        "careful" => (2.2, 0.0),
        "hasty" => (0.9, 0.9),
        _ => (0.2, 0.1),
    };
    let p_first = 1.0 / (1.0 + (-(sharpness * gap + position)).exp());
    let draw = rng.uniform();
    let outcome = match rng.uniform() {
        lost if lost < 0.01 && judge_id == "hasty" => Outcome::Missing { reason: MissingReason::Unparsed },
        tie if tie > 0.94 => Outcome::Tie,
        _ if draw < p_first => Outcome::First,
        _ => Outcome::Second,
    };
    let label_said = match outcome {
        Outcome::First => Some(comparison.first.label.clone()),
        Outcome::Second => Some(comparison.second.label.clone()),
        Outcome::Tie | Outcome::Missing { .. } => None,
    };
    let is_local = judge_id == "local";
    let winner = label_said.clone().unwrap_or_else(|| "Neither".to_owned());
    Judgment {
        v: ROW_VERSION,
        judgment_id: judgment_id(&comparison.comparison_id, judge_id, 0),
        comparison_id: comparison.comparison_id.clone(),
        judge_id: judge_id.to_owned(),
        repeat: 0,
        label_said,
        p_first: is_local.then_some(p_first),
        scores: (judge_id == "careful").then(|| scores(outcome, rng)),
        rationale: (!is_local).then(|| format!("{winner} {}{padding}", texts::pick(rng, &texts::REASONS))),
        parse_path: if is_local { ParsePath::Probability } else { ParsePath::Json },
        read_by: None,
        repair: None,
        ms_to_vote: None,
        draw_probability: None,
        request_sha256: row_id("req", &[&comparison.comparison_id, judge_id]),
        response_sha256: None,
        template_sha256: sha256_hex(b"template"),
        model_requested: format!("{judge_id}-1"),
        model_returned: Some(format!("{judge_id}-1")),
        usage: (!is_local).then_some(Usage { input_tokens: 914, output_tokens: 187, ..Usage::default() }),
        cost_usd: (judge_id == "careful").then_some(0.0074),
        attempts: 1,
        params_effective: BTreeMap::new(),
        request_id: None,
        started_at: None,
        finished_at: None,
        outcome,
    }
}

fn scores(outcome: Outcome, rng: &mut Rng) -> PositionScores {
    let mut of = |lift: f64| {
        let mut score = || (5.0 + lift + rng.between(-1, 1) as f64).clamp(1.0, 10.0);
        CriterionScores {
            creativity: score(),
            coherence: score(),
            depth: score(),
            engagement: score(),
            writing_quality: score(),
        }
    };
    match outcome {
        Outcome::First => PositionScores { first: of(1.5), second: of(0.0) },
        Outcome::Second => PositionScores { first: of(0.0), second: of(1.5) },
        Outcome::Tie | Outcome::Missing { .. } => PositionScores { first: of(0.5), second: of(0.5) },
    }
}

fn fit(plan: &Plan, prompts: &[Prompt]) -> Vec<LikelihoodRow> {
    let mut rows = Vec::new();
    for prompt in prompts.iter().filter(|p| p.domain == Domain::In) {
        let chars = prompt.reference.as_ref().map_or(0, |r| r.chars().count());
        for control in [LikelihoodControl::Own, LikelihoodControl::OtherWriter, LikelihoodControl::Shuffled] {
            for arm in &plan.arms {
                let mut rng = Rng::for_purpose(1, &["fit", &prompt.prompt_id, &format!("{control:?}")]);
                let base = 2.9 + 0.5 * rng.uniform();
                let share = match control {
                    LikelihoodControl::Own => 1.0,
                    LikelihoodControl::OtherWriter => 0.3,
                    LikelihoodControl::Shuffled => 0.7,
                };
                let noise = 0.06 * (Rng::for_purpose(2, &[&prompt.prompt_id, &arm.name]).uniform() - 0.5);
                let gain = arm
                    .step()
                    .map_or(0.0, |step| share * 0.34 * (1.0 - (-(step as f64) / 90.0).exp()) + noise);
                let tokens = chars / 4;
                let scored =
                    ScoredReference { control, nll_sum: (base - gain) * tokens as f64, tokens, chars };
                rows.push(LikelihoodRow::new(&prompt.prompt_id, &arm.name, arm.adapter_sha256(), scored));
            }
        }
    }
    rows
}

/// The evaluated run, one that was interrupted, one that never began, one on other data.
fn runs() -> Vec<RunFacts> {
    let provenance = RunProvenance {
        started_at: "2026-11-22T10:15:00Z".to_owned(),
        affinage_version: "0.1.0".to_owned(),
        build: "release".to_owned(),
        command_line: vec!["affinage".to_owned(), "train".to_owned()],
        cpu: Some("a processor".to_owned()),
        cores: 2,
        os: "linux".to_owned(),
        arch: "x86_64".to_owned(),
        sha256: BTreeMap::from([("base".to_owned(), sha256_hex(b"base"))]),
    };
    let never = RunFacts { state: RunState::NeverStarted, started: None, ..training("", 0) };
    let never = RunFacts { train: Vec::new(), validation: Vec::new(), samples: Vec::new(), ..never };
    let named = |name: &str, run: RunFacts| RunFacts { name: name.to_owned(), ..run };
    let stopped = RunFacts { state: RunState::Interrupted, ..training("v3-1f2e9c", 61) };
    vec![
        named("2026-11-20T090000Z-qwen2.5-0.5b", never),
        named("2026-11-20T183000Z-qwen2.5-0.5b", training("v2-77aa01", 120)),
        named("2026-11-21T201200Z-qwen2.5-0.5b", stopped),
        named(RUN, RunFacts { provenance: Some(provenance), ..training("v3-1f2e9c", 290) }),
    ]
}

fn training(dataset: &str, steps: usize) -> RunFacts {
    let mut rng = Rng::new(5);
    let is_whole = steps == 290;
    let mut run = RunFacts {
        name: String::new(),
        state: if is_whole { RunState::Finished } else { RunState::Unfinished },
        started: Some(TrainingFacts {
            dataset: dataset.to_owned(),
            dataset_sha256: sha256_hex(dataset.as_bytes()),
            steps: 290,
        }),
        last_step: steps,
        train: Vec::new(),
        validation: Vec::new(),
        samples: Vec::new(),
        resumed: 0,
        warnings: Vec::new(),
        seconds: is_whole.then_some(2790.0),
        provenance: None,
    };
    for step in 0..=steps {
        let t = step as f64;
        if step > 0 {
            let loss = 2.3 + 0.75 * (-t / 60.0).exp() - if step > 145 { 0.12 } else { 0.0 }
                + 0.35 * (rng.uniform() - 0.5);
            run.train.push((step, t / 145.0, loss));
        }
        if step == 0 || STEPS.contains(&(step as u64)) {
            run.validation.push((step, 2.42 + 0.72 * (-t / 70.0).exp() + 0.0002 * t));
            let at = STEPS.iter().position(|s| *s == step as u64).map_or(0, |i| i + 1);
            let (prompt, text) = (texts::PINNED.to_owned(), texts::PINNED_ANSWERS[at].to_owned());
            run.samples.push(Sample { step, prompt, text });
        }
    }
    run
}
