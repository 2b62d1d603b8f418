// What opens over the card: help, search, the whole conversation, groups, tags, cuts, the dashboard.
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
  const keys = [["j k", "next and previous card; on the shelves: next and previous shelf"], ["a", "accept the chosen answer"], ["x", "reject; then 1-9 says why, or j"],
    ["1-9", "choose an answer; on the shelves: 1 keep, 2 skip, 3 private"], ["e", "edit answer and prompt; Ctrl Enter saves, Esc cancels"], ["f", "make all safe fixes"],
    ["c", "what was said before: shown, whole conversation, folded"], ["s", "turns: cut the answer or the prompt, join exchanges"], ["t", "tags and domain"],
    ["u", "undo, as often as you like"], ["/", "search"], [".", "repeat the last action"], ["b", "many cards at once"], ["n", "a new example, written or drafted"],
    ["d", "dashboard"], ["g", "shelves: whose words, keep, skip, private"], ["r", "the cards, where you were"], ["o", "the whole conversation"], ["?", "this list"]];
  openPanel("Keys", element("table", {}, keys.map(([key, what]) => element("tr", {},
    element("th", {}, key.split(" ").map((k) => [element("kbd", {}, k), " "])), element("td", {}, what)))),
    element("p", { class: "soft" }, "Every key is saved before the page shows what it did. Ctrl-C in the terminal closes the desk; nothing leaves this machine."));
}

function showSearch() {
  const field = element("input", { role: "searchbox", "aria-label": "Words to find", placeholder: "all these words; \"in quotes\" a phrase" });
  const list = element("ul", { class: "hits" });
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
    const hits = field.value.trim().length < 2 ? [] : await get("api/search", { words: field.value });
    list.replaceChildren(...(hits.length === 0 ? [element("li", { class: "soft" }, "Nothing found.")] : hits.map((hit) =>
      element("li", {}, element("button", { onclick: () => run(() => open(hit.id)) }, element("small", {}, hit.title || "untitled"), element("br"), line(hit))))));
  };
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); run(find); } });
  openPanel("Search", element("div", { class: "row" }, field, element("button", { class: "main", onclick: () => run(find) }, "Find")), list);
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
  openPanel("Tags and domain", element("p", { class: "soft" }, "They stand in the rows of the data set."),
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
      element("button", { onclick: () => asOwn(head, tail) }, "Below becomes an example of its own")]),
    element("h3", {}, "Cut the prompt"),
    cutsView(promptNow(), (head, tail) => [button("Keep all above", { prompt: head }, "cut the prompt"), button("Keep all below", { prompt: tail }, "cut the prompt")]),
    next === null ? null : [element("h3", {}, "Join with the exchange after it"),
      element("div", { class: "turn user" }, element("small", {}, "this is dropped"), "\n", next.prompt), element("div", { class: "turn" }, element("small", {}, "this is added to the answer"), "\n", next.text.slice(0, 600)),
      element("p", { class: "row" }, button("Join", { text: `${textNow()}\n\n${next.text}`, original: `${card.mark.original ?? answer.text}\n\n${next.text}` }, "joined with the exchange after it"))],
    asked === null ? null : [element("h3", {}, "Join with the exchange before it"),
      element("div", { class: "turn user" }, element("small", {}, "this comes before the prompt"), "\n", asked[0].content), element("div", { class: "turn" }, element("small", {}, "this is dropped"), "\n", asked[1].content.slice(0, 600)),
      element("p", { class: "row" }, button("Join", { prompt: `${asked[0].content}\n\n${promptNow()}`, context: context.slice(0, -2) }, "joined with the exchange before it"))],
    context.length === 0 ? null : [element("h3", {}, "What was said before"),
      element("p", { class: "row" }, button("Leave it away: the prompt stands alone", { context: [] }, "left away what was said before"))]);
}

function showGroups(card) {
  const variant = card.variants.find((v) => v.variant === desk.view.chosen) ?? card.variants[0];
  const rules = [...new Set([...variant.flags, ...card.prompt_flags].filter((flag) => flag.severity !== "I").map((flag) => flag.rule))];
  const groups = [["this conversation", { by: "conversation", value: card.conversation }],
    ...(card.cluster ? [[`the ${number(card.cluster[1])} that ask nearly this`, { by: "cluster", value: card.cluster[0] }]] : []),
    ...rules.map((rule) => [`rule ${rule}`, { by: "flag", value: rule }]),
    ...(variant.model ? [[`answers of ${variant.model}`, { by: "model", value: variant.model }]] : []),
    ...(card.shelf ? [[`the shelf ${card.shelf[1]}`, { by: "shelf", value: card.shelf[0] }]] : [])];
  openPanel("Many cards at once", element("p", {}, "Undecided cards like this one, by:"),
    element("p", { class: "row" }, groups.map(([name, group]) => element("button", { onclick: () => run(() => showGroup(group)) }, name))));
}

