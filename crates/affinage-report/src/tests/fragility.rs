//! Where the page says how little decides the headline.

use affinage_eval::analysis::Fragility;

use super::evidence;
use crate::render;

#[test]
fn how_little_decides_the_headline_is_told_under_the_planned_comparisons() {
    let mut evidence = evidence();
    let sentence = "2 of 57 prompts decide it: without them nothing is shown.".to_owned();
    evidence.analysis.headline.fragility = Some(Fragility { sentence: sentence.clone(), parts: Vec::new() });
    let page = render(&evidence).html;
    let (_, section) = page.split_once("id=\"claims\"").expect("the comparisons");
    let (section, _) = section.split_once("</section>").expect("its end");
    assert_eq!(section.matches(&sentence).count(), 1);
}
