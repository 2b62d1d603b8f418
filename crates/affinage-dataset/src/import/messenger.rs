//! Links and names as messengers write them in their exports, as a reader saw them, and what they write in the place of a
//! message.

use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::Value;

use super::left_out::LeftOutKind;
use super::parts;
use crate::conversation::{Block, BlockKind, Node, NodeRole};

/// True for a time as Slack writes it: seconds with a fraction, as a text.
pub fn is_slack_time(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once('.').is_some_and(|(seconds, fraction)| digits(seconds) && digits(fraction))
}

static SLACK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"<(@|#|!|https?://|ftp://|mailto:|tel:)([^<>|\n]*)(?:\|([^<>\n]*))?>")
        .expect("a valid pattern")
});

/// `<https://a.test|a page>` as a link of Markdown, `<@U1|mara>`, `<#C1|mill>` and `<!here>` as names. A sign that somebody
/// typed is written as an entity.
pub fn slack_links(text: &str) -> String {
    let shown = |found: &Captures<'_>| {
        let (kind, target) = (&found[1], &found[2]);
        let label = found.get(3).map(|label| label.as_str()).filter(|label| !label.is_empty());
        match (kind, label) {
            ("@" | "#", label) => format!("{kind}{}", label.unwrap_or(target)),
            ("!", Some(label)) => label.to_owned(),
            ("!", None) => format!("@{target}"),
            ("mailto:" | "tel:", label) => label.unwrap_or(target).to_owned(),
            (_, Some(label)) if label != format!("{kind}{target}") => format!("[{label}]({kind}{target})"),
            _ => format!("{kind}{target}"),
        }
    };
    SLACK.replace_all(text, shown).into_owned()
}

static DISCORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"<@[!&]?(\d+)>|<a?(:\w+:)\d+>").expect("a valid pattern"));

/// `<@99>` as the name that the message lists for it, `<:boat:7>` as `:boat:`.
pub fn discord_names(text: &str, mentions: &[Value]) -> String {
    let shown = |found: &Captures<'_>| match (found.get(1), found.get(2)) {
        (Some(id), _) => {
            name_of(id.as_str(), mentions).map_or_else(|| found[0].to_owned(), |name| format!("@{name}"))
        }
        (None, Some(sign)) => sign.as_str().to_owned(),
        (None, None) => found[0].to_owned(),
    };
    DISCORD.replace_all(text, shown).into_owned()
}

fn name_of<'a>(id: &str, mentions: &'a [Value]) -> Option<&'a str> {
    let mention = mentions.iter().find(|mention| mention.get("id").and_then(Value::as_str) == Some(id))?;
    ["nickname", "global_name", "name", "username"].iter().find_map(|key| mention.get(*key)?.as_str())
}

/// The mark behind which a program writes its own words: nobody types it.
const MARK: char = '\u{200e}';

