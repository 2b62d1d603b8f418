//! An export in words: what was written, whether it equals the trained model, and how to load it.

use std::collections::{BTreeMap, BTreeSet};

use affinage_project::next::shell_word;
use affinage_project::stages::export::bundle::Bundle;
use affinage_project::stages::export::{Behaviour, Format, Record};

use crate::ui::{Ui, counted};

/// Warns of matrices that are kept in another number format than the one that was asked for.
pub fn say_other_formats(ui: &Ui, record: &Record) {
    if record.kept_f16 > 0 {
        ui.warn(format!(
            "kept as f16: {} whose rows cannot be cut into blocks of {} numbers",
            counted(record.kept_f16, "matrix", "matrices"),
            record.precision.dtype().block_len().min(32)
        ));
    }
    if record.other_format > record.kept_f16 {
        ui.warn(format!(
            "not as {:?} means it: {} whose rows are no whole number of 256 numbers; the file has {}",
            record.precision,
            counted(record.other_format - record.kept_f16, "matrix", "matrices"),
            by_format(&record.matrices)
        ));
    }
}

/// "12 matrices in Q4_K, 3 in Q6_K"
fn by_format(matrices: &BTreeMap<String, usize>) -> String {
    let counts: Vec<String> = matrices.iter().map(|(format, count)| format!("{count} in {format}")).collect();
    format!("matrices: {}", counts.join(", "))
}

/// Says what a folder to publish holds and what it would give away. `shown`: the folder, as people know it.
pub fn say_published(ui: &Ui, made: &Bundle, shown: &str) {
    say_written(ui, &made.record, shown);
    let rows: BTreeSet<&str> = made.exposed.iter().map(|row| row.example_id.as_str()).collect();
    ui.say(format!(
        "publishing it shows words of {} of your data: exposed_rows.jsonl names them",
        counted(rows.len(), "row", "rows")
    ));
    for longest in &made.memorisation.longest {
        ui.say(format!(
            "longest run of words recited, {}: {} (base: {}); asked about {}",
            longest.kind.name(),
            longest.tuned_words,
            longest.base_words,
            counted(longest.rows, "row", "rows")
        ));
    }
    match &made.licence {
        Some(licence) => ui.say(format!("licence of the base: {licence}")),
        None => ui.warn("the files of the base name no licence; look it up before you publish"),
    }
}

/// Whether the export is the trained model again: how far it is from that, as a share of how far the base is. Distances are
/// square roots of the divergence, which grows with the square of a small change.
fn equals_in_words(b: &Behaviour) -> String {
    /// Up to here an export is called equal.
    const EQUAL: f64 = 0.05;
    if b.bare_base.kl <= 0.0 || !b.bare_base.kl.is_finite() {
        return "the trained model writes as the base does, so there is no change that an export could lose"
            .to_owned();
    }
    let share = (b.parity.kl.max(0.0) / b.bare_base.kl).sqrt();
    match share {
        equal if equal <= EQUAL => format!(
            "the export equals the trained model within what its number format can hold: what differs is rounding, less than {:.0} % of what training changed",
            100.0 * EQUAL
        ),
        more if more >= 1.0 => {
            "the export is farther from the trained model than the base is: in this number format hardly \
             anything of the training is left; a higher one keeps it (`--precision f16`)"
                .to_owned()
        }
        share => format!(
            "the export differs from the trained model by about {:.0} % of what training changed; this is what its number \
             format costs",
            100.0 * share
        ),
    }
}

/// Says what was written into the folder `shown`, how near it is to the trained model, and how other programs read it.
pub fn say_written(ui: &Ui, record: &Record, shown: &str) {
    let b = &record.behaviour;
    ui.say(format!("{}: {}", shown, record.files.keys().cloned().collect::<Vec<_>>().join(", ")));
    ui.say(format!(
        "checked: the exported files pick the same next word as the trained model at {} of {} places",
        b.parity.greedy_equal, b.parity.positions
    ));
    ui.say(equals_in_words(b));
    ui.detail(format!(
        "distance from the trained model: {:.2e} nats a token (allowed {:.2e}), logits within {:.2e}; the base without the \
         adapter: {:.2e} nats a token",
        b.parity.kl, b.tolerance_kl, b.parity.max_abs_logit_diff, b.bare_base.kl
    ));
    if !b.bare_base_fails {
        ui.warn("the base without the adapter passes this check too: the adapter changes too little to tell them apart");
    }
    if !record.matrices.is_empty() {
        ui.say(by_format(&record.matrices));
    }
    // With the folder that was asked for, so that it can be pasted.
    let typed = |rest: &str| shell_word(&format!("{shown}{rest}"));
    // Without it llama.cpp makes room for the longest text, and rotates as for that.
    let room = record.most_context.map_or(String::new(), |tokens| format!(" -c {tokens}"));
    ui.hint(match record.format {
        Format::Peft => format!("peft: `PeftModel.from_pretrained(base, {shown:?})`"),
        Format::Merged => format!("transformers: `AutoModelForCausalLM.from_pretrained({shown:?})`"),
        Format::Gguf => format!("llama.cpp: `llama-cli -m {}{room}`", typed("/model.gguf")),
        Format::GgufLora => {
            format!("llama.cpp: `llama-cli -m BASE.gguf --lora {}{room}`", typed("/adapter.gguf"))
        }
        Format::Mlx => format!("mlx-lm: `mlx_lm.generate --model BASE --adapter-path {}`", typed("")),
        Format::Ollama => format!(
            "Ollama: `ollama create my-voice -f {}` (checked by grammar only, not by Ollama)",
            typed("/Modelfile")
        ),
    });
}

#[cfg(test)]
mod tests {
    use affinage_engine::export::parity::Parity;

    use super::*;

    #[test]
    fn an_export_is_equal_or_differs_by_a_share_of_what_was_trained() {
        let parity = |kl| Parity { positions: 512, kl, max_abs_logit_diff: 0.1, greedy_equal: 500 };
        let said = |kl, base| {
            let (parity, bare_base) = (parity(kl), parity(base));
            equals_in_words(&Behaviour {
                parity,
                tolerance_kl: 3e-3,
                bare_base,
                base_in_format: None,
                bare_base_fails: true,
            })
        };
        assert!(said(1e-9, 0.4).starts_with("the export equals the trained model"), "{}", said(1e-9, 0.4));
        assert!(said(0.0025, 0.04).contains("differs from the trained model by about 25 %"));
        assert!(said(0.08, 0.04).contains("hardly anything of the training is left"));
        assert!(said(0.0, 0.0).contains("no change that an export could lose"));
    }
}
