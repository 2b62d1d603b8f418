// What opens over the card: help, search, the whole conversation, groups, tags, cuts.
"use strict";

/** The panel whose texts stand side by side. */
const WIDE = "A new example";

function openPanel(title, ...children) {
  const panel = document.getElementById("panel");
  panel.replaceChildren(
    element("h2", {}, element("span", { id: "panel-title" }, title), element("button", { onclick: () => panel.close() }, "Close ", element("kbd", {}, "Esc"))),
    ...children.flat(9).filter(Boolean));
  panel.classList.toggle("wide", title === WIDE);
  if (!panel.open) panel.showModal();
  panel.querySelector("input, .here")?.scrollIntoView({ block: "center" });
  panel.querySelector("input")?.focus();
}

function closePanel() {
  document.getElementById("panel").close();
}

function showHelp() {
  const keys = [["j k", "next and previous card; among the topics: next and previous topic"], ["a", "accept the chosen answer"], ["x", "reject; then 1-9 says why, or j"],
    ["1-9", "choose an answer; among the topics: 1 keep, 2 skip, 3 private"], ["e", "edit answer and prompt; Ctrl Enter saves and accepts, Esc cancels"], ["f", "make all safe fixes"],
    ["c", "what was said before: shown, all of it, folded"], ["s", "turns: cut the answer or the prompt, join exchanges"], ["t", "tags and domain"], ["p", "private: the whole conversation or text is not shown, learned or sent"],
    ["u", "undo, as often as you like"], ["/", "search"], [".", "repeat the last action"], ["b", "many cards at once"], ["m", "the whole of a long prompt, and less of it"], ["i", "where the card comes from"], ["o", "the whole conversation or text"],
    ["n", "a new example, written or drafted"], ["g", "topics: which come up, which do not"], ["r", "the cards, where you were; leaves a list that you go through"], ["l", "a list of cards: by length, file, topic, rule, words"],
    ["d", "dashboard"], ["z", "freeze a data set"], ["?", "this list"]];
  openPanel("Keys", element("table", {}, keys.map(([key, what]) => element("tr", {},
    element("th", {}, key.split(" ").map((k) => [element("kbd", {}, k), " "])), element("td", {}, what)))),
    element("p", { class: "soft" }, `After every twenty decisions one card is asked again, without your first decision, to show how far your decisions agree. Every key is saved before the page shows what it did; nothing leaves this machine.${typeof strip === "undefined" ? " Ctrl-C in the terminal closes the desk." : ""}`));
}

function showSearch() {
  const field = element("input", { role: "searchbox", "aria-label": "Words to find", placeholder: "words, or \"a phrase\"", title: "all these words; \"in quotes\" a phrase" });
  const list = element("ul", { class: "hits" });
  const all = element("div", {});
  const line = (hit) => {
    let at = 0;
    const parts = hit.marks.flatMap(([start, end]) => {
      const before = hit.line.slice(at, start);
      at = end;
      return [before, element("mark", {}, hit.line.slice(start, end))];
    });
    return [...parts, hit.line.slice(at)];
  };
  const find = async () => {
    const words = field.value.trim();
    const hits = words.length < 2 ? [] : await get("api/search", { words });
    const group = { by: "filter", value: { words } };
    all.replaceChildren(...(hits.length === 0 ? [] : bulkView(group, await post("api/group", group), { isFound: true }).filter(Boolean)));
    list.replaceChildren(...(hits.length === 0 ? [element("li", { class: "soft" }, "Nothing found.")] : hits.map((hit) =>
      element("li", {}, element("button", { onclick: () => run(() => open(hit.id)) }, element("small", {}, hit.title || "untitled"), element("br"), line(hit))))));
  };
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); run(find); } });
  openPanel("Search", element("div", { class: "row" }, field, element("button", { class: "main", onclick: () => run(find) }, "Find")), all, list);
}

async function showConversation(card) {
  const found = await get("api/conversation", { key: card.conversation });
  const here = new Set(card.variants.flatMap((variant) => variant.node_ids));
  openPanel(found.title || "Untitled conversation", element("div", { class: "whole" }, found.turns.map((turn) =>
    element("div", { class: `turn ${turn.role}${turn.is_active ? "" : " other"}${here.has(turn.node) ? " here" : ""}` },
      element("small", {}, `${turn.author ?? turn.model ?? turn.role}${turn.is_active ? "" : " · another branch"}`), "\n", turn.text))));
}

async function showTags(card) {
  const words = await get("api/words");
  const tags = element("input", { "aria-label": "Tags, separated by commas", placeholder: "tags: grief, letters", list: "known-tags" });
  const domain = element("input", { "aria-label": "Domain", placeholder: "domain: ethics", list: "known-domains" });
  tags.value = card.mark.tags.join(", ");
  domain.value = card.mark.domain ?? "";
  const save = () => saveTags(listed(tags.value), domain.value);
  for (const field of [tags, domain]) field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); run(save); } });
  openPanel("Tags and domain", element("p", { class: "soft" }, "Saved with the example."),
    element("div", { class: "row" }, tags, domain, element("button", { class: "main", onclick: () => run(save) }, "Save")), datalists(words));
}