/// What a program wrote in the place of a message, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InPlace<'a> {
    /// The sender took the message back.
    Deleted,
    /// A call, or what happened in the group.
    Event(&'a str),
    /// A picture, a sound or a file, with the program's word for it.
    Media(&'a str),
}

/// Parts of the words that say that a message is no longer there, in the languages of the telephones.
#[rustfmt::skip]
const DELETED: &[&str] = &[
    "deleted", "unsent", "gelöscht", "supprimé", "eliminó", "eliminaste", "eliminado", "borrado", "borró", "borraste", "apagada", "apagou",
    "excluída", "excluiu", "eliminato", "cancellato", "verwijderd", "удалено", "удалили", "видален", "silindi", "sildiniz", "删除", "刪除", "收回", "撤回", "削除",
    "取り消", "삭제", "usunięt", "usunął", "حذف", "हटा", "dihapus", "xóa", "thu hồi", "slettet", "raderat", "raderade", "smazána", "smazal", "poistettu",
    "poistit", "törölt", "ștears", "διαγράφ", "נמחקה",
];
/// Sentences that stand for a deleted message without a mark before them, without the full stop.
#[rustfmt::skip]
const DELETIONS: &[&str] = &[
    "this message was deleted", "you deleted this message", "this message was deleted by an admin", "message deleted", "[deleted message]",
    "diese nachricht wurde gelöscht", "du hast diese nachricht gelöscht", "ce message a été supprimé", "vous avez supprimé ce message",
    "tu as supprimé ce message", "se eliminó este mensaje", "este mensaje fue eliminado", "este mensaje ha sido eliminado", "eliminaste este mensaje",
    "has eliminado este mensaje", "mensagem apagada", "esta mensagem foi apagada", "você apagou esta mensagem", "essa mensagem foi apagada",
    "questo messaggio è stato eliminato", "hai eliminato questo messaggio", "dit bericht is verwijderd", "je hebt dit bericht verwijderd",
    "сообщение удалено", "данное сообщение удалено", "вы удалили данное сообщение", "повідомлення видалено", "bu mesaj silindi", "bu mesajı sildiniz",
    "此消息已被删除", "该消息已删除", "你撤回了一条消息", "此訊息已刪除", "已刪除此訊息", "このメッセージは削除されました", "삭제된 메시지입니다", "이 메시지는 삭제되었습니다",
    "הודעה זו נמחקה", "מחקת הודעה זו", "wiadomość została usunięta", "ta wiadomość została usunięta", "تم حذف هذه الرسالة", "यह संदेश हटाया गया", "यह मैसेज हटाया गया", "pesan ini telah dihapus",
];
/// Words for a call ...
#[rustfmt::skip]
const CALLS: &[&str] = &[
    "call", "anruf", "appel", "llamada", "videollamada", "chiamata", "chamada", "ligação", "oproep", "gesprek", "połączenie", "звонок", "вызов", "дзвінок",
    "arama", "通话", "通話", "着信", "来电", "전화", "통화", "مكالمة", "कॉल", "panggilan", "cuộc gọi", "puhelu", "samtal", "opkald", "hívás", "hovor", "κλήση",
];
/// ... that nobody took, or that a program says it was.
#[rustfmt::skip]
const MISSED: &[&str] = &[
    "missed", "verpasst", "manqué", "perdid", "persa", "gemist", "пропущен", "cevapsız", "未接", "不在", "부재중", "nieodebran", "فائتة", "मिस्ड", "tak terjawab",
    "no answer", "nhỡ", "ubesvaret", "missat", "zmeškan", "nem fogadott", "failed", "declined", "canceled", "cancelled", "rejected", "unanswered",
    "outgoing", "incoming", "fehlgeschlagen", "abgelehnt", "abgebrochen", "eingehend", "ausgehend", "échoué", "refusé", "entrant", "sortant", "fallida",
    "rechazada", "cancelada", "saliente", "fallita", "rifiutata", "recusada", "efetuada", "recebida", "mislukt", "geweigerd", "отклон", "отмен", "исходящ",
    "входящ", "odrzucon", "anulowan", "başarısız", "reddedil", "已取消", "已拒绝", "不応答", "キャンセル", "취소",
];
/// Parts of the words for what is not in the file, or is a file beside it.
#[rustfmt::skip]
const OMITTED: &[&str] = &[
    "omitted", "attached", "weggelassen", "ausgeschlossen", "angehängt", "omis", "absent", "joint", "omitid", "adjunt", "ocult", "anexad", "omess", "allegat",
    "weggelaten", "bijgevoegd", "pominięt", "załączon", "опущен", "пропущен", "без медиа", "прикрепл", "dahil edilmedi", "alınmadı", "忽略", "省略", "已添加",
    "생략", "첨부", "محذوف", "مرفق", "छोड़", "संलग्न", "dilampirkan", "poll:", "umfrage:", "sondage", "encuesta", "location:", "standort:", "ubicación", "localisation",
];

/// Words that stand alone in the place of a picture, a sound or a file, where programs set no mark before them.
#[rustfmt::skip]
const PLACES: &[&str] = &[
    "[photo]", "[photos]", "[video]", "[videos]", "[sticker]", "[voice message]", "[file]", "[image]", "[audio]", "[gif]", "[album]", "[location]", "[contact]",
    "[写真]", "[動画]", "[スタンプ]", "[ボイスメッセージ]", "[ファイル]", "[アルバム]", "[位置情報]", "[图片]", "[圖片]", "[貼圖]", "[照片]", "[影片]", "[表情]", "[动画表情]", "[语音]", "[视频]",
    "[文件]", "[사진]", "[동영상]", "[스티커]", "사진", "동영상", "이모티콘", "음성메시지", "[foto]", "[bild]", "[sprachnachricht]",
];

/// What the line of a log is, if a program wrote it in the place of words: in angle brackets, behind its mark, or as a
/// sentence that is known. `is_whole` says that the speaker says nothing else.
pub fn in_place(line: &str, is_whole: bool) -> Option<InPlace<'_>> {
    let text = line.trim();
    // A tag of HTML is one word of ASCII.
    let in_angles = text.starts_with('<')
        && text.ends_with('>')
        && text.matches('<').count() == 1
        && (text.contains(' ') || !text.is_ascii());
    let words = text.trim_matches(|c: char| matches!(c, MARK | '<' | '>')).trim();
    let lower = words.to_lowercase();
    let holds = |stems: &[&str]| stems.iter().any(|stem| lower.contains(stem));
    if is_whole && (is_deletion(&lower) || is_missed_call(&lower)) {
        return Some(if is_deletion(&lower) { InPlace::Deleted } else { InPlace::Event(words) });
    }
    if is_whole && PLACES.contains(&lower.as_str()) {
        return Some(InPlace::Media(words));
    }
    if is_whole && is_reaction(words) {
        return Some(InPlace::Event("Reacted to a message"));
    }
    if let Some(file) = file_beside(text) {
        return Some(InPlace::Media(file));
    }
    let is_marked = text.starts_with(MARK);
    if !is_marked && !in_angles {
        return None;
    }
    if in_angles || !is_whole || names_file(words) || holds(OMITTED) {
        return Some(InPlace::Media(words));
    }
    let is_short = lower.split_whitespace().count() <= 2;
    Some(match (holds(DELETED), holds(CALLS) || holds(MISSED)) {
        (true, _) => InPlace::Deleted,
        (false, true) => InPlace::Event(words),
        (false, false) if is_short => InPlace::Media(words),
        (false, false) => InPlace::Event(words),
    })
}

