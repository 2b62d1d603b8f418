//! The signs that a page draws, in their places, as lines of text.

use pdf_extract::{MediaBox, OutputDev, OutputError, Transform};

/// A line of a page, in its place. Lengths are in points, from the top left corner.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub text: String,
    pub left: f64,
    pub right: f64,
    pub y: f64,
    pub size: f64,
    /// Height of its page.
    pub height: f64,
}

/// A sign of a line, where it is drawn.
#[derive(Debug, Clone)]
struct Sign {
    text: String,
    left: f64,
    /// Where the next one of its word stands if nothing moves it.
    right: f64,
    size: f64,
}

/// The text of a line: with a space where words stand apart.
///
/// Letters may stand apart too (in headings, in lines that are filled by it, in a word that is stressed so), so a gap counts
/// from what is usual between the letters around it on. Where the line has spaces of its own, a gap must be larger.
fn text_of(signs: &[Sign]) -> String {
    /// Gaps in parts of the size: kerning is less, a space in the tightest line is more.
    const GAP: f64 = 0.15;
    const GAP_BESIDE_SPACES: f64 = 0.3;
    /// Fewer gaps do not say what is usual in a line ...
    const MIN_GAPS: usize = 6;
    /// ... and in a word that is set apart.
    const MIN_APART: usize = 4;
    const APART: f64 = 0.08;
    /// One space for so many signs at least.
    const SIGNS_PER_SPACE: usize = 20;
    let is_space = |sign: &Sign| sign.text.trim().is_empty();
    let is_letter = |sign: &Sign| sign.text.chars().all(char::is_alphabetic);
    // Of each sign, the gap before it, and whether it stands between letters.
    let gap = |pair: &[Sign]| {
        let gap = (pair[1].left - pair[0].right) / pair[0].size.max(pair[1].size).max(1e-6);
        (!pair.iter().any(is_space)).then(|| (gap, pair.iter().all(is_letter)))
    };
    let gaps: Vec<Option<(f64, bool)>> = std::iter::once(None).chain(signs.windows(2).map(gap)).collect();
    // Word gaps are the fewer ones.
    let usual = |gaps: &[Option<(f64, bool)>], least: usize| {
        let between = gaps.iter().flatten().filter(|(_, is_inner)| *is_inner);
        let mut between: Vec<f64> = between.map(|(gap, _)| *gap).collect();
        between.sort_by(f64::total_cmp);
        between.get(between.len() / 3).filter(|_| between.len() >= least).map_or(0.0, |gap| gap.max(0.0))
    };
    let spaces = signs.iter().filter(|sign| is_space(sign)).count();
    let has_spaces = spaces * SIGNS_PER_SPACE >= signs.len();
    let least = usual(&gaps, MIN_GAPS) + if has_spaces { GAP_BESIDE_SPACES } else { GAP };
    let is_apart = |gap: &Option<(f64, bool)>| gap.is_some_and(|(gap, _)| gap > least);
    let mut text = String::new();
    let mut at = 0;
    for stretch in gaps.chunk_by(|a, b| is_apart(a) == is_apart(b)) {
        let within = APART + usual(stretch, MIN_APART);
        for (gap, sign) in stretch.iter().zip(&signs[at..]) {
            if is_apart(gap) && gap.is_some_and(|(gap, _)| gap > within) {
                text.push(' ');
            }
            text.extend(sign.text.chars().flat_map(letters));
        }
        at += stretch.len();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Collects the lines of one page.
#[derive(Default)]
pub(super) struct Lines {
    done: Vec<Line>,
    line: Option<(Line, Vec<Sign>)>,
    height: f64,
    /// Characters that may still come.
    pub left: usize,
}

impl Lines {
    /// For at most so many characters.
    pub fn with_room(left: usize) -> Lines {
        Lines { left, ..Lines::default() }
    }

    pub fn finish(mut self) -> Vec<Line> {
        self.end();
        self.done
    }

    /// Ends the line that is being read.
    fn end(&mut self) {
        let Some((mut line, signs)) = self.line.take() else { return };
        line.text = text_of(&signs);
        if !line.text.is_empty() {
            self.done.push(line);
        }
    }
}

impl OutputDev for Lines {
    fn begin_page(
        &mut self,
        _number: u32,
        page: &MediaBox,
        _art: Option<(f64, f64, f64, f64)>,
    ) -> Result<(), OutputError> {
        self.height = page.ury - page.lly;
        Ok(())
    }

    fn output_character(
        &mut self,
        place: &Transform,
        width: f64,
        spacing: f64,
        font_size: f64,
        text: &str,
    ) -> Result<(), OutputError> {
        self.left = self.left.saturating_sub(text.chars().count());
        if self.left == 0 {
            return Err(OutputError::FormatError(std::fmt::Error));
        }
        let (x, y) = (place.m31, self.height - place.m32);
        let size = (font_size * (place.m11 * place.m22 - place.m12 * place.m21).abs().sqrt()).abs();
        if ![x, y, size].iter().all(|number| number.is_finite()) {
            return Ok(());
        }
        let is_new = self.line.as_ref().is_none_or(|(line, _)| {
            let half = 0.5 * size.max(line.size);
            (y - line.y).abs() > half
                || x < line.left - half
                || (x < line.right - 2.0 * size.max(1.0) && !text.trim().is_empty())
        });
        if is_new {
            self.end();
            let height = self.height;
            self.line = Some((Line { text: String::new(), left: x, right: x, y, size, height }, Vec::new()));
        }
        let Some((line, signs)) = &mut self.line else { return Ok(()) };
        // Letters may be set narrower or wider than they are high.
        let across = place.m11.hypot(place.m12);
        let right = x + width * font_size.abs() * across;
        if !text.trim().is_empty() {
            line.size = line.size.max(size);
        }
        line.right = line.right.max(right);
        let right = right + spacing * across;
        signs.push(Sign { text: text.to_owned(), left: x, right, size });
        Ok(())
    }

    fn end_page(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn begin_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_word(&mut self) -> Result<(), OutputError> {
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), OutputError> {
        Ok(())
    }
}

/// The letters that a sign stands for: ligatures are a matter of the font, not of the text.
fn letters(c: char) -> impl Iterator<Item = char> {
    let several = match c {
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' | 'ﬆ' => "st",
        // What is drawn is seen: some fonts have one sign for both.
        '\u{ad}' => "-",
        _ => "",
    };
    several.chars().chain(several.is_empty().then_some(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ligatures_become_the_letters_they_stand_for() {
        let mut lines = Lines::with_room(100);
        let place = |x: f64| Transform::row_major(1.0, 0.0, 0.0, 1.0, x, -70.0);
        for (number, drawn) in
            ["o", "ﬀ", "i", "ce ﬁ", "ﬂ", "ﬃ", "ﬄ", "ﬅ", "ﬆ", "é", "\u{ad}"].into_iter().enumerate()
        {
            lines.output_character(&place(number as f64), 0.1, 0.0, 10.0, drawn).expect("there is room");
        }
        assert_eq!(lines.finish()[0].text, "office fiflffifflststé-");
    }

    /// The text of signs half as wide as they are high, each with the gap before it; `_` is a space that is drawn.
    fn spaced(signs: &[(char, f64)]) -> String {
        let mut right = 0.0;
        let sign = |&(letter, gap): &(char, f64)| {
            let left = right + gap * 10.0;
            right = left + 5.0;
            Sign { text: letter.to_string().replace('_', " "), left, right, size: 10.0 }
        };
        text_of(&signs.iter().map(sign).collect::<Vec<_>>())
    }

    /// Letters of a text so far apart, and its words, without a drawn space.
    fn apart(text: &str, letter: f64, word: f64) -> Vec<(char, f64)> {
        let mut gap = 0.0;
        let mut signs = Vec::new();
        for c in text.chars() {
            if c == ' ' {
                gap = word;
            } else {
                signs.push((c, std::mem::replace(&mut gap, letter)));
            }
        }
        signs
    }

    #[test]
    fn letters_that_stand_apart_are_one_word() {
        let said = "the training of the flow";
        for (letter, word) in [(0.0, 0.2), (-0.03, 0.17), (0.13, 0.4), (0.2, 0.45), (0.5, 0.9)] {
            assert_eq!(spaced(&apart(said, letter, word)), said, "{letter} {word}");
        }
        // Kerning within a word, beyond what it is in others.
        let mut kerned = apart(said, 0.1, 0.4);
        kerned[5].1 = 0.16;
        assert_eq!(spaced(&kerned), said);
        // One word set apart among others, with and without drawn spaces.
        let mut word = apart("it is", 0.0, 0.33);
        word.extend(apart("training", 0.2, 0.0));
        word[4].1 = 0.35;
        word.push(('o', 0.35));
        word.extend(apart("f the flow", 0.0, 0.33));
        assert_eq!(spaced(&word), "it is training of the flow");
        let drawn = |text: &str, letter| text.chars().map(|c| (c, letter)).collect::<Vec<_>>();
        let mut word = drawn("it_is_", 0.0);
        word.extend(drawn("training", 0.2));
        word.extend(drawn("_of_it", 0.0));
        assert_eq!(spaced(&word), "it is training of it");
        assert_eq!(spaced(&drawn("CHAPTER_ONE", 0.4)), "CHAPTER ONE");
        // Columns stand far apart also where spaces are drawn.
        let mut columns = drawn("of_it", 0.0);
        columns.push(('7', 2.0));
        assert_eq!(spaced(&columns), "of it 7");
        assert_eq!(spaced(&apart("a b", 0.0, 0.25)), "a b", "too few to be a word that is set apart");
    }

    #[test]
    fn letters_set_narrow_keep_their_words_apart() {
        let mut lines = Lines::with_room(100);
        for (letter, x) in [("i", 0.0), ("t", 2.5), ("i", 6.4), ("s", 8.9)] {
            let place = Transform::row_major(0.5, 0.0, 0.0, 1.0, x, -70.0);
            lines.output_character(&place, 0.5, 0.0, 10.0, letter).expect("there is room");
        }
        assert_eq!(lines.finish()[0].text, "it is");
    }
}
