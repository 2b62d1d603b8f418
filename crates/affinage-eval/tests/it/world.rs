//! A small evaluation made of rows: prompts, two to four arms, and judges that are functions.

use std::collections::BTreeMap;

use affinage_dataset::message::{Message, Role};
use affinage_eval::ROW_VERSION;
use affinage_eval::analysis::Analysis;
use affinage_eval::analyze::{Around, Inputs, analyze};
use affinage_eval::comparison::{
    BlindKey, Comparison, Position, Presentations, label_pairs, pairs, presentations_for_judge,
};
use affinage_eval::completion::{Completion, CompletionKey, FinishReason, Sampling};
use affinage_eval::design::Design;
use affinage_eval::judge::qualification::result::QualificationResult;
use affinage_eval::judgment::{Judgment, Outcome, ParsePath, judgment_id};
use affinage_eval::likelihood::LikelihoodRow;
use affinage_eval::plan::{
    Arm, ArmKind, JudgeKind, Plan, PlannedComparison, PlannedJudge, Scope, checkpoint_name,
};
use affinage_eval::planted::GoldVote;
use affinage_eval::suite::{Domain, Prompt, Split};

#[derive(Clone)]
pub struct World {
    pub plan: Plan,
    pub prompts: Vec<Prompt>,
    pub completions: Vec<Completion>,
    pub comparisons: Vec<Comparison>,
    pub blind_keys: Vec<BlindKey>,
    pub judgments: Vec<Judgment>,
    pub fit: Vec<LikelihoodRow>,
    pub exams: Vec<QualificationResult>,
    pub planted: Vec<GoldVote>,
}

pub fn prompt(number: usize, domain: Domain) -> Prompt {
    Prompt {
        v: ROW_VERSION,
        prompt_id: format!("prm-{number:04}"),
        cluster_id: format!("cls-{number:04}"),
        split: Split::Report,
        domain,
        category: domain.name().to_owned(),
        messages: vec![Message { role: Role::User, content: format!("Question number {number}?") }],
        reference: Some(format!("Reference {number}")),
        check: None,
        source_hash: String::new(),
    }
}

pub fn sampling() -> Sampling {
    Sampling { temperature: 0.0, top_p: 1.0, top_k: 0, max_new_tokens: 64 }
}

pub fn checkpoint(step: u64) -> Arm {
    let kind = ArmKind::Checkpoint {
        step,
        adapter_sha256: format!("adapter-{step}"),
        path: format!("runs/r/checkpoints/{}", checkpoint_name(step)),
    };
    Arm { name: checkpoint_name(step), kind }
}

pub fn against_base(step: u64) -> PlannedComparison {
    PlannedComparison { arm: checkpoint_name(step), against: "base".to_owned(), scope: Scope::All }
}

impl World {
    /// `n` prompts, the first half in-domain; the base and the checkpoints of `steps`, each against the base.
    pub fn new(n: usize, steps: &[u64]) -> World {
        let base = Arm { name: "base".to_owned(), kind: ArmKind::Base };
        let comparisons: Vec<PlannedComparison> = steps.iter().map(|&step| against_base(step)).collect();
        let plan = Plan {
            v: ROW_VERSION,
            name: "test".to_owned(),
            base_model: "tiny".to_owned(),
            base_sha256: "base-hash".to_owned(),
            run: None,
            dataset: None,
            arms: std::iter::once(base).chain(steps.iter().map(|&step| checkpoint(step))).collect(),
            headline: comparisons.last().expect("at least one step").clone(),
            comparisons,
            sampling: sampling(),
            thinking: None,
            samples_per_prompt: 1,
            seed: 7,
            judges: Vec::new(),
            alpha: 0.05,
            margin: 0.1,
            design: Design::default(),
        };
        let domain = |i: usize| if 2 * i < n { Domain::In } else { Domain::Out };
        let prompts = (0..n).map(|i| prompt(i, domain(i))).collect();
        let mut world = World {
            plan,
            prompts,
            completions: Vec::new(),
            comparisons: Vec::new(),
            blind_keys: Vec::new(),
            judgments: Vec::new(),
            fit: Vec::new(),
            exams: Vec::new(),
            planted: Vec::new(),
        };
        world.answer(|arm, i| format!("Answer of {arm} to {i}."));
        world
    }