/// The words of a link that is a whole line and leads to a picture, a sound or a film in the folder of the log:
/// `[voice message](./media/a.m4a)`.
fn file_beside(line: &str) -> Option<&str> {
    const ENDINGS: [&str; 19] = [
        "m4a", "mp3", "ogg", "oga", "opus", "wav", "aac", "amr", "jpg", "jpeg", "png", "gif", "webp", "heic",
        "mp4", "mov", "3gp", "webm", "vcf",
    ];
    let (words, target) =
        line.trim_start_matches('!').strip_prefix('[')?.strip_suffix(')')?.split_once("](")?;
    let ending = target.rsplit_once('.')?.1.to_ascii_lowercase();
    let is_one = !words.contains(['[', ']']) && !target.contains("](") && !target.contains("://");
    (is_one && ENDINGS.contains(&ending.as_str())).then_some(words)
}

/// True if the lines of a turn are a poll: behind its mark the program's word for it with a colon, and behind other marks
/// what can be chosen.
pub fn is_poll(lines: &[&str]) -> bool {
    const LONGEST: usize = 30;
    let mut said = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    let is_head =
        |line: &str| line.starts_with(MARK) && line.ends_with([':', '：']) && line.chars().count() <= LONGEST;
    said.next().is_some_and(is_head) && said.filter(|line| line.starts_with(MARK)).count() >= 2
}

