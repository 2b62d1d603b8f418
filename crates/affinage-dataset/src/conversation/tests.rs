use super::*;

fn link(id: &str, parent: Option<&str>) -> Link {
    Link::to(
        Node::new(id, NodeRole::User, vec![Block::new(BlockKind::Text, id)]),
        parent.map(str::to_owned),
    )
}

fn empty() -> Conversation {
    Conversation::new(Provider::ChatGpt, "c", Origin::default())
}

#[test]
fn children_listed_before_their_parents_are_put_after_them() {
    let mut conversation = empty();
    let links =
        vec![link("c", Some("b")), link("b", Some("a")), link("a", None), link("lost", Some("nowhere"))];
    conversation.arrange(links, None).expect("no cycle");
    let ids: Vec<&str> = conversation.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "lost"]);
    assert_eq!(conversation.nodes[2].parent, Some(1));
    assert_eq!(conversation.nodes[3].parent, None, "an unknown parent makes a root");
}

#[test]
fn structural_entries_are_left_out_and_their_children_kept() {
    let mut conversation = empty();
    let root = Link { id: "root".into(), parent: None, node: None };
    let gap = Link { id: "gap".into(), parent: Some("a".into()), node: None };
    conversation
        .arrange(vec![root, link("a", Some("root")), gap, link("b", Some("gap"))], Some("gap"))
        .expect("tree");
    assert_eq!(conversation.nodes[1].parent, Some(0));
    assert_eq!(conversation.active_leaf, Some(0), "an active entry without a message means its ancestor");
}

#[test]
fn the_first_of_two_entries_with_one_id_is_kept_and_the_other_counted() {
    let mut conversation = empty();
    let links = vec![link("a", None), link("b", Some("a")), link("b", None), link("c", Some("b"))];
    conversation.arrange(links, None).expect("no cycle");
    let ids: Vec<&str> = conversation.nodes.iter().map(|n| n.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(conversation.nodes[2].parent, Some(1));
    let rows = conversation.left_out.rows();
    assert_eq!((rows[0].kind, rows[0].count, rows[0].first.as_str()), (LeftOutKind::Message, 1, "b"));
}

#[test]
fn without_a_mark_the_newest_answer_with_words_is_where_it_stands() {
    let answer = |id: &str, text: &str, hidden: bool| {
        let mut node = Node::new(id, NodeRole::Assistant, vec![Block::new(BlockKind::Text, text)]);
        node.hidden = hidden;
        Link::to(node, Some("q".to_owned()))
    };
    let failed = [answer("empty", "", false), answer("deleted", "gone", true)];
    let answers = [answer("first", "One.", false), answer("second", "Two.", false)];
    let mut conversation = empty();
    let links = [link("q", None)].into_iter().chain(answers).chain(failed.clone());
    conversation.arrange(links.collect(), None).expect("a tree");
    assert_eq!(conversation.active_leaf.map(|leaf| conversation.nodes[leaf].id.as_str()), Some("second"));
    // A later question without an answer is where the reader stands; where no answer has words it is the newest.
    let asked = link("later", Some("first"));
    let links = [link("q", None), answer("first", "One.", false), asked];
    conversation.arrange(links.to_vec(), None).expect("a tree");
    assert_eq!(conversation.active_leaf, Some(2));
    let links = [link("q", None)].into_iter().chain(failed);
    conversation.arrange(links.collect(), None).expect("a tree");
    assert_eq!(conversation.active_leaf, Some(2));
}

#[test]
fn a_cycle_is_an_error_that_names_a_node_on_it() {
    let error = empty().arrange(vec![link("r", None), link("a", Some("b")), link("b", Some("a"))], None);
    assert_eq!(error, Err(TreeError::Cycle { node: "a".into() }));
}
