// A card: the texts with lint's highlights, all answers side by side, and where they come from.
"use strict";

/** Text with its flagged spans marked; overlapping flags share a mark. */
function marked(text, flags) {
  const edges = new Set([0, text.length]);
  for (const flag of flags) edges.add(flag.start).add(flag.end);
  const cuts = [...edges].sort((a, b) => a - b);
  const order = "EWI";
  return cuts.slice(0, -1).map((start, i) => {
    const part = text.slice(start, cuts[i + 1]);
    const over = flags.filter((flag) => flag.start <= start && flag.end >= cuts[i + 1] && flag.end > flag.start);
    if (over.length === 0) return part;
    const worst = over.map((flag) => flag.severity).sort((a, b) => order.indexOf(a) - order.indexOf(b))[0];
    return element("mark", { class: worst, title: over.map((flag) => `${flag.rule} ${flag.message}`).join("\n") }, part);
  });
}

/** The whole card; `chosen` is the id of the chosen answer. */
function cardView(card, chosen) {
  return element("article", { "aria-label": card.title || "card" },
    element("p", { class: "origin" }, `${card.title || "untitled"} · ${card.provider}${card.date ? ` · ${card.date}` : ""} · ${card.position} of ${card.of}`),
    card.context.length === 0 ? null : element("details", {},
      element("summary", {}, counted(card.context.length, "message", "messages") + " before"),
      card.context.map((turn) => element("div", { class: `turn ${turn.role}` }, turn.content))),
    element("div", { class: "turn prompt" }, marked(card.prompt, card.prompt_flags)),
    element("div", { class: "variants" }, card.variants.map((variant, i) =>
      element("section", { class: `variant${variant.variant === chosen ? " chosen" : ""}`, "aria-label": `Answer ${i + 1}` },
        element("h3", {}, element("kbd", {}, String(i + 1)), ` ${variant.model ?? variant.author ?? ""}`),
        element("div", { class: "turn" }, marked(variant.text, variant.flags))))));
}