/// Parts of the words for a reaction ...
#[rustfmt::skip]
const REACTED: &[&str] = &[
    "react", "reagier", "réagi", "reacc", "reagi", "reageer", "zareag", "reaguj", "reagow", "отреагиров", "реакц", "реаг", "tepki", "リアクション", "反应", "反應", "心情", "반응", "공감",
    "reager", "reagoi", "αντέδρασ", "תגובה", "הגיב", "تفاعل", "प्रतिक्रिया", "bereaksi", "menanggapi", "cảm xúc", "reagált", "reagoval", "reacționat",
];
/// ... and for the message that it is one to.
#[rustfmt::skip]
const MESSAGES: &[&str] = &[
    "message", "nachricht", "mensaje", "mensagem", "messaggio", "bericht", "wiadomoś", "сообщени", "повідомлен", "mesaj", "メッセージ", "消息", "訊息", "信息", "메시지",
    "meddel", "besked", "melding", "viesti", "μήνυμά", "μήνυμα", "הודעה", "הודעת", "رسال", "संदेश", "मैसेज", "pesan", "tin nhắn", "üzenet", "zpráv",
];
/// Sentences for a reaction without a sign.
#[rustfmt::skip]
const LIKED: &[&str] = &[
    "liked a message", "liked your message", "hat eine nachricht mit „gefällt mir“ markiert", "hat deine nachricht mit „gefällt mir“ markiert",
    "a aimé un message", "a aimé votre message", "indicó que le gusta un mensaje", "le gustó un mensaje", "curtiu uma mensagem", "curtiu sua mensagem",
    "ha messo \"mi piace\" a un messaggio", "ha messo mi piace a un messaggio", "vindt een bericht leuk", "полюбилось сообщение", "bir mesajı beğendi",
    "メッセージにいいねしました", "赞了一条消息", "메시지를 좋아합니다",
];
/// Words before the message that telephones repeat in their messages for a reaction: `Loved “I am here.”`.
const REPEATING: [&str; 8] =
    ["Loved", "Liked", "Disliked", "Laughed at", "Emphasized", "Emphasised", "Questioned", "Reacted to"];

/// True if a text is nothing but a program's sentence for a reaction: with the sign and the words for a reaction and for a
/// message (`Reacted ❤ to your message`), or with the message itself behind the word.
pub fn is_reaction(text: &str) -> bool {
    const LONGEST_WORDS: usize = 10;
    let text = text.trim().trim_end_matches('.');
    let lower = text.to_lowercase();
    let holds = |stems: &[&str]| stems.iter().any(|stem| lower.contains(stem));
    // Letters, digits and the punctuation of all languages are none.
    let is_sign = |c: char| {
        !c.is_alphanumeric() && matches!(u32::from(c), 0x2190..=0x2bff | 0x1f000..=0x1faff | 0x3297 | 0x3299)
    };
    let is_short = text.split_whitespace().count() <= LONGEST_WORDS;
    let names_sign = is_short
        && text.contains(is_sign)
        && !text.contains(['?', '!', ','])
        && holds(REACTED)
        && holds(MESSAGES);
    let quoted = |rest: &str| {
        let rest = rest.trim_start();
        rest.starts_with('“') && rest.ends_with('”')
            || rest.starts_with('"') && rest.ends_with('"') && text.starts_with("Reacted")
            || ["an image", "a movie", "an attachment", "an audio message"].contains(&rest)
    };
    let with_sign = text.strip_prefix("Reacted ").and_then(|rest| rest.split_once(" to "));
    names_sign
        || LIKED.contains(&lower.as_str())
        || REPEATING.iter().filter_map(|word| text.strip_prefix(word)).any(quoted)
        || with_sign.is_some_and(|(sign, rest)| sign.contains(is_sign) && quoted(rest))
}

