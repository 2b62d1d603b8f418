//! What stands between `---` lines (YAML) or `+++` lines (TOML) at the head of a text, as fields with their values.

/// The front matter of a text with its fences, and the rest. What only stands between two rules is no front matter.
pub(in crate::import) fn split(text: &str) -> (&str, &str) {
    let mut lines = text.split_inclusive('\n');
    let Some(fence) = lines.next().map(str::trim_end).filter(|line| ["---", "+++"].contains(line)) else {
        return ("", text);
    };
    let is_field = |line: &str| match fence {
        "---" => key_and_value(line, ':').is_some(),
        _ => key_and_value(line, '=').is_some() || line.starts_with('['),
    };
    let mut end = text.len() - lines.clone().map(str::len).sum::<usize>();
    let mut is_first = true;
    for line in lines {
        end += line.len();
        let bare = line.trim_end();
        if bare == fence || (fence == "---" && bare == "...") {
            // A rule that closes what no field began.
            return if is_first { ("", text) } else { text.split_at(end) };
        }
        if is_first && !bare.starts_with('#') {
            if !is_field(bare) {
                return ("", text);
            }
            is_first = false;
        }
    }
    ("", text)
}

/// The fields of a front matter by their paths in lower case, `author.name`; each item of a list is a value.
#[derive(Debug, Default)]
pub(super) struct FrontMatter(Vec<(String, String)>);

impl FrontMatter {
    pub(super) fn of(text: &str) -> FrontMatter {
        let mut fields = FrontMatter::default();
        let text = text.trim_start_matches('\u{feff}');
        match text.starts_with("+++") {
            true => fields.read_toml(text),
            false => fields.read_yaml(text),
        }
        fields
    }

    /// Values of the fields of these names, or of their `name` where they are groups of fields.
    pub(super) fn values<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let is = |path: &str| names.contains(&path.strip_suffix(".name").unwrap_or(path));
        self.0.iter().filter(move |(path, _)| is(path)).map(|(_, value)| value.as_str())
    }

    /// Values of the fields of these names, however deep they stand.
    pub(super) fn values_at_any_depth<'a>(&'a self, names: &'a [&str]) -> impl Iterator<Item = &'a str> {
        let is = |path: &str| names.contains(&path.rsplit('.').next().unwrap_or(path));
        self.0.iter().filter(move |(path, _)| is(path)).map(|(_, value)| value.as_str())
    }

    fn read_toml(&mut self, text: &str) {
        let mut table = String::new();
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "+++");
        while let Some(line) = lines.next() {
            if let Some((key, value)) = key_and_value(line, '=') {
                let value = whole(value, &mut lines);
                self.add(&below(&table, &key), &value);
            } else if line.starts_with('[') {
                table = without_comment(line).trim_matches(['[', ']', ' ']).to_lowercase();
            }
        }
    }

    fn read_yaml(&mut self, text: &str) {
        // The keys above a line, with their indents.
        let mut above: Vec<(usize, String)> = Vec::new();
        // The indent of a key whose value is the lines below it (`|` or `>`).
        let mut block: Option<usize> = None;
        let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
        while let Some(line) = lines.next() {
            let mut content = line.trim_start();
            let mut indent = line.len() - content.len();
            if block.is_some_and(|key| indent > key) {
                self.go_on(content);
                continue;
            }
            block = None;
            if content.starts_with('#') || ["---", "..."].contains(&line) {
                continue;
            }
            let mut is_item = false;
            while let Some(item) = content.strip_prefix('-').filter(|item| item.starts_with([' ', '\t'])) {
                above.truncate(above.iter().take_while(|(at, _)| *at <= indent).count());
                indent += content.len() - item.trim_start().len();
                content = item.trim_start();
                is_item = true;
            }
            let path =
                |above: &[(usize, String)]| above.last().map_or(String::new(), |(_, path)| path.clone());
            match key_and_value(content, ':') {
                Some((key, value)) => {
                    above.truncate(above.iter().take_while(|(at, _)| *at < indent).count());
                    let path = below(&path(&above), &key);
                    above.push((indent, path.clone()));
                    if value.starts_with(['|', '>']) && value.len() <= 3 {
                        block = Some(indent);
                        self.0.push((path, String::new()));
                    } else {
                        let value = whole(value, &mut lines);
                        self.add(&path, &value);
                    }
                }
                None if is_item => self.add(&path(&above), &whole(content, &mut lines)),
                // A long value goes on.
                None if indent > 0 => self.go_on(content),
                None => {}
            }
        }
    }

    /// Adds a value, or each of a list's or group's.
    fn add(&mut self, path: &str, value: &str) {
        let value = without_comment(value).trim();
        let inside = |open: char, close: char| value.strip_prefix(open).and_then(|v| v.strip_suffix(close));
        if let Some(list) = inside('[', ']') {
            parts(list).for_each(|item| self.add(path, item));
        } else if let Some(group) = inside('{', '}') {
            for field in parts(group) {
                let found = key_and_value(field, ':').or_else(|| key_and_value(field, '='));
                found.into_iter().for_each(|(key, value)| self.add(&below(path, &key), value));
            }
        } else {
            let value = unquoted(value);
            if !["", "~", "null"].contains(&value.as_str()) {
                self.0.push((path.to_owned(), value));
            }
        }
    }

    /// Adds words to the value before.
    fn go_on(&mut self, words: &str) {
        if let Some((_, value)) = self.0.last_mut() {
            *value = format!("{value} {words}").trim().to_owned();
        }
    }
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The key of a line in lower case, and what stands behind the sign after it.
fn key_and_value(line: &str, sign: char) -> Option<(String, &str)> {
    let line = line.trim();
    let quote = line.chars().next().filter(|c| matches!(c, '"' | '\''));
    let (key, rest) = match quote {
        Some(quote) => line[1..].split_once(quote).map(|(key, rest)| (key, rest.trim_start()))?,
        None => line.split_at(line.find(sign)?),
    };
    let value = rest.strip_prefix(sign)?;
    // `https://` holds no key, and a key is no sentence.
    let is_key = !key.trim().is_empty()
        && key.chars().count() <= 60
        && !key.contains(['[', '{', '"', ',', '#'])
        && (sign == '=' || value.is_empty() || value.starts_with([' ', '\t']));
    is_key.then(|| (key.trim().to_lowercase(), value.trim()))
}

