//! Known answers: the statistics against figures from scipy, statsmodels, krippendorff and irrCAC.
//!
//! `AFFINAGE_STATS_VECTORS` names another file of the same form; a function that it names and that is not
//! known here is a failure, so that no case can pass by being skipped.

use affinage_eval::stats::agreement::{self, Scale};
use affinage_eval::stats::ranking::{self, Games, TieModel};
use affinage_eval::stats::{evalue, mean, models, multiple, permutation, power, proportion, special};
use serde_json::{Value, json};

#[test]
fn stats_vectors() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/stats_vectors.json");
    let path = std::env::var("AFFINAGE_STATS_VECTORS").unwrap_or_else(|_| committed.to_owned());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Value = serde_json::from_str(&text).expect("the vectors are JSON");
    let cases = file["cases"].as_array().expect("`cases` is a list");
    assert!(!cases.is_empty());
    let mut failures = Vec::new();
    for case in cases {
        let (id, function) = (&case["id"], case["fn"].as_str().expect("`fn` is a string"));
        let Some(found) = compute(function, &case["input"]) else {
            failures.push(format!("{id}: no function of the name `{function}`"));
            continue;
        };
        let tolerance = case["tol"].as_f64().expect("`tol` is a number");
        differences(&case["expected"], &found, tolerance, &format!("{function} {id}"), &mut failures);
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// Everything that is expected must be found, within `tolerance` absolute or relative.
fn differences(expected: &Value, found: &Value, tolerance: f64, path: &str, failures: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let found = found.get(key).unwrap_or(&Value::Null);
                differences(value, found, tolerance, &format!("{path}.{key}"), failures);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (i, (expected, found)) in expected.iter().zip(found).enumerate() {
                differences(expected, found, tolerance, &format!("{path}[{i}]"), failures);
            }
        }
        (Value::Number(expected), Value::Number(found)) => {
            let (expected, found) = (expected.as_f64().expect("f64"), found.as_f64().expect("f64"));
            if (expected - found).abs() > tolerance * expected.abs().max(1.0) {
                failures.push(format!("{path}: expected {expected}, found {found}"));
            }
        }
        _ if expected == found => {}
        _ => failures.push(format!("{path}: expected {expected}, found {found}")),
    }
}

fn number(input: &Value, key: &str) -> f64 {
    input[key].as_f64().unwrap_or_else(|| panic!("`{key}` is a number in {input}"))
}

fn count(input: &Value, key: &str) -> u64 {
    number(input, key) as u64
}