/** Paragraphs of a text with a place to cut after each. */
function cutsView(text, keep) {
  const parts = text.split(/\n\s*\n/);
  if (parts.length < 2) return element("p", { class: "soft" }, "One paragraph: edit it with e.");
  return parts.map((part, i) => [element("div", { class: "turn" }, part.length > 320 ? `${part.slice(0, 150)} … ${part.slice(-150)}` : part),
    i === parts.length - 1 ? null : element("p", { class: "row cut" }, keep(parts.slice(0, i + 1).join("\n\n"), parts.slice(i + 1).join("\n\n")))]);
}

/** Cut, join and leave away turns; each is one step that undo takes back. */
async function showTurns(card) {
  if (card.second_look) return say("a second look is only accepted or rejected");
  const [answer, context] = [chosenAnswer(), contextNow()];
  const next = await get("api/following", { id: card.id, variant: answer.variant });
  const button = (words, changes, label) => element("button", { onclick: () => run(() => saveTurns(changes, label)) }, words);
  const asOwn = (head, tail) => run(async () => {
    await saveTurns({ text: head }, "cut the answer");
    const before = [...context, { role: "user", content: promptNow() }, { role: "assistant", content: head }];
    await showAuthor({ context: before, text: tail, ...(answer.model ? { drafts: [{ text: tail, model: answer.model }], from: 0 } : {}) });
  });
  const asked = context.length >= 2 ? context.slice(-2) : null;
  const isChanged = [card.mark.text, card.mark.prompt, card.mark.context].some((change) => change !== null);
  openPanel("Turns",
    isChanged ? element("p", {}, button("Back to the words as they were", { text: null, prompt: null, context: null, original: null }, "took the changes of turns back")) : null,
    element("h3", {}, "Cut the answer"),
    cutsView(textNow(), (head, tail) => [button("Keep all above", { text: head }, "cut the answer"), button("Keep all below", { text: tail }, "cut the answer"),
      element("button", { onclick: () => asOwn(head, tail) }, "Make a separate example of what is below")]),
    element("h3", {}, "Cut the prompt"),
    cutsView(promptNow(), (head, tail) => [button("Keep all above", { prompt: head }, "cut the prompt"), button("Keep all below", { prompt: tail }, "cut the prompt")]),
    next === null ? null : [element("h3", {}, "Join with the exchange after it"),
      element("div", { class: "turn user" }, element("small", {}, "this is dropped"), "\n", next.prompt), element("div", { class: "turn" }, element("small", {}, "this is added to the answer"), "\n", next.text.slice(0, 600)),
      element("p", { class: "row" }, button("Join", { text: `${textNow()}\n\n${next.text}`, original: `${card.mark.original ?? answer.text}\n\n${next.text}` }, "joined with the exchange after it"))],
    asked === null ? null : [element("h3", {}, "Join with the exchange before it"),
      element("div", { class: "turn user" }, element("small", {}, "this comes before the prompt"), "\n", asked[0].content), element("div", { class: "turn" }, element("small", {}, "this is dropped"), "\n", asked[1].content.slice(0, 600)),
      element("p", { class: "row" }, button("Join", { prompt: `${asked[0].content}\n\n${promptNow()}`, context: context.slice(0, -2) }, "joined with the exchange before it"))],
    context.length === 0 ? null : [element("h3", {}, "What was said before"),
      element("p", { class: "row" }, button("Drop the earlier messages", { context: [] }, "dropped the earlier messages"))]);
}

function showGroups(card) {
  const variant = card.variants.find((v) => v.variant === desk.view.chosen) ?? card.variants[0];
  const rules = new Map([...variant.flags, ...card.prompt_flags].filter((flag) => flag.severity !== "I").map((flag) => [flag.rule, flag.title]));
  const groups = [[`this ${wholeWord(card)}`, { by: "conversation", value: card.conversation }],
    ...(card.near ? [[`the ${number(card.near)} that ask nearly this`, { by: "near", value: card.id }]] : []),
    ...[...rules].map(([rule, title]) => [title, { by: "flag", value: rule }]),
    ...(variant.model ? [[`answers of ${variant.model}`, { by: "model", value: variant.model }]] : []),
    ...(card.topic ? [[`the topic ${card.topic[1]}`, { by: "topic", value: card.topic[0] }]] : [])];
  openPanel("Many cards at once", element("p", {}, "Undecided cards like this one, by:"),
    element("p", { class: "row" }, groups.map(([name, group]) => element("button", { onclick: () => run(() => showGroup(group)) }, name))),
    element("p", {}, "Or by length, file, topic or words: ", element("button", { onclick: () => run(() => showList()) }, "the list ", element("kbd", {}, "l"))));
}

async function showGroup(group) {
  const preview = await post("api/group", group);
  openPanel(`${counted(preview.count, "card")}: ${preview.rule}`, bulkView(group, preview), cardList(preview));
}

