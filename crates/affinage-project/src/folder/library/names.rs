//! What people call what the library holds.

use affinage_dataset::conversation::{Conversation, Provider};

/// The file a conversation came from, as people know it: `gorgias.txt`, or `export.zip › conversations.json`.
pub fn file_name(source: &str, conversation: &Conversation) -> String {
    let base = |path: &str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if conversation.provider == Provider::Authored {
        return "written at the desk".to_owned();
    }
    let (source, member) = (base(source), &conversation.origin.member);
    match base(member) {
        name if name == source || name.is_empty() => source,
        _ if source.is_empty() => member.clone(),
        _ => format!("{source} › {member}"),
    }
}
