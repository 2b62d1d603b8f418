//! Every planted fault of the generator is found in every shape that can carry it, and clean logs raise nothing.

use std::collections::BTreeSet;

use affinage_eval::audit::claims::{self, Claim, ClaimVerdict};
use affinage_eval::audit::{Asked, Counts, Finding, ResultsAudit, Severity, audit_results};
use serde_json::{Value, json};

use crate::faulty_logs::{Fault, Shape, meant, rows};

fn audit(seed: u64, shape: Shape, fault: Option<Fault>) -> ResultsAudit {
    audit_results(&rows(seed, shape, fault), Asked::default())
}

/// Of `seeds` logs each: how often every fault that the shape can carry was found.
fn detected(shape: Shape, seeds: u64) -> Vec<(Fault, u64)> {
    let carried = Fault::ALL.into_iter().filter(|fault| shape.carries(*fault));
    let is_found = |seed: &u64, fault: Fault| {
        audit(*seed, shape, Some(fault)).findings.iter().any(|finding| fault.codes().contains(&finding.code))
    };
    let hits = |fault: Fault| (0..seeds).filter(|seed| is_found(seed, fault)).count() as u64;
    carried.map(|fault| (fault, hits(fault))).collect()
}

/// Of `seeds` clean logs: those with a finding of `least` or worse that is not the shape's own design, and its codes.
fn alarms(shape: Shape, seeds: u64, least: Severity) -> (u64, BTreeSet<&'static str>) {
    let (mut logs, mut codes) = (0, BTreeSet::new());
    for seed in 1000..1000 + seeds {
        let is_alarm =
            |finding: &&Finding| finding.severity <= least && !shape.by_design().contains(&finding.code);
        let raised: Vec<&str> =
            audit(seed, shape, None).findings.iter().filter(is_alarm).map(|finding| finding.code).collect();
        logs += u64::from(!raised.is_empty());
        codes.extend(raised);
    }
    (logs, codes)
}

#[test]
fn every_planted_fault_is_found_and_clean_logs_raise_none() {
    let mut false_faults = 0;
    for shape in Shape::ALL {
        for (fault, hits) in detected(shape, 6) {
            // A judge that votes at random agrees with another by chance now and then.
            let least = if fault == Fault::NoAgreement { 4 } else { 6 };
            assert!(hits >= least, "{shape:?}, {fault:?}: {hits} of 6");
        }
        let (alarms, codes) = alarms(shape, 20, Severity::Fault);
        assert!(alarms <= 2, "{alarms} of 20 clean logs of {shape:?} have a fault: {codes:?}");
        false_faults += alarms;
    }
    assert!(false_faults <= 11, "{false_faults} of 220 clean logs have a fault, more than 5 %");
}

#[test]
#[ignore = "slow: figures for docs/LOG.md"]
fn rates_over_many_seeds() {
    const SEEDS: u64 = 40;
    println!(
        "{:<20} clean logs with a fault / a suspicion of {SEEDS}; faults found in {SEEDS} logs each",
        "shape"
    );
    let mut total = [0; 4];
    for shape in Shape::ALL {
        let ((faults, _), (suspicions, codes)) =
            (alarms(shape, SEEDS, Severity::Fault), alarms(shape, SEEDS, Severity::Suspicion));
        let detected = detected(shape, SEEDS);
        let hits: u64 = detected.iter().map(|(_, hits)| hits).sum();
        let missed: Vec<String> = detected
            .iter()
            .filter(|(_, hits)| *hits < SEEDS)
            .map(|(fault, hits)| format!("{fault:?} {hits}"))
            .collect();
        println!(
            "{:<20} {faults:>2} / {suspicions:>2} {codes:?}; {hits} of {} in {} kinds; {}",
            format!("{shape:?}"),
            SEEDS * detected.len() as u64,
            detected.len(),
            missed.join(", ")
        );
        for (sum, n) in total.iter_mut().zip([faults, suspicions, hits, SEEDS * detected.len() as u64]) {
            *sum += n;
        }
    }
    let [faults, suspicions, hits, planted] = total;
    let logs = SEEDS * Shape::ALL.len() as u64;
    println!("all: {faults} and {suspicions} of {logs} clean logs; {hits} of {planted} planted faults found");
}

#[test]
fn an_inverted_order_is_turned_back_in_the_derived_table() {
    for shape in [Shape::PairRows, Shape::Requests, Shape::AlpacaEval, Shape::FastChat, Shape::ArenaHard] {
        let fault = Some(Fault::InvertedOrder);
        let line = audit(5, shape, fault).table[0].clone();
        let counts = |counts: Counts| [counts.wins, counts.ties, counts.losses];
        assert_ne!(counts(line.stored), meant(5, shape, fault), "{shape:?}: the stored outcomes are wrong");
        assert_eq!(counts(line.derived), meant(5, shape, fault), "{shape:?}: the derived ones are right");
    }
}

fn verdict(audit: &ResultsAudit, claim: Value) -> ClaimVerdict {
    let claim: Claim = serde_json::from_value(claim).expect("a claim");
    claims::check(&[claim], Some(audit), &[])[0].verdict
}

#[test]
fn names_days_and_agreement_of_a_write_up_are_checked_too() {
    let audit = audit_results(&rows(3, Shape::FastChat, None), Asked::default());
    let [agreement] = audit.agreements.as_slice() else { panic!("two judges") };
    let raw = 100.0 * agreement.raw;
    let kappa = agreement.kappa.expect("both outcomes occur");
    let Counts { wins, ties, losses, .. } = audit.table[0].derived;
    let tie_rate = 100.0 * ties as f64 / (wins + ties + losses) as f64;
    for (claim, expected) in [
        (json!({"statistic": "judge", "value": "judge-north"}), ClaimVerdict::Confirmed),
        (json!({"statistic": "judge", "value": "judge-east"}), ClaimVerdict::Contradicted),
        (json!({"statistic": "first-day", "value": "2023-06-20"}), ClaimVerdict::Confirmed),
        (json!({"statistic": "last-day", "value": "2023-06-21"}), ClaimVerdict::Contradicted),
        (json!({"statistic": "agreement", "value": raw, "tolerance": 0.01}), ClaimVerdict::Confirmed),
        (json!({"statistic": "kappa", "value": kappa, "tolerance": 0.01}), ClaimVerdict::Confirmed),
        (json!({"statistic": "kappa", "value": kappa + 0.1, "tolerance": 0.01}), ClaimVerdict::Contradicted),
        (
            json!({"statistic": "kappa", "value": 0.5, "judge": "x", "other-judge": "y"}),
            ClaimVerdict::CannotBeChecked,
        ),
        (json!({"statistic": "tie-rate", "value": tie_rate, "tolerance": 0.01}), ClaimVerdict::Confirmed),
        (json!({"statistic": "decisive-win-rate", "value": 3.0}), ClaimVerdict::Contradicted),
    ] {
        assert_eq!(verdict(&audit, claim.clone()), expected, "{claim}");
    }
}
