//! What an evaluation can show at all and what its judges would take, in words.

use std::time::Duration;

use affinage_eval::analyze::ENOUGH;
use affinage_project::stages::evaluation::reach::{ALPHA, Options, Planned, Reach};

use super::judging::table;
use crate::ui::{Table, Ui, count, counted, duration};

/// The chance of each category to show an effect, what its columns mean, and the calls, tokens and cost of the judges.
pub fn planned(ui: &Ui, planned: &Planned, options: &Options<'_>) -> anyhow::Result<()> {
    let Planned { reach, estimates, prompts_needed, .. } = planned;
    ui.data(&reach_table(reach, options.effect))?;
    ui.data(&columns_in_words(options))?;
    if planned.judged < planned.prompts {
        let checked = counted(planned.prompts - planned.judged, "more prompt has", "more prompts have");
        ui.data(&format!("{checked} exact answers, which are checked and need no judge"))?;
    }
    for line in reach.iter().filter_map(why) {
        ui.data(&line)?;
    }
    if let Some(needed) = prompts_needed {
        ui.data(&format!(
            "\nTwo numbers: below {ENOUGH} independent prompts nothing is said at all. To show a win rate of {:.0} % takes about \
             {} independent prompts, if {:.0} % end in a tie, each counted half; between the two numbers only larger differences \
             are found. After the evaluation the report names the number for the win rate that was found.",
            100.0 * options.effect,
            count(*needed),
            100.0 * options.ties
        ))?;
    }
    if let Some(time) = planned.time {
        ui.data(&format!(
            "\nOn this machine it takes about {}: {} are written, and the held-out ones measured. Judges come on top.",
            duration(Duration::from_secs_f64(time.seconds)),
            counted(time.answers, "answer", "answers")
        ))?;
    }
    if estimates.is_empty() {
        ui.data("\nNo [[judge]] in affinage.toml: nothing would be sent or spent.")?;
    } else {
        ui.data(&format!("\n{}", table(estimates)))?;
        let basis = match planned.from_answers {
            true => "Tokens are counted from the stored answers, four characters each.",
            false => "No answers yet: each is taken to be as long as it may be, four characters a token.",
        };
        ui.data(&format!(
            "{basis} Worst: two bytes a token, replies as long as they may be, and every one asked for again."
        ))?;
    }
    Ok(())
}

fn reach_table(reach: &[Reach], effect: f64) -> String {
    let chance = format!("chance to show {:.0} %", 100.0 * effect);
    let heads =
        ["category", "prompts", "independent", "without ties", "wins it takes", "shown from", &chance];
    let mut table = Table::new(heads).right(&[1, 2, 3, 4, 5, 6]);
    for row in reach {
        table.row([
            row.category.clone(),
            count(row.prompts as u64),
            count(row.independent as u64),
            format!("~{}", count(row.decisive)),
            row.wins_needed.map_or("-".to_owned(), |wins| format!("{wins} of {}", row.decisive)),
            row.smallest_shown.map_or("-".to_owned(), |rate| format!("{:.0} %", 100.0 * rate)),
            row.wins_needed.map_or("-".to_owned(), |_| format!("{:.0} %", 100.0 * row.power)),
        ]);
    }
    table.render()
}

/// What the columns of the table say.
fn columns_in_words(options: &Options<'_>) -> String {
    format!(
        "independent: prompts of one conversation or document, or that ask the same, count once\n\
         without ties: those left if {:.0} % end in a tie\n\
         wins it takes: so many of them, for a result that chance gives in less than 1 of {:.0} cases\n\
         shown from: a model with this win rate, a tie counted half as in the report, is found to be better four times in \
         five\n\
         last column: how often a model that wins {:.0} % is found to be better\n",
        100.0 * options.ties,
        1.0 / ALPHA,
        100.0 * options.effect
    )
}

/// Why a category can have no result, or counts for less than its prompts: `in-domain: 57 prompts count as about 3
/// independent ones: with fewer than 30 no result is possible`.
fn why(row: &Reach) -> Option<String> {
    let prompts = counted(row.prompts, "prompt", "prompts");
    let few = row.independent < row.prompts;
    let from = match few {
        true => format!(
            "{prompts} count as about {}",
            counted(row.independent, "independent one", "independent ones")
        ),
        false => prompts,
    };
    match row.wins_needed {
        None => Some(format!("{}: {from}: with fewer than {ENOUGH} no result is possible", row.category)),
        Some(_) if few => Some(format!("{}: {from}", row.category)),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(prompts: usize, independent: usize, wins_needed: Option<u64>) -> Reach {
        let category = "in-domain".to_owned();
        Reach { category, prompts, independent, decisive: 0, wins_needed, smallest_shown: None, power: 0.0 }
    }

    #[test]
    fn a_category_without_a_possible_result_says_why() {
        assert_eq!(
            why(&reach(57, 3, None)).as_deref(),
            Some(
                "in-domain: 57 prompts count as about 3 independent ones: with fewer than 30 no result is possible"
            )
        );
        assert_eq!(
            why(&reach(1, 1, None)).as_deref(),
            Some("in-domain: 1 prompt: with fewer than 30 no result is possible")
        );
        assert_eq!(
            why(&reach(57, 40, Some(10))).as_deref(),
            Some("in-domain: 57 prompts count as about 40 independent ones")
        );
        assert_eq!(why(&reach(57, 57, Some(30))), None);
    }
}
