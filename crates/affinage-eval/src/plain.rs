//! How numbers, lists and times are written: in sentences, on the page, in a terminal, in logs and error messages.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 message`, `1,200 messages`.
pub fn counted(n: usize, one: &str, several: &str) -> String {
    format!("{} {}", count(n as u64), if n == 1 { one } else { several })
}

/// The first `most` of `items` and how many more there are: `a, b, and 3 more`.
pub fn listed(items: &[String], most: usize, separator: &str) -> String {
    let mut shown: Vec<String> = items.iter().take(most).cloned().collect();
    if items.len() > most {
        shown.push(format!("and {} more", count((items.len() - most) as u64)));
    }
    shown.join(separator)
}

/// `1_500_000` as `1.5 MB`: decimal units, three digits.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = if unit == "B" || value >= 99.95 { 0 } else { 1 };
            return format!("{value:.digits$} {unit}");
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

/// `83 s` as `1m 23s`; below ten seconds with a decimal.
pub fn duration(d: Duration) -> String {
    let seconds = d.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1}s");
    }
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m {s:02}s"),
        (h, m, _) => format!("{h}h {m:02}m"),
    }
}

/// The beginning of a text on one line, whole words of about `chars` characters.
pub fn first_words(text: &str, chars: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + word.chars().count() > chars {
            return line + " …";
        }
        line = if line.is_empty() { cut(word, chars) } else { line + " " + word };
    }
    line
}

/// A word of at most `chars` characters.
fn cut(word: &str, chars: usize) -> String {
    match word.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &word[..end]),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(0), bytes(999), bytes(1500), bytes(999_960), bytes(138_000_000), bytes(5_000_000_000_000)],
            ["0 B", "999 B", "1.5 kB", "1.0 MB", "138 MB", "5.0 TB"]
        );
    }

    #[test]
    fn durations_have_two_units() {
        let shown = [0.04, 9.949, 9.96, 59.7, 83.0, 3725.0].map(|s| duration(Duration::from_secs_f64(s)));
        assert_eq!(shown, ["0.0s", "9.9s", "10s", "1m 00s", "1m 23s", "1h 02m"]);
    }
}