fn list(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn table(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("a table").iter().map(list).collect()
}

fn ratings(input: &Value) -> Vec<Vec<Option<i64>>> {
    let row = |row: &Value| row.as_array().expect("a row").iter().map(Value::as_i64).collect();
    input["ratings"].as_array().expect("`ratings` is a table").iter().map(row).collect()
}

fn compute(function: &str, input: &Value) -> Option<Value> {
    proportions(function, input)
        .or_else(|| means(function, input))
        .or_else(|| agreements(function, input))
        .or_else(|| powers(function, input))
        .or_else(|| fitted(function, input))
}

fn proportions(function: &str, input: &Value) -> Option<Value> {
    let k_n = || (count(input, "k"), count(input, "n"));
    let alpha = || number(input, "alpha");
    Some(match function {
        "wilson_ci" => json!(proportion::wilson(number(input, "k"), number(input, "n"), alpha())),
        "clopper_pearson_ci" => json!(proportion::clopper_pearson(k_n().0, k_n().1, alpha())),
        "jeffreys_ci" => json!(proportion::jeffreys(k_n().0, k_n().1, alpha())),
        "beta_posterior_prob_gt_half" => {
            let prior = list(&input["prior"]);
            json!(proportion::posterior_above_half(k_n().0, k_n().1, (prior[0], prior[1])))
        }
        "binom_test_two_sided" => json!(proportion::binomial_test(k_n().0, k_n().1, number(input, "p"))),
        "sign_test_drop_ties" => json!(proportion::sign_test(count(input, "wins"), count(input, "losses"))),
        "mcnemar_exact" => {
            let found = proportion::mcnemar(count(input, "b"), count(input, "c"))?;
            json!({"p_exact": found.p_exact, "p_midp": found.p_mid, "chi2_cc": found.chi_square})
        }
        "beta_binomial_mixture_evalue" => {
            let prior = list(&input["prior"]);
            let prior = (prior[0], prior[1]);
            let e = evalue::mixture(k_n().0, k_n().1, number(input, "p0"), prior);
            let sequence = evalue::confidence_sequence(k_n().0, k_n().1, prior, alpha());
            json!({"e": e, "reject": e >= 1.0 / alpha(), "cs95": sequence})
        }
        _ => return None,
    })
}

fn means(function: &str, input: &Value) -> Option<Value> {
    Some(match function {
        "clustered_se" => {
            let cluster: Vec<u64> = list(&input["cluster"]).iter().map(|c| *c as u64).collect();
            let found = mean::clustered_mean(&list(&input["x"]), &cluster, 0.05)?;
            json!({"mean": found.mean, "se_iid": found.se_independent, "se_clustered_miller": found.se_uncorrected,
                "se_clustered_C_over_Cm1": found.se, "se_statsmodels_corrected": found.se,
                "n_clusters": found.clusters, "design_effect": found.design_effect, "ci95_t": found.interval})
        }
        "mean_t_ci" => {
            let found = mean::mean_t(&list(&input["x"]), number(input, "alpha"))?;
            let half = special::normal_quantile(1.0 - number(input, "alpha") / 2.0) * found.se;
            json!({"mean": found.mean, "se": found.se, "ci": found.interval,
                "wald_z": [found.mean - half, found.mean + half]})
        }
        "paired_diff" => {
            let found =
                mean::paired_difference(&list(&input["a"]), &list(&input["b"]), number(input, "alpha"))?;
            json!({"mean": found.mean, "se": found.se, "ci": found.interval, "t": found.t, "p": found.p,
                "se_unpaired": found.se_unpaired, "corr": found.correlation})
        }
        "tost_paired" => {
            let (a, b) = (list(&input["a"]), list(&input["b"]));
            let paired = mean::paired_difference(&a, &b, 0.05)?;
            let df = (a.len() - 1) as f64;
            let found =
                mean::equivalence(paired.mean, paired.se, df, number(input, "low"), number(input, "upp"))?;
            json!({"p": found.p, "t_low": found.t_low, "p_low": found.p_low, "t_upp": found.t_high,
                "p_upp": found.p_high})
        }
        "stratified_win_rate" => {
            let stratum = |s: &Value| (number(s, "weight"), list(&s["x"]));
            let strata: Vec<(f64, Vec<f64>)> =
                input["strata"].as_array().expect("strata").iter().map(stratum).collect();
            let (p, se) = mean::stratified_mean(&strata)?;
            json!({"p": p, "se": se})
        }
        "paired_sign_flip_permutation_exact" => json!(permutation::sign_flip(&list(&input["d"]), 0)),
        "counterbalanced_pair_scores" => counterbalanced(&table(&input["prompts"]))?,
        "holm" => adjusted(multiple::holm(&list(&input["p"])), number(input, "alpha")),
        "benjamini_hochberg" => {
            adjusted(multiple::benjamini_hochberg(&list(&input["p"])), number(input, "alpha"))
        }
        _ => return None,
    })
}

fn adjusted(adjusted: Vec<f64>, alpha: f64) -> Value {
    let reject: Vec<bool> = adjusted.iter().map(|p| *p <= alpha).collect();
    json!({"adjusted": adjusted, "reject": reject})
}

/// Cells are [first position, label x], [first, y], [second, x], [second, y]; scores are the tuned side's.
fn counterbalanced(prompts: &[Vec<f64>]) -> Option<Value> {
    let scores: Vec<f64> = prompts.iter().map(|cells| cells.iter().sum::<f64>() / 4.0).collect();
    let contrast = |signs: [f64; 4]| {
        let sum: f64 =
            prompts.iter().map(|cells| cells.iter().zip(signs).map(|(c, s)| c * s).sum::<f64>()).sum();
        sum / (4.0 * prompts.len() as f64)
    };
    let found = mean::mean_t(&scores, 0.05)?;
    Some(json!({"win_rate": found.mean, "se": found.se,
        "position_effect": contrast([1.0, 1.0, -1.0, -1.0]), "label_effect": contrast([1.0, -1.0, 1.0, -1.0])}))
}

fn agreements(function: &str, input: &Value) -> Option<Value> {
    Some(match function {
        "cohen_kappa_table" => {
            let found = agreement::cohen_kappa(&table(&input["table"]))?;
            let half = special::normal_quantile(0.975) * found.se;
            // z is kappa over its standard error under independence, which no part of the product uses.
            json!({"kappa": found.kappa, "se": found.se, "ci": [found.kappa - half, found.kappa + half],
                "z": kappa_z(&table(&input["table"]), found.kappa)})
        }
        "gwet_ac1_table" => json!(agreement::gwet_ac1_table(&table(&input["table"]))),
        "fleiss_kappa_counts" => json!(agreement::fleiss_kappa(&table(&input["counts"]))),
        "krippendorff_alpha_nominal" => json!(agreement::krippendorff_alpha(&ratings(input), Scale::Nominal)),
        "krippendorff_alpha_ordinal" => json!(agreement::krippendorff_alpha(&ratings(input), Scale::Ordinal)),
        "krippendorff_alpha_interval" => {
            json!(agreement::krippendorff_alpha(&ratings(input), Scale::Interval))
        }
        "gwet_ac1_ratings" => {
            let found = agreement::gwet_ac1(&ratings(input))?;
            json!({"ac1": found.ac1, "pa": found.observed, "pe": found.expected})
        }
        "cochrans_q" => {
            let matrix: Vec<Vec<bool>> =
                table(&input["matrix"]).iter().map(|row| row.iter().map(|v| *v == 1.0).collect()).collect();
            let found = agreement::cochran_q(&matrix)?;
            json!({"q": found.q, "df": found.df, "p": found.p})
        }
        _ => return None,
    })
}

/// Fleiss, Cohen and Everitt (1969): variance of kappa when the raters are independent.
fn kappa_z(table: &[Vec<f64>], kappa: f64) -> f64 {
    let n: f64 = table.iter().flatten().sum();
    let q = table.len();
    let row = |i: usize| table[i].iter().sum::<f64>() / n;
    let column = |j: usize| table.iter().map(|r| r[j]).sum::<f64>() / n;
    let expected: f64 = (0..q).map(|i| row(i) * column(i)).sum();
    let cubes: f64 = (0..q).map(|i| row(i) * column(i) * (row(i) + column(i))).sum();
    kappa / ((expected + expected * expected - cubes).sqrt() / ((1.0 - expected) * n.sqrt()))
}

fn powers(function: &str, input: &Value) -> Option<Value> {
    let n = || count(input, "n");
    let alpha = || number(input, "alpha");
    Some(match function {
        "exact_binomial_critical_wins" => {
            let k = power::critical_wins(n(), alpha());
            json!({"k": k, "win_rate_needed": k.map(|k| k as f64 / n() as f64),
                "actual_alpha": power::actual_alpha(n(), alpha())})
        }
        "exact_binomial_power" => json!(power::power(n(), number(input, "p"), alpha())),
        "sample_size_vs_half" => {
            let found = power::sample_size(number(input, "p"), alpha(), number(input, "power"))?;
            json!({"n_first": found.first, "n_always": found.always, "n_normal_approx": found.normal,
                "n_normal_ceil": found.normal.ceil()})
        }
        "minimum_detectable_win_rate" => {
            json!(power::detectable_win_rate(n(), alpha(), number(input, "power")))
        }
        "effective_n_halfwidth" => {
            let (n_effective, half) = power::effective_n(number(input, "n"), number(input, "deff"));
            json!({"n_eff": n_effective, "half": half})
        }
        _ => return None,
    })
}

fn fitted(function: &str, input: &Value) -> Option<Value> {
    Some(match function {
        "bradley_terry" => bradley_terry(input)?,
        "bradley_terry_davidson" => with_ties(input, TieModel::Davidson)?,
        "bradley_terry_rao_kupper" => with_ties(input, TieModel::RaoKupper)?,
        "length_controlled_logit" => {
            let found = models::length_controlled(&list(&input["delta_len"]), &list(&input["y"]))?;
            json!({"intercept": found.intercept, "slope": found.slope, "se": [found.se.0, found.se.1],
                "raw_win_rate": found.raw_win_rate, "lc_win_rate": found.win_rate, "lc_se": found.win_rate_se})
        }
        "two_way_random_variance_components" => {
            let found = models::variance_components(&table(&input["matrix_items_by_judges"]))?;
            json!({"ms_item": found.ms_item, "ms_judge": found.ms_judge, "ms_error": found.ms_error,
                "var_item": found.item, "var_judge": found.judge, "var_error": found.error,
                "icc2_1": found.icc_single, "icc2_k": found.icc_mean, "var_mean": found.of_mean})
        }
        "ppi_mean_ci" => {
            let (human, judge) = (list(&input["Y"]), list(&input["Yhat"]));
            let rest = list(&input["Yhat_unlabeled"]);
            let (lambda, alpha) = (number(input, "lam"), number(input, "alpha"));
            let found = models::prediction_powered(&human, &judge, &rest, lambda, alpha)?;
            json!({"theta": found.estimate, "se": found.se, "ci": found.interval})
        }
        _ => return None,
    })
}

/// Items in the order of the input, moved so that the reference comes first.
fn games(input: &Value) -> (Vec<String>, Vec<Games>) {
    let reference = input["ref"].as_str().expect("`ref` names an item");
    let name = |value: &Value| value.as_str().expect("a name").to_owned();
    let mut items: Vec<String> = input["items"].as_array().expect("items").iter().map(name).collect();
    items.sort_by_key(|item| item != reference);
    let position =
        |value: &Value| items.iter().position(|i| Some(i.as_str()) == value.as_str()).expect("an item");
    let rows = input["games"].as_array().expect("games").iter();
    let games = rows
        .map(|g| Games {
            one: position(&g[0]),
            other: position(&g[1]),
            outcome: g[2].as_f64().expect("an outcome"),
            count: g[3].as_f64().expect("a count"),
        })
        .collect();
    (items, games)
}

fn by_item(items: &[String], values: impl IntoIterator<Item = f64>) -> Value {
    items.iter().cloned().zip(values.into_iter().map(Value::from)).collect::<serde_json::Map<_, _>>().into()
}

fn bradley_terry(input: &Value) -> Option<Value> {
    let (items, games) = games(input);
    let found = ranking::bradley_terry(&games, items.len())?;
    let center = found.theta.iter().sum::<f64>() / items.len() as f64;
    Some(json!({
        "theta": by_item(&items, found.theta.clone()),
        "se_fisher": by_item(&items, found.se_fisher),
        "se_sandwich": by_item(&items, found.se_sandwich),
        "strength_geomean1": by_item(&items, found.theta.iter().map(|t| (t - center).exp())),
        "elo_400_ref1000": by_item(&items, found.theta.iter().map(|t| 1000.0 + t * 400.0 / 10f64.ln())),
        "nll": found.nll,
    }))
}

fn with_ties(input: &Value, model: TieModel) -> Option<Value> {
    let (items, games) = games(input);
    let found = ranking::bradley_terry_ties(&games, items.len(), model)?;
    Some(json!({"theta": by_item(&items, found.theta), "nu": found.nu, "nll": found.nll}))
}