/// A value with the lines on which its list or group goes on.
fn whole<'a>(value: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let mut value = without_comment(value).to_owned();
    while value.starts_with(['[', '{']) && depth(&value) > 0 {
        match lines.next().filter(|line| !["---", "+++", "..."].contains(line)) {
            Some(line) => value = format!("{value} {}", without_comment(line).trim()),
            None => break,
        }
    }
    value
}

/// The characters of a value with their places; true for those that stand in quotes.
fn with_quotes(value: &str) -> impl Iterator<Item = (usize, char, bool)> + '_ {
    let mut quote = None;
    let mut before = ' ';
    value.char_indices().map(move |(at, c)| {
        let begins = matches!(before, ' ' | '[' | '{' | ',' | ':' | '=');
        let is_quote = matches!(c, '"' | '\'');
        let was_inside = quote.is_some();
        if quote == Some(c) && before != '\\' {
            quote = None;
        } else if quote.is_none() && is_quote && begins {
            quote = Some(c);
        }
        before = c;
        (at, c, was_inside || quote.is_some())
    })
}

/// How many lists and groups are open at the end of a value.
fn depth(value: &str) -> i64 {
    let bare = with_quotes(value).filter(|(_, _, is_quoted)| !is_quoted);
    bare.map(|(_, c, _)| match c {
        '[' | '{' => 1,
        ']' | '}' => -1,
        _ => 0,
    })
    .sum()
}

/// The parts of a list, which commas part outside of quotes and inner lists.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    let (mut open, mut from, mut parts) = (0, 0, Vec::new());
    for (at, c, _) in with_quotes(list).filter(|(_, _, is_quoted)| !is_quoted) {
        match c {
            '[' | '{' => open += 1,
            ']' | '}' => open -= 1,
            ',' if open == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[from..]);
    parts.into_iter().map(str::trim)
}

/// A value without the comment behind it. `#private` is a tag: a comment's sign has a space on both sides.
fn without_comment(value: &str) -> &str {
    let is_alone = |at: usize| {
        (at == 0 || value[..at].ends_with([' ', '\t']))
            && value[at + 1..].chars().next().is_none_or(|c| c == ' ')
    };
    let comment = with_quotes(value).find(|(at, c, is_quoted)| *c == '#' && !is_quoted && is_alone(*at));
    comment.map_or(value, |(at, ..)| value[..at].trim_end())
}

