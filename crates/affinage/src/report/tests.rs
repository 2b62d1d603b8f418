//! The page as a whole, drawn from an invented evaluation.

mod story;
mod texts;

use super::{Page, render};
use story::Story;

fn page() -> Page {
    render(&Story::new("").evidence())
}

#[test]
#[ignore = "writes the page to AFFINAGE_SAMPLE_REPORT, to be looked at"]
fn write_sample() {
    let path = std::env::var("AFFINAGE_SAMPLE_REPORT").expect("AFFINAGE_SAMPLE_REPORT names a file");
    fs_err::write(path, page().html).expect("written");
}