/// Words for what can be sent in place of words.
#[rustfmt::skip]
const SENT: &[&str] = &[
    "attachment", "photo", "video", "sticker", "gif", "voice message", "audio", "location", "reel", "a link", "a post", "a story", "a file",
    "anhang", "foto", "bild", "sprachnachricht", "standort", "pièce jointe", "vidéo", "adjunto", "archivo", "anexo", "vídeo", "allegato", "bijlage",
    "załącznik", "zdjęci", "вложени", "фото", "видео", "fotoğraf", "添付", "写真", "附件", "照片", "첨부", "사진", "مرفق", "lampiran", "đính kèm",
];

/// True if a text is nothing but a program's sentence for what `name` sent without words: `Mara sent an attachment.`, `You sent a
/// photo.` Nobody begins their own message with their own name and says so.
pub fn tells_of_attachment(text: &str, name: &str) -> bool {
    const LONGEST_WORDS: usize = 9;
    let text = text.trim();
    let first = name.split_whitespace().next().unwrap_or(name);
    let behind = |who: &str| text.strip_prefix(who).filter(|rest| rest.starts_with(' ') && !who.is_empty());
    let told = match behind("You") {
        Some(rest) => rest.starts_with(" sent ").then_some(rest),
        None => behind(name).or_else(|| behind(first)),
    };
    text.ends_with(['.', '。'])
        && text.split_whitespace().count() <= LONGEST_WORDS
        && told.is_some_and(|rest| SENT.iter().any(|word| rest.to_lowercase().contains(word)))
}

/// True if a text is nothing but a program's sentence for a message that is no longer there.
pub fn is_deletion(text: &str) -> bool {
    const LONGEST: usize = 120;
    let bare = text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, MARK | '.' | '。' | '।' | '<' | '>' | '🚫' | '_' | '*')
    });
    bare.len() <= LONGEST && DELETIONS.contains(&bare.to_lowercase().as_str())
}

/// True for `Missed voice call` and the like: no more than the call, and that nobody took it.
fn is_missed_call(lower: &str) -> bool {
    const LONGEST: usize = 60;
    let bare = lower.trim_end_matches(['.', '。']);
    let has = |stems: &[&str]| stems.iter().any(|stem| bare.contains(stem));
    let last = bare.split_whitespace().next_back().unwrap_or_default();
    let is_of_both = |word: &str| CALLS.iter().chain(MISSED).any(|stem| word.contains(stem));
    bare.len() <= LONGEST
        && bare.split_whitespace().count() <= 4
        && has(CALLS)
        && has(MISSED)
        && is_of_both(last)
}

/// Parts of the words by which programs say that a message was edited.
#[rustfmt::skip]
const EDITED: &[&str] = &[
    "edited", "bearbeitet", "modifié", "editó", "editado", "editada", "modificato", "bewerkt", "изменено", "змінено", "düzenlendi", "编辑", "編輯", "編集", "수정",
    "edytowan", "rediger", "redigerat", "upraven", "szerkeszt", "editat", "נערכה", "تعديل", "संपादित", "diedit", "chỉnh sửa", "muokattu", "επεξεργ",
];

/// A line without the mark of an edit behind it: `‎<This message was edited>`.
pub fn without_edit_mark(line: &str) -> Option<&str> {
    const LONGEST: usize = 120;
    let (words, mark) = in_angles_at_end(line)?;
    let lower = mark.to_lowercase();
    let is_edit = mark.len() <= LONGEST && EDITED.iter().any(|stem| lower.contains(stem));
    let is_marked = words.ends_with(MARK) && !names_file(mark) && !without_mark(words).is_empty();
    (is_edit || is_marked).then(|| without_mark(words))
}

