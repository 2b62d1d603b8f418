//! Lines in their places as Markdown: margins, columns, headings and paragraphs.

use std::collections::HashMap;

use super::letters::Line;

/// A line with its numbers alike: `page 0`.
fn margin_shape(line: &Line) -> String {
    let mut shape: String = line.text.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect();
    while shape.contains("00") {
        shape = shape.replace("00", "0");
    }
    shape
}

/// The margin in which a line stands: the top or the bottom tenth of the page.
fn margin(line: &Line) -> Option<Margin> {
    const SHARE: f64 = 0.1;
    match line.y / line.height {
        part if part < SHARE => Some(Margin::Top),
        part if part > 1.0 - SHARE => Some(Margin::Bottom),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Margin {
    Top,
    Bottom,
}

/// Takes out what stands in the margins: numbers of pages, running heads, and lines that most pages begin or end with.
fn drop_margins(pages: &mut [Vec<Line>]) {
    const MIN_PAGES: usize = 3;
    /// A running head is set smaller than the text, or stands on two pages.
    const SMALLER: f64 = 0.95;
    let body = body_size(pages);
    let is_number = |line: &Line| {
        let shape = margin_shape(line).to_lowercase();
        let shape = ["page ", "seite ", "p. ", "s. "]
            .iter()
            .find_map(|word| shape.strip_prefix(word))
            .unwrap_or(&shape);
        matches!(
            shape.trim_matches([' ', '-', '–', '—', '[', ']', '/', '.', '|']),
            "0" | "0 / 0" | "0/0" | "0 of 0" | "0 von 0"
        )
    };
    // The first and the last line as they stand on the page, which need not be the order in which they are drawn.
    let edges = |page: &[Line]| -> Vec<(usize, Margin)> {
        let by_y = |a: &usize, b: &usize| page[*a].y.total_cmp(&page[*b].y);
        let first = (0..page.len()).min_by(by_y).map(|line| (line, Margin::Top));
        let last = (0..page.len()).max_by(by_y).map(|line| (line, Margin::Bottom));
        first.into_iter().chain(last).collect()
    };
    let (mut at_edge, mut in_margin) = (HashMap::new(), HashMap::new());
    for page in pages.iter() {
        for (line, edge) in edges(page) {
            *at_edge.entry((edge, margin_shape(&page[line]))).or_insert(0usize) += 1;
        }
        for (line, margin) in page.iter().filter_map(|line| Some((line, margin(line)?))) {
            *in_margin.entry((margin, margin_shape(line))).or_insert(0usize) += 1;
        }
    }
    let filled = pages.iter().filter(|page| !page.is_empty()).count();
    for page in pages.iter_mut() {
        let edges = edges(page);
        let is_numbered = page.iter().any(|line| is_number(line) && margin(line).is_some());
        let is_dropped = |index: usize, line: &Line| {
            let edge = edges.iter().find(|(at, _)| *at == index).map(|(_, edge)| *edge);
            let recurs = edge.is_some_and(|edge| {
                let count = at_edge[&(edge, margin_shape(line))];
                (is_number(line) && filled > 1) || (count >= MIN_PAGES && 2 * count >= filled)
            });
            let is_head = margin(line).is_some_and(|margin| {
                let is_small = line.size < SMALLER * body;
                is_number(line)
                    || in_margin[&(margin, margin_shape(line))] > 1
                    || (is_small && is_numbered && margin == Margin::Top)
            });
            recurs || is_head
        };
        let dropped: Vec<bool> =
            page.iter().enumerate().map(|(index, line)| is_dropped(index, line)).collect();
        // A page is never all margin.
        if dropped.contains(&false) {
            let mut dropped = dropped.into_iter();
            page.retain(|_| dropped.next() == Some(false));
        }
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

/// The size in which most characters are set.
fn body_size(pages: &[Vec<Line>]) -> f64 {
    let mut chars: HashMap<i64, usize> = HashMap::new();
    for line in pages.iter().flatten() {
        *chars.entry((line.size * 2.0).round() as i64).or_default() += line.text.chars().count();
    }
    let most = chars.into_iter().max_by_key(|(size, count)| (*count, *size));
    most.map_or(0.0, |(size, _)| size as f64 / 2.0)
}

pub(super) fn markdown(mut pages: Vec<Vec<Line>>) -> String {
    /// A line this much larger than the others is a heading.
    const HEADING: f64 = 1.15;
    const HEADING_CHARS: usize = 120;
    drop_margins(&mut pages);
    let body = body_size(&pages);
    let is_heading = |line: &Line| line.size >= HEADING * body && line.text.chars().count() <= HEADING_CHARS;
    let mut sizes: Vec<i64> =
        pages.iter().flatten().filter(|line| is_heading(line)).map(|line| line.size.round() as i64).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    let level = |line: &Line| {
        let size = line.size.round() as i64;
        is_heading(line).then(|| (1 + sizes.iter().take_while(|other| **other > size).count()).min(6))
    };
    let mut out = String::new();
    let mut before: Option<(&Line, Option<usize>)> = None;
    for page in &pages {
        let columns = columns(page);
        let layout = |line: &Line| &columns[usize::from(columns.len() > 1 && line.left > columns[0].right)];
        for (index, line) in page.iter().enumerate() {
            let level = level(line);
            match before {
                None => {}
                Some((_, last)) if last.is_some() || level.is_some() => {
                    // A heading of two lines is one.
                    let goes_on = last == level && index > 0 && line.y - page[index - 1].y < 2.0 * line.size;
                    out.push_str(if goes_on { " " } else { "\n\n" });
                    if goes_on {
                        out.push_str(&line.text);
                        before = Some((line, level));
                        continue;
                    }
                }
                Some((last, _)) => join(&mut out, last, line, layout(last), index == 0),
            }
            if let Some(level) = level {
                out.push_str(&"#".repeat(level));
                out.push(' ');
            }
            out.push_str(&line.text);
            before = Some((line, level));
        }
    }
    out
}

/// The layout of a page, or of its two columns.
fn columns(page: &[Line]) -> Vec<Layout> {
    /// Fewer lines are no column.
    const MIN_LINES: usize = 8;
    let layout = |lines: &[&Line]| {
        let gaps = lines.windows(2).map(|pair| pair[1].y - pair[0].y).filter(|gap| *gap > 0.0).collect();
        Layout {
            gap: median(gaps),
            left: median(lines.iter().map(|line| line.left).collect()),
            right: lines.iter().map(|line| line.right).fold(0.0, f64::max),
        }
    };
    let left = page.iter().map(|line| line.left).fold(f64::INFINITY, f64::min);
    let right = page.iter().map(|line| line.right).fold(0.0, f64::max);
    let middle = (left + right) / 2.0;
    let (mut first, mut second, mut across) = (Vec::new(), Vec::new(), 0);
    for line in page {
        match (line.right <= middle, line.left >= middle) {
            (true, _) => first.push(line),
            (_, true) => second.push(line),
            _ => across += 1,
        }
    }
    // A title and the names below it go across.
    if first.len().min(second.len()) >= MIN_LINES && 4 * across < page.len() {
        vec![layout(&first), layout(&second)]
    } else {
        vec![layout(&page.iter().collect::<Vec<_>>())]
    }
}

struct Layout {
    /// From one line to the next.
    gap: f64,
    left: f64,
    right: f64,
}

/// Writes what stands between two lines: nothing where a word goes on, a space in a paragraph, a line end, a blank line.
fn join(out: &mut String, last: &Line, line: &Line, page: &Layout, is_new_page: bool) {
    let is_full = last.right - page.left >= 0.75 * (page.right - page.left);
    let begins_small = line.text.starts_with(char::is_lowercase);
    let is_indented =
        line.y > last.y && line.left > page.left + line.size && last.left < line.left - 0.5 * line.size;
    let is_apart = line.y - last.y > 1.4 * page.gap || line.y < last.y;
    let ends = last.text.ends_with(['.', '!', '?', '…', ':', '”', '"', '»', ')']);
    let is_paragraph = match is_new_page {
        true => (ends || !is_full) && !(begins_small && (is_full || !ends)),
        false => (is_apart && !(line.y < last.y && begins_small)) || is_indented || (ends && !is_full),
    };
    let is_parted = last.text.ends_with(['-', '‐'])
        && begins_small
        && last.text.chars().rev().nth(1).is_some_and(char::is_alphabetic);
    if is_paragraph {
        out.push_str("\n\n");
    } else if is_parted {
        out.pop();
    } else if is_full || is_new_page {
        out.push(' ');
    } else {
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, y: f64, right: f64, size: f64) -> Line {
        Line { text: text.to_owned(), left: 50.0, right, y, size, height: 842.0 }
    }

    #[test]
    fn lines_become_paragraphs_and_larger_ones_headings() {
        let page = vec![
            line("Weirs", 40.0, 120.0, 18.0),
            line(
                "The water falls over the old wall all day, and at night one hears it from the ho-",
                70.0,
                450.0,
                10.0,
            ),
            line(
                "use on the hill. Nobody knows who built it, or why it was built so high above the",
                82.0,
                448.0,
                10.0,
            ),
            line("river.", 94.0, 80.0, 10.0),
            line(
                "The mill is loud. It stands below the wall, and its wheel is never still in spring",
                106.0,
                449.0,
                10.0,
            ),
            line("or autumn.", 118.0, 100.0, 10.0),
        ];
        let next = vec![
            line("7", 20.0, 55.0, 10.0),
            line("roses are red", 60.0, 120.0, 10.0),
            line("violets are blue", 72.0, 130.0, 10.0),
            line(
                "and so is the river from morning to night when the sky above it is without a cloud",
                84.0,
                450.0,
                10.0,
            ),
        ];
        let expected = "# Weirs\n\nThe water falls over the old wall all day, and at night one hears it from the house on the hill. Nobody knows who built it, or why it was built so high above the river.\n\nThe mill is loud. It stands below the wall, and its wheel is never still in spring or autumn.\n\nroses are red\nviolets are blue\nand so is the river from morning to night when the sky above it is without a cloud";
        assert_eq!(markdown(vec![page, next]), expected);
    }

    #[test]
    fn words_go_on_from_line_to_line_in_two_columns() {
        let of = |left: f64, text: &str, y: f64| Line { left, ..line(text, y, left + 190.0, 10.0) };
        let column = |left: f64| {
            (0..10).map(move |row| {
                let text = if row % 2 == 0 {
                    "the water falls over the old wei-"
                } else {
                    "rs all day and night and in"
                };
                of(left, text, 100.0 + 12.0 * f64::from(row))
            })
        };
        let found = markdown(vec![column(50.0).chain(column(260.0)).collect()]);
        assert_eq!(found.matches("old weirs all day and night and in the").count(), 9, "{found}");
        assert!(!found.contains('\n'), "{found}");
    }

    #[test]
    fn lines_that_stand_on_most_pages_are_left_out() {
        let page = |number: usize| {
            vec![
                line("Of weirs", 20.0, 90.0, 10.0),
                line(&format!("Text {} of it.", ["one", "two", "three", "four"][number]), 60.0, 450.0, 10.0),
                line(&format!("page {}", 9 + number), 800.0, 90.0, 10.0),
            ]
        };
        let found = markdown((0..4).map(page).collect());
        assert_eq!(
            found.split_whitespace().collect::<Vec<_>>().join(" "),
            "Text one of it. Text two of it. Text three of it. Text four of it."
        );
    }

    #[test]
    fn running_heads_and_numbers_go_from_the_first_page_on() {
        let head = |page: usize| {
            vec![
                // Margins are often drawn first.
                line("Mill Review 12 (1998)", 35.0, 150.0, 8.0),
                line(&format!("{page}"), 810.0, 55.0, 8.0),
            ]
        };
        let text = [
            vec![line("Weirs", 90.0, 120.0, 15.0), line("The water falls over the wall", 120.0, 450.0, 11.0)],
            vec![line("all day and all night.", 90.0, 200.0, 11.0)],
        ];
        let pages = |count: usize| {
            (0..count).map(|page| head(page + 1).into_iter().chain(text[page].clone()).collect()).collect()
        };
        assert_eq!(markdown(pages(2)), "# Weirs\n\nThe water falls over the wall all day and all night.");
        assert_eq!(
            markdown(pages(1)),
            "# Weirs\n\nThe water falls over the wall",
            "one page has margins too"
        );
        let letter = vec![line("Mill, 3 May", 35.0, 150.0, 11.0), line("They lean.", 90.0, 150.0, 11.0)];
        assert!(
            markdown(vec![letter]).starts_with("Mill, 3 May"),
            "a page without a number may begin high up"
        );
    }
}