/// A value without its quotes.
fn unquoted(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    match (inside('"'), inside('\'')) {
        (Some(words), _) => words.replace("\\\"", "\""),
        (None, Some(words)) => words.replace("''", "'"),
        (None, None) => value.to_owned(),
    }
    .trim()
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> String {
        let FrontMatter(fields) = FrontMatter::of(text);
        let fields: Vec<String> = fields.iter().map(|(path, value)| format!("{path}={value}")).collect();
        fields.join(" | ")
    }

    #[test]
    fn front_matter_is_parted_from_the_text_and_from_rules() {
        let cases = [
            ("---\ntitle: A weir\n---\nIt leans.\n", "---\ntitle: A weir\n---\n"),
            ("---  \n# of the mill\n\ntags:\n- a\n...\nIt leans.\n", ""),
            ("---\n# of the mill\ntags:\n- a\n...\nIt leans.\n", "---\n# of the mill\ntags:\n- a\n...\n"),
            ("+++\ntitle = \"A weir\"\n+++\nIt leans.\n", "+++\ntitle = \"A weir\"\n+++\n"),
            ("---\ntitle: A weir\n---", "---\ntitle: A weir\n---"),
            ("---\nIt leans, and nobody mends it.\n---\nMore.\n", ""),
            ("---\n\nIt leans: so be it.\n---\nMore.\n", ""),
            ("---\n---\nIt leans.\n---\n", ""),
            ("---\ntitle: never closed\n\nIt leans.\n", ""),
            ("It leans.\n---\na: b\n---\n", ""),
        ];
        for (text, expected) in cases {
            let (head, rest) = split(text);
            assert_eq!(head, expected, "{text}");
            assert_eq!(format!("{head}{rest}"), text);
        }
    }

    #[test]
    fn lists_groups_quotes_and_comments_are_read() {
        let cases = [
            ("---\nAuthor: [Ida Feld, \"Mill, Otto\"] # both\n---\n", "author=Ida Feld | author=Mill, Otto"),
            ("---\ntags:\n- daily\n- '#private'\n---\n", "tags=daily | tags=#private"),
            ("---\ntags:\n    - daily # each day\n    - \"private\"\n---\n", "tags=daily | tags=private"),
            (
                "---\r\nauthor:\r\n  name: Ida Feld\r\n  url: https://a.test/x\r\ntitle: Weirs\r\n---\r\n",
                "author.name=Ida Feld | author.url=https://a.test/x | title=Weirs",
            ),
            (
                "---\nauthors:\n  - name: Ida Feld\n    of: Hull\n  - name: Otto Mill\nx: 1\n---\n",
                "authors.name=Ida Feld | authors.of=Hull | authors.name=Otto Mill | x=1",
            ),
            (
                "\u{feff}---\nauthor: {name: Ida Feld, of: 'the mill, Hull'}\n---\n",
                "author.name=Ida Feld | author.of=the mill, Hull",
            ),
            (
                "---\ntags: [\n  daily,\n  private, # mine\n]\nx: 'it''s so'\n---\n",
                "tags=daily | tags=private | x=it's so",
            ),
            (
                "---\nsummary: >\n  It leans: so\n  be it.\ntitle: ~\nempty:\nby: Ida\n---\n",
                "summary=It leans: so be it. | by=Ida",
            ),
            (
                "+++\ntitle = 'A weir' # old\nauthors = [\n  \"Ida Feld\",\n  \"Otto Mill\",\n]\n[params]\nprivate = true\n+++\n",
                "title=A weir | authors=Ida Feld | authors=Otto Mill | params.private=true",
            ),
            (
                "---\nauthor: \"[[Otto Mill]]\"\nsource: https://a.test/weirs#old\n---\n",
                "author=[[Otto Mill]] | source=https://a.test/weirs#old",
            ),
            ("---\ntitle: O'Brien's weir, and \"more\"\n---\n", "title=O'Brien's weir, and \"more\""),
        ];
        for (text, expected) in cases {
            assert_eq!(fields(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_alone_is_sought_at_the_top_and_what_hides_a_text_anywhere() {
        let found = FrontMatter::of(
            "---\nseries:\n  title: Rivers\nsite:\n  private: true\nauthor:\n  name: Ida\n---\n",
        );
        assert_eq!(found.values(&["title"]).next(), None);
        assert_eq!(found.values(&["author"]).next(), Some("Ida"));
        assert_eq!(found.values(&["private"]).next(), None);
        assert_eq!(found.values_at_any_depth(&["private"]).next(), Some("true"));
    }
}