/// The words before a file that stands behind them, and the program's word for it: `Here it is ‎<attached: 1-PHOTO.jpg>`.
pub fn before_file(line: &str) -> Option<(&str, &str)> {
    let (words, mark) = in_angles_at_end(line)?;
    let is_behind_words = words.ends_with(MARK) && !without_mark(words).is_empty();
    (is_behind_words && names_file(mark)).then(|| (without_mark(words), mark.trim_matches(['<', '>'])))
}

/// What stands before `<...>` at the end of a line, and that.
fn in_angles_at_end(line: &str) -> Option<(&str, &str)> {
    let trimmed = line.trim_end();
    let at = trimmed.strip_suffix('>')?.rfind('<')?;
    Some(trimmed.split_at(at))
}

fn without_mark(words: &str) -> &str {
    words.trim_end_matches(|c: char| c == MARK || c.is_whitespace())
}

fn names_file(words: &str) -> bool {
    words.trim_matches(['<', '>']).split_whitespace().any(|word| {
        word.rsplit_once('.').is_some_and(|(stem, end)| {
            !stem.is_empty() && (2..=5).contains(&end.len()) && end.chars().all(|c| c.is_ascii_alphanumeric())
        })
    })
}

/// A message of Matrix as its reader saw it, and the message that it replaces: an edit is what it was changed to, and an
/// answer does not hold the quotation in front of it that older programs need.
pub fn of_matrix(value: &Value) -> Option<(Value, Option<String>)> {
    let content = value.get("content")?.as_object()?;
    let relation = content.get("m.relates_to")?;
    let edits =
        relation.get("event_id").and_then(Value::as_str).filter(|_| relation["rel_type"] == "m.replace");
    let is_reply = relation.get("m.in_reply_to").is_some();
    let mut shown = content
        .get("m.new_content")
        .filter(|_| edits.is_some())
        .cloned()
        .unwrap_or_else(|| content.clone().into());
    if let Some(body) =
        shown.get("body").and_then(Value::as_str).filter(|body| is_reply && body.starts_with("> "))
    {
        let words: Vec<&str> = body.lines().skip_while(|line| line.starts_with('>')).collect();
        let words = words.join("\n").trim_start().to_owned();
        shown["body"] = Value::from(words);
    }
    let mut message = value.clone();
    message["content"] = shown;
    Some((message, edits.map(str::to_owned)))
}

/// Texts of Skype as HTML: a quotation is one, and what older programs showed instead of it goes.
pub fn skype_html(text: &str) -> String {
    static LEGACY: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?s)<legacyquote>.*?</legacyquote>").expect("a valid pattern"));
    static QUOTE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"<(/?)quote\b[^>]*>").expect("a valid pattern"));
    QUOTE.replace_all(&LEGACY.replace_all(text, ""), "<${1}blockquote>").into_owned()
}

/// Fields of a message that was passed on, as Telegram and clients of it write them.
const FORWARDED: [&str; 7] = [
    "forwarded_from",
    "forward_from",
    "forward_from_chat",
    "forward_origin",
    "forward_sender_name",
    "forward_date",
    "fwd_from",
];

/// True if the messenger says that the message is another one passed on. Own words of the sender, said elsewhere, are his.
pub fn is_forwarded(message: &Value, sender: &str) -> bool {
    // Telegram names nobody where the account is gone.
    let is_nameless =
        message.get("forwarded_from").is_some_and(Value::is_null) && message.get("text_entities").is_some();
    let is_others = |from: &Value| !from.is_null() && from.as_str() != Some(sender);
    let is_flagged = ["isForwarded", "is_forwarded"].iter().any(|flag| message[*flag] == true);
    is_nameless
        || is_flagged
        || snapshot(message).is_some()
        || FORWARDED.iter().filter_map(|name| message.get(*name)).any(is_others)
}

/// The message that a message of Discord passes on.
fn snapshot(message: &Value) -> Option<&Value> {
    let first = message.get("message_snapshots").and_then(|list| list.get(0)?.get("message"));
    first.or_else(|| message.get("forwardedMessage")).filter(|inner| inner.is_object())
}