/** What can be done with all cards of a group. Those that lint flags are accepted only by a button that says so. */
function bulkView(group, { count, whole, rule, clean, flagged, errors, dated, off_branch: offBranch }, { isFound = false } = {}) {
  const decide = (action, amount, cleanOnly = false) => () => run(async () => {
    showProgress(await post("api/bulk", { group, action, count: amount, clean_only: cleanOnly }));
    say(`${counted(amount, "card")} ${action === "reject" ? "rejected" : "accepted"}; u takes it back`);
    if (desk.screen === "list") return showList();
    closePanel();
    if (desk.screen === "cards" && desk.card) return show(await get("api/card", { id: desk.card.id }));
    return screens[desk.screen]();
  });
  const hold = () => run(async () => {
    const { label } = await post("api/choice", { group, choice: "private", cards: whole.cards });
    desk.held = { label };
    say(`${whole.words} held private: not shown, learned or sent; u takes it back`);
    closePanel();
    showProgress();
    return screens[desk.screen]();
  });
  const holdButton = isFound && whole.cards > 0 ? element("button", { onclick: hold, title: "Each whole text in which the words stand, with those of its cards that do not hold them: not shown, learned or sent" }, `Hold private: ${whole.words}`) : null;
  if (count === 0) return isFound ? [element("p", { class: "row bulk" }, element("span", {}, "All of them are decided on."), holdButton)] : [];
  const isOpen = group.by === "filter" && (group.value.state ?? "undecided") === "undecided";
  const n = `all ${number(count)}${isFound ? " found" : ""}`;
  const accept = clean === count ? [element("button", { onclick: decide("accept", count) }, `Accept ${n}`)]
    : [clean === 0 ? null : element("button", { onclick: decide("accept", clean, true) }, `Accept the ${number(clean)} without errors or warnings`),
      element("button", { class: "quiet", onclick: decide("accept", count) }, flagged === 0 ? `Accept ${n}` : `Accept ${n}, ${number(flagged)} flagged`)];
  return [element("p", { class: "row bulk" },
    isFound ? element("span", {}, `${counted(count, "undecided card")}:`) : null,
    accept,
    element("button", { onclick: decide("reject", count) }, `Reject ${n}`),
    holdButton,
    isOpen ? element("button", { onclick: () => run(() => goThrough(group.value)), title: rule }, "Go through them") : null,
    element("span", { class: "soft" }, "one undo takes it back")),
  flagged === 0 ? null : element("p", { class: "soft" }, flaggedWords(flagged, errors)),
  isOpen || group.by !== "filter" ? uncleanView(dated, offBranch) : null];
}

/** Cards without errors or warnings of lint and that are not accepted unasked all the same, in words. */
function uncleanParts(dated, offBranch) {
  return [dated === 0 ? null : counted(dated, "dated note (daily notes, journals)", "dated notes (daily notes, journals)"),
    offBranch === 0 ? null : counted(offBranch, "card on a branch that its chat no longer shows", "cards on branches that their chats no longer show")].filter(Boolean);
}

function uncleanView(dated, offBranch) {
  const parts = uncleanParts(dated, offBranch);
  return parts.length === 0 ? null : element("p", { class: "soft" }, `Not taken with them, although lint finds no error or warning in them: ${parts.join(", ")}. Accept them one by one, or all.`);
}

/** What happens with cards that lint flags once they are accepted. */
function flaggedWords(flagged, errors) {
  const [few, warned] = [counted(errors, "of them has an error", "of them have errors"), flagged - errors];
  const parts = [errors === 0 ? null : `${few}: a data set leaves ${errors === 1 ? "it" : "them"} out until edited`,
    warned === 0 ? null : `${counted(warned, "has a warning", "have warnings")} and would be learned as ${warned === 1 ? "it is" : "they are"}`];
  return `Lint, the check of the texts, found errors or warnings in ${number(flagged)}. ${parts.filter(Boolean).map((part) => part[0].toUpperCase() + part.slice(1)).join("; ")}.`;
}

/** From here on only these cards come up. */
async function goThrough(filter) {
  closePanel();
  const first = await post("api/only", { filter });
  showProgress();
  show(first);
}

/** Cards by the first words of prompt and answer. */
function cardList({ count, shown }) {
  const states = { accept: "accepted", edit: "accepted", reject: "rejected" };
  return [element("ul", { class: "hits" }, shown.map((hit) => element("li", {},
    element("button", { onclick: () => run(() => open(hit.id)) },
      element("small", {}, [states[hit.action], hit.title || "untitled", hit.file === hit.title ? null : hit.file, hit.too_long ? `${number(hit.too_long)} tokens` : null, hit.rules.length ? hit.rules.join(", ") : null].filter(Boolean).join(" · ")), element("br"),
      element("strong", {}, hit.prompt), element("br"), hit.answer)))),
  count > shown.length ? element("p", { class: "soft" }, `and ${number(count - shown.length)} more`) : null];
}