    pub fn answer(&mut self, text: impl Fn(&str, usize) -> String) {
        self.completions.clear();
        for arm in &self.plan.arms {
            for (i, prompt) in self.prompts.iter().enumerate() {
                for sample in 0..self.plan.samples() {
                    let key = CompletionKey {
                        prompt_id: &prompt.prompt_id,
                        arm: &arm.name,
                        adapter_sha256: arm.adapter_sha256(),
                        base_sha256: self.plan.base_sha256_of(arm),
                        sample,
                        seed: u64::from(sample),
                        sampling: self.plan.sampling_of(sample),
                    };
                    self.completions.push(key.answered(text(&arm.name, i), 5, FinishReason::Stop));
                }
            }
        }
    }

    /// Judges every pair twice. `say(comparison, key, position of the prompt)` is the judge's outcome.
    pub fn judge(&mut self, judge_id: &str, mut say: impl FnMut(&Comparison, &BlindKey, usize) -> Outcome) {
        self.plan.judges.push(PlannedJudge {
            judge_id: judge_id.to_owned(),
            model: "scripted".to_owned(),
            kind: JudgeKind::Openai,
            family: None,
        });
        let position: BTreeMap<&str, usize> =
            self.prompts.iter().enumerate().map(|(i, p)| (p.prompt_id.as_str(), i)).collect();
        let pairs = pairs(&self.plan, &self.prompts, &self.completions);
        for (comparison, key) in
            presentations_for_judge(&pairs, judge_id, self.plan.seed, &label_pairs(|_| 1), Presentations::Two)
        {
            let outcome = say(&comparison, &key, position[comparison.prompt_id.as_str()]);
            self.judgments.push(judgment(&comparison, judge_id, outcome));
            self.comparisons.push(comparison);
            self.blind_keys.push(key);
        }
    }

    /// A judge that prefers the arm named by `winner` on each prompt, or a tie.
    pub fn judge_by_arm(&mut self, judge_id: &str, winner: impl Fn(usize) -> Option<&'static str>) {
        self.judge(judge_id, |_, key, i| match winner(i) {
            Some(arm) if key.first_arm == arm => Outcome::First,
            Some(arm) if key.second_arm == arm => Outcome::Second,
            _ => Outcome::Tie,
        });
    }

    pub fn inputs(&self) -> Inputs<'_> {
        Inputs {
            plan: &self.plan,
            prompts: &self.prompts,
            completions: &self.completions,
            comparisons: &self.comparisons,
            blind_keys: &self.blind_keys,
            judgments: &self.judgments,
            fit: &self.fit,
            exams: &self.exams,
            around: Around { planted: &self.planted, ..Around::default() },
        }
    }

    pub fn analyze(&self) -> Analysis {
        analyze(&self.inputs()).expect("the rows agree")
    }
}

pub fn judgment(comparison: &Comparison, judge_id: &str, outcome: Outcome) -> Judgment {
    Judgment {
        v: ROW_VERSION,
        judgment_id: judgment_id(&comparison.comparison_id, judge_id, 0),
        comparison_id: comparison.comparison_id.clone(),
        judge_id: judge_id.to_owned(),
        repeat: 0,
        outcome,
        label_said: None,
        p_first: None,
        scores: None,
        rationale: None,
        parse_path: ParsePath::VerdictLine,
        read_by: None,
        repair: None,
        ms_to_vote: None,
        draw_probability: None,
        request_sha256: String::new(),
        response_sha256: None,
        template_sha256: String::new(),
        model_requested: "scripted".to_owned(),
        model_returned: None,
        usage: None,
        cost_usd: None,
        attempts: 1,
        params_effective: BTreeMap::new(),
        request_id: None,
        started_at: None,
        finished_at: None,
    }
}

/// The same comparison with its positions exchanged.
pub fn swapped(comparison: &Comparison, key: &BlindKey) -> (Comparison, BlindKey) {
    let comparison = Comparison {
        first: comparison.second.clone(),
        second: comparison.first.clone(),
        ..comparison.clone()
    };
    let key =
        BlindKey { first_arm: key.second_arm.clone(), second_arm: key.first_arm.clone(), ..key.clone() };
    (comparison, key)
}

/// The same comparison with its labels exchanged.
pub fn relabelled(comparison: &Comparison) -> Comparison {
    let position =
        |position: &Position, label: &str| Position { label: label.to_owned(), ..position.clone() };
    Comparison {
        first: position(&comparison.first, &comparison.second.label),
        second: position(&comparison.second, &comparison.first.label),
        ..comparison.clone()
    }
}