/// The words that Discord passes on: the message that does so has none of its own.
pub fn passed_on(message: &Value) -> Option<&str> {
    snapshot(message)?.get("content")?.as_str().filter(|text| !text.trim().is_empty())
}

/// What a person passed on: of the assistant it is not shown, since it is nobody's own words; of the user it is a
/// quotation.
pub fn as_forwarded(node: &mut Node) {
    if node.role == NodeRole::Assistant {
        let words = node.visible_text();
        node.blocks = vec![Block::named(
            BlockKind::Text,
            if words.is_empty() { "forwarded" } else { &words },
            NOTICE_FORWARDED,
        )];
        node.hidden = true;
        return;
    }
    for block in node.blocks.iter_mut().filter(|block| block.kind == BlockKind::Text) {
        if !block.text.trim().is_empty() {
            *block = parts::quotation(&block.text);
        }
    }
}

/// Names of blocks that hold a program's notice.
const NOTICE_DELETED: &str = "deleted";
const NOTICE_EVENT: &str = "event";
const NOTICE_FORWARDED: &str = "forwarded";

/// Keeps the program's notice as what it is: a message that is not shown, and that ends the turn before it.
pub fn as_notice(node: &mut Node, text: &str, is_deleted: bool) {
    let name = if is_deleted { NOTICE_DELETED } else { NOTICE_EVENT };
    node.blocks = vec![Block::named(BlockKind::Text, text, name)];
    node.hidden = true;
}

