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
  const isEditing = isChosen && view.editing;
  const edited = isChosen ? card.mark.text : null;
  const own = isChosen ? card.edited : null;
  return element("section", { class: `variant${isChosen ? " chosen" : ""}`, "aria-label": `Answer ${i + 1}${isChosen ? ", chosen" : ""}` },
    element("h2", {},
      element("button", { onclick: () => choose(i), "aria-pressed": String(isChosen), title: "Choose this answer" }, element("kbd", {}, String(i + 1))),
      element("span", {}, writerName(card, variant)),
      variant.is_active && card.variants.length > 1 && card.provider !== "authored" ? element("span", { class: "badge" }, "you went on from here") : null,
      variant.feedback ? element("span", { class: "badge" }, variant.feedback === "up" ? "rated up" : "rated down") : null,
      edited !== null && !(card.provider === "authored" && variant.model === null) ? element("span", { class: "badge", title: "Share of the answer's characters that the edit brought in" }, `edited: ${percent(own.new_share)} new words`) : null,
      isChosen && card.variants.length > 1 ? element("span", { class: "badge" }, "chosen") : null),
    isEditing ? writing("Answer", edited ?? variant.text) : element("div", { class: "turn" }, edited !== null ? marked(edited, own.flags) : marked(variant.text, own ? own.flags : variant.flags)),
    isEditing ? null : flagList(own ? own.flags : variant.flags));
}

/** Who wrote an answer; what was written here or in notes is the person's own. */
function writerName({ provider }, { model, author }) {
  return model ?? (provider === "authored" || (provider === "note" && author === "me") ? "you" : author ?? "writer not named");
}

/** 0.034 as `3 %`; what is more than nothing is never `0 %`. */
function percent(share) {
  const whole = Math.round(100 * share);
  return share > 0 && whole === 0 ? "under 1 %" : `${whole} %`;
}

/** A field for a text of the card, as high as its words. */
function writing(name, text) {
  const field = element("textarea", { class: `writing of-${name.toLowerCase()}`, "aria-label": `The ${name.toLowerCase()}`, rows: "1" });
  field.value = text;
  field.addEventListener("input", () => { desk.view.warned = false; fitHeight(field); });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { event.stopPropagation(); escape(); }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(saveEdit); }
  });
  return field;
}

