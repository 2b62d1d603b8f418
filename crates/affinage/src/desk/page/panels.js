// What opens over the card: help, search, the whole conversation, groups, tags, cuts, the dashboard.
"use strict";

function openPanel(title, ...children) {
  const panel = document.getElementById("panel");
  panel.replaceChildren(
    element("h2", {}, element("span", { id: "panel-title" }, title), element("button", { onclick: () => panel.close() }, "Close ", element("kbd", {}, "Esc"))),
    ...children.flat(9).filter(Boolean));
  if (!panel.open) panel.showModal();
  panel.querySelector("input, .here")?.scrollIntoView({ block: "center" });
  panel.querySelector("input")?.focus();
}

function closePanel() {
  document.getElementById("panel").close();
}

function showHelp() {
  const keys = [["j k", "next and previous card"], ["a", "accept the chosen answer"], ["x", "reject; then 1-9 says why, or j"],
    ["1-9", "choose an answer"], ["e", "edit the answer; Ctrl Enter saves, Esc cancels"], ["f", "make all safe fixes"],
    ["c", "what was said before: shown, whole conversation, folded"], ["s", "cut the answer at a paragraph"], ["t", "tags"],
    ["u", "undo, as often as you like"], ["/", "search"], [".", "repeat the last action"], ["b", "many cards at once"],
    ["d", "dashboard"], ["o", "the whole conversation"], ["?", "this list"]];
  openPanel("Keys", element("table", {}, keys.map(([key, what]) => element("tr", {},
    element("th", {}, key.split(" ").map((k) => [element("kbd", {}, k), " "])), element("td", {}, what)))),
    element("p", { class: "soft" }, "Every key is saved before the page shows what it did. Ctrl-C in the terminal closes the desk; nothing leaves this machine."));
}

function showSearch() {
  const field = element("input", { type: "search", "aria-label": "Words to find", placeholder: "words in a prompt or an answer" });
  const list = element("ul", { class: "hits" });
  const find = async () => {
    const hits = field.value.trim().length < 2 ? [] : await get("api/search", { words: field.value });
    list.replaceChildren(...(hits.length === 0 ? [element("li", { class: "soft" }, "Nothing found.")] : hits.map((hit) =>
      element("li", {}, element("button", { onclick: () => run(() => open(hit.id)) }, element("small", {}, hit.title || "untitled"), element("br"), hit.line)))));
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

function showTags(card) {
  const field = element("input", { "aria-label": "Tags and domain, separated by commas", placeholder: "ethics, letters" });
  field.value = card.mark.tags.join(", ");
  const save = () => saveTags(field.value.split(",").map((tag) => tag.trim()).filter(Boolean));
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); run(save); } });
  openPanel("Tags and domain", element("div", { class: "row" }, field, element("button", { class: "main", onclick: () => run(save) }, "Save")));
}

function showCuts(text) {
  const parts = text.split(/\n\s*\n/);
  openPanel("Cut the answer", element("p", {}, "Keep what belongs to the answer; the rest leaves this example. Undo brings it back."),
    parts.length < 2 ? element("p", {}, "This answer is one paragraph: edit it with e.") : null,
    parts.slice(1).map((_, i) => {
      const [head, tail] = [parts.slice(0, i + 1).join("\n\n"), parts.slice(i + 1).join("\n\n")];
      return element("div", {}, element("div", { class: "turn" }, parts[i].slice(-160)), element("p", { class: "row" },
        element("button", { onclick: () => run(() => saveCut(head)) }, "Keep all above"),
        element("button", { onclick: () => run(() => saveCut(tail)) }, "Keep all below")));
    }),
    parts.length < 2 ? null : element("div", { class: "turn" }, parts[parts.length - 1].slice(0, 160)));
}

function showGroups(card) {
  const variant = card.variants.find((v) => v.variant === desk.view.chosen) ?? card.variants[0];
  const rules = [...new Set([...variant.flags, ...card.prompt_flags].filter((flag) => flag.severity !== "I").map((flag) => flag.rule))];
  const groups = [["this conversation", { by: "conversation", value: card.conversation }],
    ...rules.map((rule) => [`rule ${rule}`, { by: "flag", value: rule }]),
    ...(variant.model ? [[`answers of ${variant.model}`, { by: "model", value: variant.model }]] : [])];
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
  const table = (title, rows) => rows.length === 0 ? null : [element("h3", {}, title), element("table", {}, rows.map(([name, ...cells]) =>
    element("tr", {}, element("th", {}, name), cells.map((cell) => element("td", { class: "num" }, cell)))))];
  const counts = (map) => Object.entries(map).sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, number(count)]);
  openPanel("Dashboard",
    element("p", {}, `${number(summary.accepted)} of ${number(summary.goal)} accepted (${number(figures.edited)} edited), ${number(summary.rejected)} rejected, ${number(summary.candidates - summary.accepted - summary.rejected)} open. ` +
      `The accepted come from ${counted(figures.conversations, "conversation")}: they are worth about ${figures.effective_n.toFixed(0)} independent examples.`),
    element("p", {}, looks.count === 0 ? "No second looks yet: one card in twenty comes again, to see whether you agree with yourself."
      : `You agreed with yourself on ${looks.same} of ${looks.count} second looks${looks.kappa === null ? "" : ` (kappa ${looks.kappa.toFixed(2)})`}.`),
    summary.accepted >= 60 ? element("p", {}, "Enough for a taste: ", element("code", {}, "affinage dataset --name taste && affinage train")) : null,
    table("Writers: candidates, accepted, rejected", Object.entries(figures.models).map(([name, cells]) => [name, ...cells.map(number)])),
    table("Accepted by length", figures.lengths.map(({ name, count }) => [name, number(count)])),
    table("Accepted by number of answers to the prompt", Object.entries(figures.answers).map(([name, count]) => [name, number(count)])),
    table("Accepted by tag", counts(figures.tags)), table("Rejected because", counts(figures.reasons)), table("Open cards by rule of lint", counts(figures.flags)));
}
