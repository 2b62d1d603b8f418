//! The heads of mails that stand in a text, as mail programs write them over what they quote.

/// Names of the lines of a head, in small letters: who wrote, when, to whom, about what.
#[rustfmt::skip]
const HEADS: [&[&str]; 4] = [
    &["from", "von", "de", "da", "van", "od", "от", "kimden", "差出人", "发件人", "寄件者", "보낸 사람", "من", "від", "fra", "från", "lähettäjä"],
    &[
        "sent", "date", "gesendet", "datum", "envoyé", "enviado", "enviado el", "inviato", "data", "verzonden", "wysłano", "отправлено", "дата", "gönderilme",
        "送信日時", "发送时间", "寄件日期", "보낸 날짜", "تاريخ", "fecha", "sendt", "skickat", "lähetetty",
    ],
    &["to", "an", "à", "para", "a", "aan", "do", "кому", "kime", "宛先", "收件人", "받는 사람", "إلى", "til", "till", "vastaanottaja"],
    &[
        "subject", "betreff", "objet", "asunto", "oggetto", "assunto", "onderwerp", "temat", "тема", "konu", "件名", "主题", "主旨", "제목", "الموضوع", "emne",
        "ämne", "aihe",
    ],
];
const COPIES: [&str; 12] =
    ["cc", "bcc", "kopie", "copie", "copia", "kopia", "копия", "bilgi", "抄送", "副本", "참조", "reply-to"];

/// The part of a head that a line is.
fn part_of(line: &str) -> Option<usize> {
    const LONGEST: usize = 24;
    let bare = line.trim_start_matches(['>', ' ', '*', '\t']);
    let (name, value) = bare.split_once([':', '：'])?;
    let name = name.trim_matches(['*', ' ', '\u{a0}']);
    if name.chars().count() > LONGEST || value.trim().is_empty() {
        return None;
    }
    let name = name.to_lowercase();
    let of_copies = COPIES.contains(&name.as_str()).then_some(HEADS.len());
    HEADS.iter().position(|names| names.contains(&name.as_str())).or(of_copies)
}

/// For each line: is it of the head of a mail? Three different parts stand in lines one below the other.
pub(super) fn heads(lines: &[&str]) -> Vec<bool> {
    let parts: Vec<Option<usize>> = lines.iter().map(|line| part_of(line)).collect();
    let mut is_head = vec![false; lines.len()];
    let mut start = 0;
    while start < lines.len() {
        let len = parts[start..].iter().take_while(|part| part.is_some()).count();
        let mut different: Vec<usize> = parts[start..start + len].iter().flatten().copied().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() >= 3 && len <= 8 {
            is_head[start..start + len].fill(true);
        }
        start += len.max(1);
    }
    is_head
}

/// True for a text of mails: it begins with the head of one and holds another.
pub(super) fn is_thread(text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let is_head = heads(&lines);
    let first = lines.iter().position(|line| !line.trim().is_empty());
    let begins = |at: &usize| is_head[*at] && (*at == 0 || !is_head[*at - 1]);
    first.is_some_and(|first| is_head[first]) && (0..lines.len()).filter(begins).count() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_mails_are_told_from_speakers() {
        let thread = "From: Tove <t@mill.test>\nSent: Monday\nTo: Mara\nSubject: Re: Weir\n\nIt leans.\n\n> **Von:** Mara\n> **Gesendet:** Sonntag\n> **An:** Tove\n> **Betreff:** Wehr\n>\n> Why?\n";
        assert!(is_thread(thread));
        let lines: Vec<&str> = thread.lines().collect();
        assert_eq!(heads(&lines).iter().filter(|is_head| **is_head).count(), 8);
        let talk = "An: Why does it lean?\nVon: It is old.\nAn: And then?\nVon: It falls.\n";
        assert!(!is_thread(talk) && heads(&talk.lines().collect::<Vec<_>>()).iter().all(|is_head| !is_head));
    }
}
