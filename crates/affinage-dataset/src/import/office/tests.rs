use super::*;

type Read = fn(&mut Members<'_>, &mut LeftOut) -> Option<String>;

fn read(reader: Read, members: &[(&str, &str)]) -> Option<String> {
    counted(reader, members).0
}

/// The text, and the names and numbers of what is next to it.
fn counted(reader: Read, members: &[(&str, &str)]) -> (Option<String>, Vec<(String, usize)>) {
    let mut left_out = LeftOut::default();
    let text = reader(
        &mut |name| members.iter().find(|(member, _)| *member == name).map(|(_, text)| (*text).to_owned()),
        &mut left_out,
    );
    (text, left_out.rows().into_iter().map(|row| (row.name, row.count)).collect())
}

#[test]
fn what_stands_beside_the_text_is_counted() {
    let document = r#"<w:document><w:p><w:r><w:t>Seen.</w:t></w:r><w:r><w:rPr><w:vanish/></w:rPr><w:t>no</w:t></w:r><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t> Too.</w:t></w:r></w:p></w:document>"#;
    let members = [
        ("word/document.xml", document),
        ("word/comments.xml", "<w:comments><w:comment/><w:comment/></w:comments>"),
        (
            "word/footnotes.xml",
            r#"<w:footnotes><w:footnote w:type="separator"/><w:footnote w:id="2"/></w:footnotes>"#,
        ),
        ("word/header1.xml", "<w:hdr><w:t>Mills</w:t></w:hdr>"),
        ("word/footer1.xml", "<w:ftr><w:t>12</w:t></w:ftr>"),
    ];
    let (text, left_out) = counted(word, &members);
    assert_eq!(text.as_deref(), Some("Seen. Too."));
    let expected = [("comment", 2), ("footnote", 1), ("header", 1), ("hidden text", 1)];
    assert_eq!(left_out, expected.map(|(name, count)| (name.to_owned(), count)));
    let content = "<office:text><text:p>Seen.<text:note><text:p>no</text:p></text:note><office:annotation><text:p>no</text:p></office:annotation></text:p></office:text>";
    let (text, left_out) = counted(open_document, &[("content.xml", content)]);
    assert_eq!(text.as_deref(), Some("Seen."));
    assert_eq!(left_out, [("comment".to_owned(), 1), ("footnote".to_owned(), 1)]);
}

#[test]
fn frames_readings_and_raised_numbers() {
    let run = |words: &str| format!("<w:r><w:t>{words}</w:t></w:r>");
    let frame = format!(
        "<w:r><w:drawing><w:txbxContent><w:p>{}</w:p></w:txbxContent></w:drawing></w:r>",
        run("In a frame.")
    );
    let ruby = "<w:r><w:ruby><w:rt><w:r><w:t>ゆき</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>雪</w:t></w:r></w:rubyBase></w:ruby></w:r>";
    let square = r#"<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>2</w:t></w:r>"#;
    let document = format!(
        "<w:document><w:p>{}{frame}{}</w:p><w:p>{ruby}{}{square}</w:p></w:document>",
        run("Before."),
        run("Behind."),
        run(" 3 m")
    );
    let found = read(word, &[("word/document.xml", &document)]);
    assert_eq!(found.as_deref(), Some("Before.\n\nIn a frame.\n\nBehind.\n\n雪 3 m²"));
}

const STYLES: &str = r#"<w:styles><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style></w:styles>"#;

#[test]
fn a_word_document_is_its_visible_paragraphs() {
    let document = r#"<?xml version="1.0"?><w:document><w:body>
        <w:p><w:pPr><w:pStyle w:val="Titel"/></w:pPr><w:r><w:t>Weirs</w:t></w:r></w:p>
        <w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:t xml:space="preserve">They </w:t></w:r><w:del><w:r><w:delText>stand</w:delText></w:r></w:del><w:r><w:t>lean &amp; wait</w:t><w:tab/><w:t>&#8212;</w:t><w:br/><w:t>long.</w:t></w:r></w:p>
        <w:p><w:pPr><w:pStyle w:val="berschrift2"/></w:pPr><w:r><w:t>Kinds</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>old</w:t></w:r></w:p>
        <w:p><w:pPr><w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr></w:pPr><w:r><w:t>older</w:t></w:r></w:p>
        <w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p><w:r><w:t>c</w:t></w:r></w:p></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>
        <w:p><w:r><w:drawing><wp:inline/></w:drawing></w:r><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>
        </w:body></w:document>"#;
    let expected = "# Weirs\n\nThey lean & wait —\nlong.\n\n## Kinds\n\n- old\n  - older\n\n| a | b |\n| c |  |\n\n![picture](picture)";
    let members = [("word/styles.xml", STYLES), ("word/document.xml", document)];
    assert_eq!(read(word, &members).as_deref(), Some(expected));
    assert_eq!(read(word, &[("word/document.xml", "no xml")]), None);
    let broken = "<w:document><w:p><w:r><w:t>Kept.</w:t></w:r></w:p><w:p><w:r><w:t";
    assert_eq!(read(word, &[("word/document.xml", broken)]).as_deref(), Some("Kept."));
}

#[test]
fn an_open_document_is_its_visible_paragraphs() {
    let content = r#"<office:document-content><office:automatic-styles><style:x>no</style:x></office:automatic-styles><office:body><office:text>
        <text:h text:outline-level="2">Mills</text:h>
        <text:p>They<text:s text:c="2"/>are<text:note><text:note-body><text:p>no</text:p></text:note-body></text:note>
 loud.<text:line-break/>Very.<office:annotation><text:p>no</text:p></office:annotation></text:p><text:p/>
        <text:list><text:list-item><text:p>one</text:p></text:list-item><text:list-item><text:p>two</text:p></text:list-item></text:list>
        <table:table><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>
        </office:text></office:body></office:document-content>"#;
    let found = read(open_document, &[("content.xml", content)]);
    assert_eq!(found.as_deref(), Some("## Mills\n\nThey  are  loud.\nVery.\n\n- one\n- two\n\n| a | b |"));
}

#[test]
fn title_author_and_day_are_said_by_their_styles() {
    let expected = "---\nauthor: Ida Feld\nauthor: Otto Mill\ndate: 3 May 2020\n---\n\n# Weirs: and their walls\n\nOtto Mill\n\n3 May 2020\n\nThey lean.";
    let styles = r#"<w:styles><w:style w:styleId="a"><w:name w:val="Author"/></w:style></w:styles>"#;
    let paragraph = |style: &str, words: &str| {
        format!(r#"<w:p><w:pPr><w:pStyle w:val="{style}"/></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"#)
    };
    let parts = [
        ("Title", "Weirs"),
        ("Subtitle", "and their walls"),
        ("a", "Otto Mill"),
        ("Date", "3 May 2020"),
        ("Body", "They lean."),
    ];
    let document =
        format!("<w:document>{}</w:document>", parts.map(|(style, words)| paragraph(style, words)).concat());
    let core = "<cp:coreProperties><dc:creator>Ida Feld</dc:creator></cp:coreProperties>";
    let members =
        [("word/styles.xml", styles), ("word/document.xml", document.as_str()), ("docProps/core.xml", core)];
    assert_eq!(read(word, &members).as_deref(), Some(expected));

    let made = r#"<office:automatic-styles><style:style style:name="P1" style:parent-style-name="Author"><style:x/></style:style></office:automatic-styles>"#;
    let paragraph =
        |style: &str, words: &str| format!(r#"<text:p text:style-name="{style}">{words}</text:p>"#);
    let parts =
        parts.map(|(style, words)| paragraph(if style == "a" { "P1" } else { style }, words)).concat();
    let content = format!(
        "<office:document-content>{made}<office:text>{parts}</office:text></office:document-content>"
    );
    let meta = "<office:document-meta><meta:initial-creator>Ida Feld</meta:initial-creator><dc:creator>Ida Feld</dc:creator></office:document-meta>";
    assert_eq!(
        read(open_document, &[("content.xml", &content), ("meta.xml", meta)]).as_deref(),
        Some(expected)
    );
}

#[test]
fn entities_do_not_expand() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><d><w:p><w:r><w:t>&b;.</w:t></w:r></w:p></d>"#;
    assert_eq!(read(word, &[("word/document.xml", bomb)]).as_deref(), Some("."));
}

#[test]
fn the_numbers_of_lists_are_kept() {
    let item = |list: &str, depth: usize, words: &str| {
        format!(
            r#"<w:p><w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{list}"/></w:numPr></w:pPr><w:r><w:t>{words}</w:t></w:r></w:p>"#
        )
    };
    let styled = r#"<w:p><w:pPr><w:pStyle w:val="Steps"/></w:pPr><w:r><w:t>rake</w:t></w:r></w:p>"#;
    let document = format!(
        "<w:document>{}{}{}{}{}<w:p><w:r><w:t>Then.</w:t></w:r></w:p>{}{styled}</w:document>",
        item("1", 0, "dig"),
        item("1", 1, "deep"),
        item("1", 1, "wide"),
        item("1", 0, "sow"),
        item("2", 0, "wait"),
        item("1", 0, "reap"),
    );
    let level = |depth: usize, form: &str| {
        format!(r#"<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{form}"/></w:lvl>"#)
    };
    let numbering = format!(
        r#"<w:numbering><w:abstractNum w:abstractNumId="7">{}{}</w:abstractNum><w:abstractNum w:abstractNumId="8">{}</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num><w:num w:numId="3"><w:abstractNumId w:val="7"/></w:num></w:numbering>"#,
        level(0, "decimal"),
        level(1, "lowerLetter"),
        level(0, "bullet"),
    );
    let styles = r#"<w:styles><w:style w:styleId="Steps"><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style></w:styles>"#;
    let members =
        [("word/styles.xml", styles), ("word/numbering.xml", &numbering), ("word/document.xml", &document)];
    let expected = "1. dig\n   a. deep\n   b. wide\n2. sow\n- wait\n\nThen.\n\n3. reap\n1. rake";
    assert_eq!(read(word, &members).as_deref(), Some(expected));
}

#[test]
fn the_numbers_of_an_open_document_are_kept() {
    let list =
        |style: &str, items: &str| format!(r#"<text:list text:style-name="{style}">{items}</text:list>"#);
    let item = |words: &str, below: &str| {
        format!("<text:list-item><text:p>{words}</text:p>{below}</text:list-item>")
    };
    let inner = format!("<text:list>{}</text:list>", item("deep", ""));
    let content = format!(
        r#"<office:document-content><office:automatic-styles><text:list-style style:name="L1"><text:list-level-style-number text:level="1" style:num-format="1"/><text:list-level-style-bullet text:level="2"/></text:list-style></office:automatic-styles><office:body><office:text>{}<text:p>Then.</text:p>{}</office:text></office:body></office:document-content>"#,
        list("L1", &(item("dig", &inner) + &item("sow", ""))),
        list("L1", &item("reap", "")),
    );
    let expected = "1. dig\n   - deep\n2. sow\n\nThen.\n\n1. reap";
    assert_eq!(read(open_document, &[("content.xml", &content)]).as_deref(), Some(expected));
}