function fitHeight(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

/** Puts the cursor where the answer begins, in view; into the prompt where that is a draft, which is what there is to write. */
function beginTyping() {
  const fields = document.querySelectorAll("main .writing");
  fields.forEach(fitHeight);
  const isDraft = desk.card.prompt_is_draft;
  const field = fields[isDraft ? 0 : 1];
  field.setSelectionRange(0, isDraft ? field.value.length : 0);
  field.focus({ preventScroll: true });
  const { top } = field.getBoundingClientRect();
  if (top > innerHeight * 0.5) scrollBy(0, top - innerHeight * 0.4);
}

/** A long prompt shows its first lines, so that the answers are in sight; what is hidden can be had with a button. */
function foldPrompt() {
  const prompt = document.querySelector("main .prompt");
  if (!prompt) return;
  const button = document.querySelector("main .unfold");
  prompt.classList.toggle("folded", !desk.view.more);
  const isCut = prompt.scrollHeight > prompt.clientHeight + 8;
  if (!isCut) prompt.classList.remove("folded");
  button.hidden = !isCut && !desk.view.more;
  button.setAttribute("aria-expanded", String(Boolean(desk.view.more)));
  const count = promptNow().split(/\s+/).filter(Boolean).length;
  button.replaceChildren(desk.view.more ? "Less of the prompt " : `The whole prompt, ${counted(count, "word")} `, element("kbd", {}, "m"));
}

/** The whole card. */
function cardView(card, view) {
  const { mark } = card;
  const context = mark.context ?? card.context;
  return element("article", { class: card.variants.length === 1 ? "card single" : "card", "aria-label": card.title || "Card" },
    headView(card, view),
    !card.why && !card.near ? null : element("p", { class: `why${card.second_look ? " second" : ""}` }, card.second_look ? element("b", {}, "Asked again. ") : null, card.why ? `Why now: ${card.why}. ` : null,
      card.near ? [ element("button", { class: "link", onclick: () => run(() => showGroup({ by: "near", value: card.id })) }, `${number(card.near)} cards ask nearly this`)] : null),
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
    context.length === 0 && mark.context ? element("p", { class: "soft" }, "The earlier messages were dropped.") : null,
    view.editing ? element("label", { class: "asked" }, element("span", { class: "soft" }, "Prompt"), writing("Prompt", promptNow())) : promptView(card),
    element("div", { class: "variants" }, card.variants.map((variant, i) => answerView(card, variant, i, view))));
}

function promptView(card) {
  const { mark, edited } = card;
  const flags = edited ? edited.prompt_flags : card.prompt_flags;
  return [element("div", { class: `turn prompt${promptNow().length > LONG_PROMPT ? " long" : ""}` },
    mark.prompt !== null ? [mark.prompt, " ", element("span", { class: "badge" }, "edited")] : marked(card.prompt, edited ? [] : flags)),
  element("button", { class: "link unfold", hidden: true, onclick: () => act("m") }),
  flagList(flags)];
}

/** Characters from which on a prompt is set as running text. */
const LONG_PROMPT = 400;

/** What a card is a part of: of notes nothing was said. */
const wholeWord = (card) => (card.provider === "note" ? "text" : "conversation");

/** What the card is about; where it comes from is behind `i`. */
function headView(card, view) {
  const { mark } = card;
  const state = { accept: "accepted", edit: "accepted, edited", reject: "rejected" }[mark.action];
  const isOwn = card.provider === "authored";
  const facts = [isOwn ? null : card.provider, card.date, card.of === 1 ? null : `card ${number(card.position)} of ${number(card.of)} of this ${wholeWord(card)}`, card.file, `words by ${writersText(card.written)}`];
  const known = desk.summary?.lengths;
  return [element("p", { class: "origin" },
    state ? element("span", { class: `state ${mark.action === "reject" ? "reject" : "accept"}` }, state + (mark.reason ? `: ${mark.reason}` : "")) : null,
    element("button", { class: "title", onclick: () => run(() => showConversation(card)), title: `The whole ${wholeWord(card)} (o)` }, card.title || "untitled"),
    card.topic ? element("button", { class: "pill", title: "List the cards of this topic", onclick: () => isTyped() || run(() => showList({ topic: card.topic[0] })) }, card.topic[1]) : null,
    mark.domain ? element("span", { class: "pill" }, mark.domain) : null,
    mark.tags.map((tag) => element("span", { class: "pill" }, `#${tag}`)),
    card.off_branch ? element("span", { class: "badge warn", title: "You edited or took another turn there; `--accept-clean` leaves it out" }, "on a branch that this chat no longer shows") : null,
    card.dated ? element("span", { class: "badge", title: "`--accept-clean` leaves dated notes out unless `--dated-notes` is given; what you accept here is taken" }, "dated note: taken only if you accept it") : null,
    card.too_long === null ? null : element("span", { class: "badge warn", title: "Shorten it, or raise train.max-seq-tokens in affinage.toml" },
      `too long for the training: ${number(card.too_long)} tokens${known?.limit ? `, it takes ${number(known.limit)}` : ""}`),
    element("button", { class: "info", "aria-expanded": String(Boolean(view.info)), "aria-label": "Where this card comes from (i)", title: "Where this card comes from (i)", onclick: () => act("i") }, element("kbd", {}, "i"))),
  view.info ? element("p", { class: "facts" }, facts.filter(Boolean).join(" · ")) : null];
}

function reasonsView() {
  if (desk.view.reasons === "private") {
    return element("div", { class: "reasons", role: "group", "aria-label": "Private" }, `Rejected: this card only. Hold the whole ${wholeWord(desk.card)} private (not shown, learned or sent)? `,
      element("button", { onclick: () => act("p") }, element("kbd", {}, "p"), " private"),
      element("button", { onclick: () => run(forward) }, element("kbd", {}, "j"), " only this card"));
  }
  return element("div", { class: "reasons", role: "group", "aria-label": "Why rejected" }, "Rejected. Why? ",
    REASONS.map((reason, i) => element("button", { onclick: () => run(() => giveReason(i)) }, element("kbd", {}, String(i + 1)), ` ${reason}`)),
    element("button", { onclick: () => run(forward) }, element("kbd", {}, "j"), " no reason"));
}
