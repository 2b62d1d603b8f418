//! WCAG AA over the colours of the pages, in both schemes: 4.5 for text, 3 for what bounds a control or shows focus.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Colours = BTreeMap<String, [f64; 3]>;

fn css(name: &str) -> String {
    fs_err::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name))
        .expect("a style sheet")
}

/// The light and the dark colours of the room.
fn schemes() -> [Colours; 2] {
    let text = css("web/room.css");
    let roots: Vec<&str> =
        text.split(":root {").skip(1).map(|part| part.split('}').next().unwrap_or("")).collect();
    let colours = |root: &str| -> Colours {
        let pairs = root.split(';').filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
        pairs.map(|(name, hex)| (name.to_owned(), channels(hex))).collect()
    };
    let [light, dark] = [colours(roots[0]), colours(roots[1])];
    assert_eq!(
        light.keys().collect::<Vec<_>>(),
        dark.keys().collect::<Vec<_>>(),
        "both schemes have every colour"
    );
    [light, dark]
}

/// Linear red, green and blue of `1e1c19`.
fn channels(hex: &str) -> [f64; 3] {
    let hex = hex.trim();
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")) / 255.0)
}

/// WCAG 2.2, relative luminance of sRGB.
fn luminance(colour: [f64; 3]) -> f64 {
    let linear = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// Grounds that running text stands on.
const GROUNDS: [&str; 5] = ["paper", "wash", "note-wash", "warning-wash", "error-wash"];
/// Text, the grounds it is on, and the least contrast.
const PAIRS: [(&str, &[&str], f64); 11] = [
    ("ink", &GROUNDS, 4.5),
    ("soft", &GROUNDS, 4.5),
    ("good", &["paper"], 4.5),
    ("error", &["paper"], 4.5),
    ("warning", &["paper"], 4.5),
    ("note", &["paper"], 4.5),
    ("on-accent", &["accent"], 4.5),
    // Turned around: pressed buttons, the line that says what happened.
    ("paper", &["ink"], 4.5),
    // What is no text: edges of controls, focus, the chosen answer, marks under flagged words.
    ("rule", &["paper", "wash"], 3.0),
    ("accent", &["paper", "wash"], 3.0),
    ("note", &["note-wash"], 3.0),
];

#[test]
fn colours_of_the_pages_keep_wcag_aa_in_both_schemes() {
    assert!((contrast(channels("000000"), channels("ffffff")) - 21.0).abs() < 1e-9);
    assert!((contrast(channels("777777"), channels("ffffff")) - 4.478).abs() < 1e-3, "W3C's own example");
    let mut least = f64::INFINITY;
    for (scheme, colours) in ["light", "dark"].iter().zip(schemes()) {
        for (text, grounds, bound) in PAIRS {
            for ground in grounds {
                let found = contrast(colours[text], colours[*ground]);
                assert!(found >= bound, "{scheme}: {text} on {ground} has {found:.2}, needs {bound}");
                least = if bound == 4.5 { least.min(found) } else { least };
            }
        }
    }
    println!("least contrast of text: {least:.2}");
}

#[test]
fn every_colour_that_a_style_sheet_uses_for_text_is_measured() {
    let measured: BTreeSet<&str> = PAIRS.iter().filter(|pair| pair.2 == 4.5).map(|pair| pair.0).collect();
    let grounds: BTreeSet<&str> = PAIRS.iter().flat_map(|pair| pair.1).copied().collect();
    for sheet in [
        "web/room.css",
        "desk/page/desk.css",
        "human_votes/page/vote.css",
        "studio/page/studio.css",
        "studio/page/strip.css",
    ] {
        let text = css(sheet);
        for rule in text.split('}').filter_map(|rule| rule.split_once('{')).map(|(_, body)| body) {
            for (name, value) in rule.split(';').filter_map(|line| line.trim().split_once(':')) {
                let Some(colour) =
                    value.trim().strip_prefix("var(--").and_then(|value| value.strip_suffix(')'))
                else {
                    // A colour is a variable of the room, so that both schemes have it.
                    let is_plain = ["inherit", "none", "transparent", "currentColor"].contains(&value.trim());
                    let is_shade = value.contains("rgb(0 0 0 /") || value.contains("url(");
                    assert!(
                        !["color", "background"].contains(&name) || is_plain || is_shade,
                        "{sheet}: {name}: {value}"
                    );
                    continue;
                };
                match name {
                    "color" => {
                        assert!(measured.contains(colour), "{sheet}: text in {colour} is not measured")
                    }
                    // The bar of a progress is no ground for text.
                    "background" => assert!(
                        grounds.contains(colour) || ["accent", "rule", "hair"].contains(&colour),
                        "{sheet}: text on {colour} is not measured"
                    ),
                    _ => {}
                }
            }
        }
    }
}