async function showGroup(group) {
  const preview = await post("api/group", group);
  const act = (action) => async () => { await bulk(group, action, preview.count); closePanel(); };
  openPanel(`${counted(preview.count, "card")}: ${preview.rule}`,
    element("p", { class: "row" },
      element("button", { onclick: () => run(act("reject")), disabled: preview.count === 0 }, `Reject all ${number(preview.count)}`),
      element("button", { onclick: () => run(act("accept")), disabled: preview.count === 0 }, `Accept all ${number(preview.count)}`),
      element("span", { class: "soft" }, "one undo takes it back")),
    element("ul", { class: "hits" }, preview.shown.map((hit) => element("li", {},
      element("button", { onclick: () => run(() => open(hit.id)) }, hit.title || "untitled", " ", element("small", {}, hit.id))))),
    preview.count > preview.shown.length ? element("p", { class: "soft" }, `and ${number(preview.count - preview.shown.length)} more`) : null);
}

async function showDashboard() {
  const figures = await get("api/dashboard");
  const { summary, second_looks: looks } = figures;
  const table = (title, rows, heads = null) => rows.length === 0 ? null : [element("h3", {}, title), element("table", {},
    heads ? element("tr", {}, element("td"), heads.map((head) => element("td", { class: "num soft" }, head))) : null, rows.map(([name, ...cells]) =>
      element("tr", {}, element("th", {}, name), cells.map((cell) => element("td", { class: "num" }, cell)))))];
  const heads = ["candidates", "accepted", "rejected"];
  const counts = (map) => Object.entries(map).sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, number(count)]);
  const all = Object.values(figures.written).reduce((sum, chars) => sum + chars, 0);
  const writers = Object.entries(figures.written).sort((a, b) => b[1] - a[1]).map(([who, chars]) =>
    [who === "person" ? "by hand" : who.replace(/^model:/, ""), `${Math.round((100 * chars) / all)} %`, `${number(chars)} characters`]);
  openPanel("Dashboard",
    element("p", {}, `${number(summary.accepted)} of ${number(summary.goal)} accepted (${number(figures.edited)} edited), ${number(summary.rejected)} rejected, ${number(summary.candidates - summary.accepted - summary.rejected)} open. ` +
      (all === 0 ? "" : `The accepted come from ${counted(figures.conversations, "conversation")}: they are worth about ${figures.effective_n.toFixed(0)} independent examples.`)),
    element("p", {}, looks.count === 0 ? "No second looks yet: one card in twenty comes again, to see whether you agree with yourself."
      : `You agreed with yourself on ${looks.same} of ${counted(looks.count, "second look")}${looks.kappa === null ? "" : ` (kappa ${looks.kappa.toFixed(2)})`}.`),
    summary.accepted >= summary.taste ? element("p", { class: "taste" }, "Enough for a taste. In the terminal, after Ctrl-C: ", element("code", {}, figures.taste_command)) : null,
    figures.gaps.length === 0 ? null : [element("h3", {}, "Missing"), element("ul", { class: "hits" }, figures.gaps.map((gap) => element("li", {},
      gap.group ? element("button", { onclick: () => run(() => goTo(gap.group)) }, gap.words) : gap.words)))],
    table("Who wrote the accepted words", all === 0 ? [] : writers),
    table("Topics", figures.shelves.map(({ name, counts: cells }) => [name, ...cells.map(number)]), heads),
    table("Source models", Object.entries(figures.models).map(([name, cells]) => [name, ...cells.map(number)]), heads),
    table("Accepted by length", all === 0 ? [] : figures.lengths.map(({ name, count }) => [name, number(count)])),
    table("Accepted by number of answers to the prompt", Object.entries(figures.answers).map(([name, count]) => [name, number(count)])),
    table("Accepted by domain", counts(figures.domains)), table("Accepted by tag", counts(figures.tags)),
    table("Rejected because", counts(figures.reasons)), table("Open cards by rule of lint", counts(figures.flags)));
}
