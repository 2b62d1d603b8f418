//! Every planted fault of the generator is found in every shape that can carry it, and clean logs raise nothing.

use affinage_eval::audit::claims::{self, Claim, ClaimVerdict};
use affinage_eval::audit::{Asked, ResultsAudit, audit_results};

use serde_json::{Value, json};

use crate::faulty_logs::{Fault, Shape, rows};

fn found(seed: u64, shape: Shape, fault: Option<Fault>) -> Vec<&'static str> {
    audit_results(&rows(seed, shape, fault), Asked::default())
        .findings
        .iter()
        .map(|finding| finding.code)
        .collect()
}

/// Of `seeds` logs each: how often every fault that the shape can carry was found.
fn detected(shape: Shape, seeds: u64) -> Vec<(Fault, u64)> {
    let carried = Fault::ALL.into_iter().filter(|fault| shape.carries(*fault));
    let hits = |fault: Fault| {
        (0..seeds)
            .filter(|&seed| found(seed, shape, Some(fault)).iter().any(|code| fault.codes().contains(code)))
            .count() as u64
    };
    carried.map(|fault| (fault, hits(fault))).collect()
}

/// Of `seeds` clean logs: how many raised something beyond the shape's own design.
fn alarms(shape: Shape, seeds: u64) -> u64 {
    let raised = |seed: &u64| found(*seed, shape, None) != shape.by_design();
    (1000..1000 + seeds).filter(raised).count() as u64
}

#[test]
fn every_planted_fault_is_found_and_clean_logs_raise_nothing() {
    for shape in Shape::ALL {
        for (fault, hits) in detected(shape, 20) {
            // A judge that votes at random agrees with another by chance now and then.
            let least = if fault == Fault::NoAgreement { 17 } else { 20 };
            assert!(hits >= least, "{shape:?}, {fault:?}: {hits} of 20");
        }
        let alarms = alarms(shape, 20);
        assert!(
            alarms <= 1,
            "{alarms} of 20 clean logs of {shape:?} raised something; the family-wise rate is 1 %"
        );
    }
}

#[test]
#[ignore = "slow: figures for docs/LOG.md"]
fn rates_over_many_seeds() {
    for shape in Shape::ALL {
        let detected = detected(shape, 100);
        let whole = detected.iter().filter(|(_, hits)| *hits == 100).count();
        println!("{shape:?}: {whole} of {} faults found in all 100 logs", detected.len());
        for (fault, hits) in detected.iter().filter(|(_, hits)| *hits < 100) {
            println!("    {fault:?}: {hits} of 100");
        }
        println!("    clean logs with a finding: {} of 100", alarms(shape, 100));
    }
}

#[test]
fn an_inverted_order_is_turned_back_in_the_derived_table() {
    for shape in [Shape::PairRows, Shape::AlpacaEval, Shape::FastChat] {
        let read = |fault| audit_results(&rows(5, shape, fault), Asked::default());
        let (clean, inverted) = (read(None), read(Some(Fault::InvertedOrder)));
        assert_ne!(
            inverted.table[0].stored, clean.table[0].stored,
            "{shape:?}: the stored outcomes are wrong"
        );
        assert_eq!(inverted.table[0].derived, clean.table[0].stored, "{shape:?}: the derived ones are right");
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
        (json!({"statistic": "tie-rate", "value": 0.0}), ClaimVerdict::Confirmed),
        (json!({"statistic": "decisive-win-rate", "value": 3.0}), ClaimVerdict::Contradicted),
    ] {
        assert_eq!(verdict(&audit, claim.clone()), expected, "{claim}");
    }
}
