// A card: the texts with lint's highlights, all answers side by side, and where they come from.
"use strict";

/** Text with its flagged spans marked; overlapping flags share a mark. */
function marked(text, flags) {
  const edges = new Set([0, text.length]);
  for (const flag of flags) edges.add(flag.start).add(flag.end);
  const cuts = [...edges].sort((a, b) => a - b);
  return cuts.slice(0, -1).map((start, i) => {
    const end = cuts[i + 1];
    const part = text.slice(start, end);
    // A flag on the whole text stands in the list below; painting everything would hide the others.
    const over = flags.filter((flag) => flag.start <= start && flag.end >= end && flag.end - flag.start < text.length);
    if (over.length === 0) return part;
    const worst = ["E", "W", "I"].find((severity) => over.some((flag) => flag.severity === severity));
    return element("mark", { class: worst, title: over.map((flag) => `${flag.rule} ${flag.message}`).join("\n") }, part);
  });
}

function flagList(flags) {
  if (flags.length === 0) return null;
  const words = { E: "error", W: "warning", I: "note" };
  return element("ul", { class: "flags" }, flags.map((flag) =>
    element("li", { class: flag.severity },
      element("b", {}, flag.rule), `${words[flag.severity]}: ${flag.message}`,
      flag.fix !== null ? element("small", {}, " (f mends it)") : null)));
}

/** One answer: as a text, or as a field while it is edited. */
function answerView(card, variant, i, view) {
  const isChosen = variant.variant === view.chosen;
  const edited = isChosen ? card.mark.text : null;
  const text = edited ?? variant.text;
  const writers = writersText(card.written);
  return element("section", { class: `variant${isChosen ? " chosen" : ""}`, "aria-label": `Answer ${i + 1}${isChosen ? ", chosen" : ""}` },
    element("h2", {},
      element("button", { onclick: () => choose(i), "aria-pressed": String(isChosen), title: "Choose this answer" }, element("kbd", {}, String(i + 1))),
      element("span", {}, variant.model ?? variant.author ?? "writer not named"),
      variant.is_active && card.variants.length > 1 && card.provider !== "authored" ? element("span", { class: "badge" }, "you went on from here") : null,
      variant.feedback ? element("span", { class: "badge" }, variant.feedback === "up" ? "rated up" : "rated down") : null,
      edited !== null ? element("span", { class: "badge" }, `edited: ${writers}`) : null,
      isChosen && card.variants.length > 1 ? element("span", { class: "badge" }, "chosen") : null),
    isChosen && view.editing
      ? editor(text)
      : element("div", { class: "turn" }, edited !== null ? text : marked(text, variant.flags)),
    edited !== null || (isChosen && view.editing) ? null : flagList(variant.flags));
}

function editor(text) {
  const height = (words, least) => String(Math.min(40, Math.max(least, words.split("\n").length + Math.ceil(words.length / 85))));
  const prompt = element("textarea", { class: "of-prompt", "aria-label": "The prompt", rows: height(promptNow(), 1) });
  const field = element("textarea", { "aria-label": "The answer", rows: height(text, 10) });
  prompt.value = promptNow();
  field.value = text;
  const saveBoth = () => run(() => saveEdit(field.value, prompt.value));
  for (const input of [prompt, field]) input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); stopEditing(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); saveBoth(); }
  });
  return element("div", {}, element("label", { class: "soft" }, "Prompt", prompt), element("label", { class: "soft" }, "Answer", field), element("p", { class: "row" },
    element("button", { class: "main", onclick: saveBoth }, "Save ", element("kbd", {}, "Ctrl Enter")),
    element("button", { onclick: stopEditing }, "Cancel ", element("kbd", {}, "Esc"))));
}

/** Characters from which on a prompt is set as running text and scrolls in itself, so that the answers stay in sight. */
const LONG_PROMPT = 700;

/** The whole card. */
function cardView(card, view) {
  const { mark } = card;
  const state = { accept: "accepted", edit: "accepted, edited", reject: "rejected" }[mark.action];
  const context = mark.context ?? card.context;
  const places = [card.provider === "authored" ? null : card.provider, card.date, `${card.position} of ${card.of}`, card.shelf?.[1], card.provider === "authored" ? "written at the desk" : card.source.split("/").pop()];
  return element("article", { "aria-label": card.title || "Card" },
    element("p", { class: "origin" },
      state ? element("span", { class: `state ${mark.action === "reject" ? "reject" : "accept"}` }, state + (mark.reason ? `: ${mark.reason}` : "")) : null,
      state ? " " : null,
      element("button", { onclick: () => run(() => showConversation(card)), title: "The whole conversation (o)" }, card.title || "untitled conversation"),
      ` · ${places.filter(Boolean).join(" · ")}`,
      mark.domain ? ` · ${mark.domain}` : null,
      mark.tags.length ? ` · ${mark.tags.map((tag) => `#${tag}`).join(" ")}` : null),
    element("p", { class: `why${card.second_look ? " second" : ""}` }, `Why this card: ${card.why}.`,
      card.cluster ? [" ", element("button", { class: "link", onclick: () => run(() => showGroup({ by: "cluster", value: card.cluster[0] })) }, `${number(card.cluster[1])} cards ask nearly this`)] : null),
    view.reasons ? reasonsView() : null,
    card.system === null ? null : element("details", { class: "before", open: card.system_flags.length > 0 },
      element("summary", {}, "system message"),
      element("div", { class: "turn system" }, marked(card.system, card.system_flags)),
      flagList(card.system_flags)),
    context.length === 0 ? null : element("details", { class: "before", open: view.context },
      element("summary", {}, `${counted(context.length, "message")} before (c)${mark.context ? ", as you changed them" : ""}`),
      context.map((turn, i) => {
        const flags = mark.context ? [] : card.context_flags[i];
        return [element("div", { class: `turn ${turn.role}` }, marked(turn.content, flags)), flagList(flags)];
      })),
    context.length === 0 && mark.context ? element("p", { class: "soft" }, "What was said before is left away.") : null,
    element("div", { class: `turn prompt${promptNow().length > LONG_PROMPT ? " long" : ""}`, tabindex: promptNow().length > LONG_PROMPT ? "0" : null }, mark.prompt !== null ? [mark.prompt, " ", element("span", { class: "badge" }, "edited")] : marked(card.prompt, card.prompt_flags)),
    mark.prompt !== null ? null : flagList(card.prompt_flags),
    element("div", { class: "variants" }, card.variants.map((variant, i) => answerView(card, variant, i, view))));
}

function reasonsView() {
  return element("div", { class: "reasons", role: "group", "aria-label": "Why rejected" }, "Rejected. Why? ",
    REASONS.map((reason, i) => element("button", { onclick: () => run(() => giveReason(i)) }, element("kbd", {}, String(i + 1)), ` ${reason}`)),
    element("button", { onclick: () => run(forward) }, element("kbd", {}, "j"), " no reason"));
}