/// What is counted of a hidden message whose first block is such a notice.
pub fn kind_of_notice(block: &Block) -> Option<(LeftOutKind, &str)> {
    match block.name.as_deref().filter(|_| block.kind == BlockKind::Text) {
        Some(NOTICE_DELETED) => Some((LeftOutKind::Deleted, "")),
        Some(NOTICE_FORWARDED) => Some((LeftOutKind::Forwarded, "")),
        Some(NOTICE_EVENT) => Some((LeftOutKind::Event, block.text.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn links_and_names_of_slack() {
        for (text, expected) in [
            ("See <https://mill.test/a|the mill>.", "See [the mill](https://mill.test/a)."),
            ("See <https://mill.test>.", "See https://mill.test."),
            ("<https://mill.test|https://mill.test>", "https://mill.test"),
            ("<@U1|mara> and <@U2> in <#C1|wheels>, <!here>", "@mara and @U2 in #wheels, @here"),
            (
                "<!subteam^S1|@millers> <!date^17^{date}|3 May> <mailto:a@mill.test|a@mill.test>",
                "@millers 3 May a@mill.test",
            ),
            ("a &lt;b|c&gt; <b>", "a &lt;b|c&gt; <b>"),
        ] {
            assert_eq!(slack_links(text), expected);
        }
        assert!(
            is_slack_time("1767607200.000100") && !is_slack_time("1767607200") && !is_slack_time("3.5.2026")
        );
    }

    #[test]
    fn what_stands_in_the_place_of_a_message_is_told_apart() {
        use InPlace::{Deleted, Event, Media};
        for (line, expected) in [
            ("\u{200e}This message was deleted.", Some(Deleted)),
            ("Diese Nachricht wurde gelöscht.", Some(Deleted)),
            ("Сообщение удалено", Some(Deleted)),
            ("\u{200e}このメッセージは削除されました。", Some(Deleted)),
            ("\u{200e}Missed voice call", Some(Event("Missed voice call"))),
            ("Verpasster Videoanruf", Some(Event("Verpasster Videoanruf"))),
            ("\u{200e}未接语音通话", Some(Event("未接语音通话"))),
            (
                "\u{200e}Tove changed the group name to Mill",
                Some(Event("Tove changed the group name to Mill")),
            ),
            ("\u{200e}image omitted", Some(Media("image omitted"))),
            ("\u{200e}<attached: 00000012-PHOTO.jpg>", Some(Media("attached: 00000012-PHOTO.jpg"))),
            ("<Medien ausgeschlossen>", Some(Media("Medien ausgeschlossen"))),
            ("[voice message](./media/a.m4a)", Some(Media("voice message"))),
            ("[the mill](https://mill.test/a.mp3)", None),
            ("\u{200e}الصورة محذوفة", Some(Media("الصورة محذوفة"))),
            ("I deleted this message from the mill.", None),
            ("A missed call from the mill?", None),
            ("<mill>", None),
        ] {
            assert_eq!(in_place(line, true), expected, "{line}");
        }
        assert_eq!(in_place("This message was deleted", false), None, "among other lines somebody wrote it");
        assert_eq!(
            without_edit_mark("The wheel turns. <Diese Nachricht wurde bearbeitet.>"),
            Some("The wheel turns.")
        );
        assert_eq!(without_edit_mark("if a <b> is bold"), None);
    }

    #[test]
    fn reactions_are_told_from_words() {
        for text in [
            "Reacted \u{2764} to your message ",
            "Reacted 😂 to your message",
            "Hat mit 👍 auf deine Nachricht reagiert",
            "A réagi avec ❤ à votre message",
            "Reaccionó con ❤ a tu mensaje",
            "メッセージに❤でリアクションしました",
            "Liked a message",
            "Loved “The wheel turns, and turns.”",
            "Reacted 👍 to “The wheel turns.”",
            "Laughed at an image",
        ] {
            assert!(is_reaction(text), "{text}");
        }
        for text in [
            "I reacted to your message too late.",
            "Loved \"Dune\"",
            "Liked it. “So?”, he said",
            "What a message! 👍 How did she react?",
            "Did she react to the message ❤?",
            "❤",
        ] {
            assert!(!is_reaction(text), "{text}");
        }
    }

    #[test]
    fn what_was_sent_without_words_is_told_by_the_senders_name() {
        for text in [
            "Mara Feld sent an attachment.",
            "Mara sent a photo.",
            "You sent a voice message.",
            "Mara hat einen Anhang gesendet.",
        ] {
            assert!(tells_of_attachment(text, "Mara Feld"), "{text}");
        }
        for text in [
            "I sent an attachment.",
            "You sent it twice.",
            "Mara here.",
            "Jonas sent a photo.",
            "Mara sent a photo. I have not seen it, and nobody has told me what is on it.",
        ] {
            assert!(!tells_of_attachment(text, "Mara Feld"), "{text}");
        }
    }

    #[test]
    fn matrix_shows_the_last_words_and_no_quotation() {
        let edit = json!({ "content": { "body": " * New", "m.new_content": { "body": "New" }, "m.relates_to": { "rel_type": "m.replace", "event_id": "$1" } } });
        let (shown, edits) = of_matrix(&edit).expect("a relation");
        assert_eq!((shown["content"]["body"].as_str(), edits.as_deref()), (Some("New"), Some("$1")));
        let reply = json!({ "content": { "body": "> <@a:b> Old\n> words\n\nNew\n> kept", "m.relates_to": { "m.in_reply_to": { "event_id": "$1" } } } });
        let (shown, edits) = of_matrix(&reply).expect("a relation");
        assert_eq!((shown["content"]["body"].as_str(), edits), (Some("New\n> kept"), None));
    }

    #[test]
    fn quotations_of_skype_stand_once() {
        let text = "<quote author=\"a\"><legacyquote>[9:00] Mara: </legacyquote>Wet?<legacyquote>\n&lt;&lt;&lt; </legacyquote></quote>Yes.";
        assert_eq!(skype_html(text), "<blockquote>Wet?</blockquote>Yes.");
    }

    #[test]
    fn names_of_discord() {
        let mentions = [json!({ "id": "7", "name": "miller" })];
        assert_eq!(discord_names("<@!7>, <@8>: <:wheel:55> a<b>", &mentions), "@miller, <@8>: :wheel: a<b>");
    }
}
