//! The table of models, in words.

use affinage_project::next::next;
use affinage_project::stages::models::{Data, KnownModels};

use crate::ui::{Table, bytes, count, counted};

/// Known models with what each would take on this machine, and what that was told from.
pub fn known(choice: &KnownModels) -> String {
    let header = ["model", "family", "weights", "disk", "memory", "time", "licence", "here"];
    let mut table = Table::new(header).right(&[2, 3, 4, 5]);
    for row in &choice.models {
        let mark = if row.licence.must_be_accepted { " *" } else { "" };
        table.row([
            row.model.to_owned(),
            row.family.name().to_owned(),
            millions(row.parameters),
            bytes(row.disk_bytes),
            bytes(row.memory_bytes),
            coarse_time(row.seconds),
            format!("{}{mark}", row.licence.name),
            if row.on_this_machine { "yes" } else { "no" }.to_owned(),
        ]);
    }
    let families: Vec<&str> = choice.families.iter().map(|family| family.name()).collect();
    let size = |known: Option<u64>| known.map_or_else(|| "unknown".to_owned(), bytes);
    format!(
        "{}* the licence must be accepted on the model's page first, and HF_TOKEN set\n\n\
         Memory and time are for training on {}, with the settings of this project.\n\
         Measured: this machine's matrix multiply ({:.0} GFLOP/s). Estimated from it and the shape of each model: memory \
         and time, about; {} measures the model that is chosen.\n\
         This machine has {} of memory, {} free. Chosen now: {}; another: `model = \"NAME\"` in affinage.toml.\n\
         Families that load, in any size: {}.\n",
        table.render(),
        data_in_words(&choice.data),
        choice.multiply_gflops,
        next("train").words("--dry-run"),
        size(choice.machine_memory_bytes),
        size(choice.free_memory_bytes),
        choice.chosen,
        families.join(", "),
    )
}

/// `v1-1f2e9c (90 rows, 12,000 tokens as Qwen2.5 counts them, 2 epochs: 24 steps)`
fn data_in_words(data: &Data) -> String {
    let rows = counted(data.train_rows, "row", "rows");
    let epochs = counted(data.epochs, "epoch", "epochs");
    let steps = counted(data.steps_of_epochs, "step", "steps");
    let epochs = match data.steps < data.steps_of_epochs {
        true => {
            format!("the first {} of {epochs} ({steps}), as `train.max-steps` says", count(data.steps as u64))
        }
        false => format!("{epochs}: {steps}"),
    };
    let Some(dataset) = &data.dataset else {
        let all = count((data.train_rows + data.validation_rows) as u64);
        let each = data.train_tokens / data.train_rows.max(1);
        let kept = count(data.validation_rows as u64);
        return format!(
            "{all} rows of {each} tokens, {kept} of them kept back to watch the training (nothing is frozen yet), {epochs}"
        );
    };
    let counted_by = match &data.counted_by {
        Some(model) => format!("as {model} counts them"),
        None => "by the length of the texts".to_owned(),
    };
    let left_out = match data.left_out_rows {
        0 => String::new(),
        rows => format!("; {} left out as too long", counted(rows, "row", "rows")),
    };
    format!("{dataset} ({rows}, {} tokens {counted_by}, {epochs}{left_out})", count(data.train_tokens as u64))
}

/// `135M`, `1.5B`
fn millions(parameters: u64) -> String {
    let millions = parameters as f64 / 1e6;
    // What would round to 1000M.
    if millions < 999.5 { format!("{millions:.0}M") } else { format!("{:.1}B", millions / 1e3) }
}

/// As exact as the estimate is: minutes below 90, in fives from ten on, else hours.
fn coarse_time(seconds: f64) -> String {
    let minutes = seconds / 60.0;
    match minutes {
        0.0 => "-".to_owned(),
        m if m < 1.0 => "1 min".to_owned(),
        m if m < 10.0 => format!("{m:.0} min"),
        m if m < 87.5 => format!("{:.0} min", (m / 5.0).round() * 5.0),
        m if m < 570.0 => format!("{} h", (m / 30.0).round() / 2.0),
        m => format!("{:.0} h", m / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_no_more_exact_than_they_are_known() {
        let shown = [0.0, 20.0, 61.0, 400.0, 1000.0, 5200.0, 5300.0, 8000.0, 33_000.0, 40_000.0, 1e6];
        let expected =
            ["-", "1 min", "1 min", "7 min", "15 min", "85 min", "1.5 h", "2 h", "9 h", "11 h", "278 h"];
        assert_eq!(shown.map(coarse_time), expected);
    }

    #[test]
    fn weights_are_counted_as_the_names_of_models_do() {
        assert_eq!([134_515_008, 999_885_952, 1_543_714_304].map(millions), ["135M", "1.0B", "1.5B"]);
    }
}
