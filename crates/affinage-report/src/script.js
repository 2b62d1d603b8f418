"use strict";
// Tips, the cursor of the loss chart, and the pair browser. Texts enter the page through textContent alone.
(() => {
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    if (className) node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const SVG = "http://www.w3.org/2000/svg";
  const makeSvg = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  // Tips: hover, focus or tap whatever carries data-tip.
  const tip = make("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);
  const showTip = (text, x, y) => {
    tip.textContent = text;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(12, x - box.width / 2), innerWidth - box.width - 12);
    const above = y - box.height - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above > 8 ? above : y + 18}px`;
  };
  const hideTip = () => { tip.hidden = true; };
  const tipFor = (event) => {
    const owner = event.target.closest && event.target.closest("[data-tip]");
    if (!owner) return hideTip();
    const box = (owner.querySelector(".target") || owner).getBoundingClientRect();
    const centred = box.top + (owner.querySelector(".target") ? box.height / 2 - 6 : 0);
    showTip(owner.dataset.tip, box.left + box.width / 2, centred);
  };
  for (const kind of ["pointerover", "focusin", "click"]) document.addEventListener(kind, tipFor);
  document.addEventListener("focusout", hideTip);
  document.addEventListener("scroll", hideTip, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });

  // The loss chart: the nearest step tells its values.
  for (const chart of document.querySelectorAll("svg[data-hover]")) {
    const points = JSON.parse(chart.dataset.hover);
    const cursor = makeSvg("line", { class: "cursor", y1: "0", y2: "100%", visibility: "hidden" });
    chart.prepend(cursor);
    chart.addEventListener("pointermove", (event) => {
      if (event.target.closest("[data-tip]")) return;
      const box = chart.getBoundingClientRect();
      const at = 100 * (event.clientX - box.left) / box.width;
      let nearest = points[0];
      for (const point of points) if (Math.abs(point[0] - at) < Math.abs(nearest[0] - at)) nearest = point;
      cursor.setAttribute("x1", `${nearest[0]}%`);
      cursor.setAttribute("x2", `${nearest[0]}%`);
      cursor.setAttribute("visibility", "visible");
      showTip(nearest[1], box.left + box.width * nearest[0] / 100, box.top + 10);
    });
    chart.addEventListener("pointerleave", () => { cursor.setAttribute("visibility", "hidden"); hideTip(); });
  }

  // A link into a folded part opens it.
  const unfold = (id) => {
    const target = id ? document.getElementById(id) : null;
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    return target;
  };
  const unfoldAddress = () => {
    const target = unfold(decodeURIComponent(location.hash.slice(1)));
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", unfoldAddress);
  unfoldAddress();
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href^='#']");
    if (link) unfold(link.hash.slice(1));
  });

  // Tables that are wider than their place have a shade at the edge beyond which they go on.
  const markWide = () => {
    for (const box of document.querySelectorAll(".scroll")) box.classList.toggle("goes-on", box.scrollWidth > box.clientWidth + 1);
  };
  addEventListener("resize", markWide);
  document.addEventListener("toggle", markWide, true);
  markWide();

  // On paper nothing can be clicked: open everything.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const node of opened) node.open = true;
  });
  addEventListener("afterprint", () => { for (const node of opened) node.open = false; });

  const root = document.getElementById("pair-browser");
  if (!root) return;
  const data = JSON.parse(document.getElementById("pair-data").textContent);
  const SIDES = ["First", "Second"];
  const SHAPES = {
    circle: ["circle", { r: "4.6" }],
    square: ["rect", { x: "-4.2", y: "-4.2", width: "8.4", height: "8.4" }],
    triangle: ["path", { d: "M0-5.4 5 4H-5Z" }],
    diamond: ["path", { d: "M0-6.2 6.2 0 0 6.2-6.2 0Z" }],
    pentagon: ["path", { d: "M0-5.6 5.3-1.7 3.3 4.5H-3.3L-5.3-1.7Z" }],
  };
  const CONFLICTS = {
    "": "all votes",
    split: "judges name different winners",
    unstable: "a verdict changed with the order",
    agreed: "no conflict",
    identical: "the same text twice",
    unanswered: "an answer ended while thinking",
    unjudged: "no two votes to compare",
    unknown: "conflicts were not analysed",
  };
  const state = { shown: [], at: 0, revealed: new Set(), choices: new Map() };

  const armName = (arm) => {
    const name = make("span", "arm");
    const glyph = makeSvg("svg", { class: `glyph ${arm.class}`, width: "14", height: "14", viewBox: "-7 -7 14 14", "aria-hidden": "true" });
    const [tag, attributes] = SHAPES[arm.shape];
    glyph.append(makeSvg(tag, attributes));
    name.append(glyph, arm.short);
    return name;
  };
  const armOf = (pair, side) => {
    const comparison = data.comparisons[pair.comparison];
    return side === pair.arm_side ? comparison.arm : comparison.against;
  };

  // Filters offer only what is there.
  const options = (label, entries) => {
    const select = make("select");
    select.setAttribute("aria-label", label);
    for (const [value, text] of entries) {
      const option = make("option", "", text);
      option.value = value;
      select.append(option);
    }
    select.addEventListener("change", () => { filter(); });
    return select;
  };
  // By length, in a way that does not tell which side is whose.
  const words = (id) => data.answers[id].text.split(/\s+/).filter(Boolean).length;
  const lengthsOf = (pair) => {
    const [short, long] = pair.sides.map(words).sort((a, b) => a - b);
    return { short, long };
  };
  const LENGTHS = {
    "": ["all lengths", () => true],
    equal: ["about the same length", ({ short, long }) => long <= 1.1 * short],
    apart: ["one at least 1.5 times as long", ({ short, long }) => long >= 1.5 * short],
    brief: ["both under 50 words", ({ long }) => long < 50],
    long: ["one over 200 words", ({ long }) => long > 200],
  };
  const used = (of) => new Set(data.pairs.map(of));
  const comparisons = used((pair) => String(pair.comparison));
  const byComparison = options("comparison", [["", "all comparisons"], ...data.comparisons
    .map((c, i) => [String(i), `${c.arm.short} against ${c.against.short}`]).filter(([i]) => comparisons.has(i))]);
  const byCategory = options("category", [["", "all categories"], ...[...used((pair) => data.prompts[pair.prompt].category)].sort().map((c) => [c, c])]);
  const conflicts = used((pair) => pair.conflict);
  const byConflict = options("votes", Object.entries(CONFLICTS).filter(([key]) => key === "" || conflicts.has(key)));
  // One kind of pair alone is nothing to choose from.
  byConflict.hidden = conflicts.size < 2;

  const byLength = options("length", Object.entries(LENGTHS)
    .filter(([key, [, fits]]) => key === "" || data.pairs.some((pair) => fits(lengthsOf(pair))))
    .map(([key, [text]]) => [key, text]));

  const button = (text, className, action) => {
    const node = make("button", className, text);
    node.type = "button";
    node.addEventListener("click", action);
    return node;
  };
  const where = make("span", "where");
  where.setAttribute("aria-live", "polite");
  const reveal = button("Reveal", "primary", () => { toggleReveal(); });
  const filters = make("div", "bar");
  filters.append(byComparison, byCategory, byConflict, byLength, where);
  const steps = make("div", "bar thumb");
  steps.append(button("Back", "", () => move(-1)), button("Next", "", () => move(1)), reveal);
  const view = make("div");
  const controls = make("div", "controls");
  controls.append(filters, steps);
  root.append(controls, view);

  const filter = () => {
    state.shown = data.pairs.filter((pair) =>
      (byComparison.value === "" || String(pair.comparison) === byComparison.value)
      && (byCategory.value === "" || data.prompts[pair.prompt].category === byCategory.value)
      && (byConflict.value === "" || pair.conflict === byConflict.value)
      && LENGTHS[byLength.value][1](lengthsOf(pair)));
    state.at = 0;
    draw();
  };
  const current = () => state.shown[state.at];
  const move = (by) => {
    if (!state.shown.length) return;
    state.at = Math.min(Math.max(0, state.at + by), state.shown.length - 1);
    draw();
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView();
  };
  const toggleReveal = () => {
    const pair = current();
    if (!pair) return;
    if (!state.revealed.delete(pair.id)) state.revealed.add(pair.id);
    draw();
  };
  const choose = (side) => {
    const pair = current();
    if (!pair || state.revealed.has(pair.id)) return;
    if (state.choices.get(pair.id) === side) state.choices.delete(pair.id); else state.choices.set(pair.id, side);
    draw();
  };

  const question = (prompt) => {
    const node = make("div", "question");
    node.dir = "auto";
    prompt.messages.forEach(([role, text], i) => {
      const last = i === prompt.messages.length - 1;
      node.append(last ? text : make("span", "turn", `${role}: ${text}`));
    });
    return node;
  };
  const side = (pair, index, revealed) => {
    const node = make("div", `side${state.choices.get(pair.id) === index ? " chosen" : ""}`);
    const heading = make("h3", "", SIDES[index]);
    if (revealed) heading.append(" \u00b7 ", armName(armOf(pair, index)));
    const answer = data.answers[pair.sides[index]];
    const text = make("div", "answer", answer.text.trim() || (answer.lost ? "(ended while thinking)" : "(empty)"));
    text.dir = "auto";
    node.append(heading, text);
    if (answer.cut) node.append(make("p", "cut", `cut at the token limit after ${answer.tokens} tokens`));
    return node;
  };
  const verdictText = (vote) => {
    if (vote.verdict === "tie") return "a tie";
    if (vote.verdict === "0" || vote.verdict === "1") return SIDES[vote.verdict];
    return vote.is_person ? vote.verdict : `no verdict: ${vote.verdict}`;
  };
  const saying = (vote) => (vote.judge === "you" ? "You said: " : vote.is_person ? `${vote.judge} said: ` : `${vote.judge} says `);
  const orderOf = (vote) => `saw the ${SIDES[vote.first_seat].toLowerCase()} answer first; the first was labelled ${vote.labels[0]}, the second ${vote.labels[1]}`;
  const voteItem = (vote, again) => {
    const item = make("li");
    const line = make("p");
    line.append(make("b", "", saying(vote)), verdictText(vote));
    const seen = !again.length ? orderOf(vote) : [vote, ...again].every((one) => one.first_seat === vote.first_seat) ? `${orderOf(vote)}; the same ${again.length + 1} times` : "the same in both orders";
    const p = vote.p_first === undefined ? "" : `; probability of the answer read first ${vote.p_first.toFixed(2)}`;
    item.append(line, make("p", "meta", seen + p));
    if (vote.rationale) {
      const why = make("p", "why", vote.rationale);
      why.dir = "auto";
      item.append(why);
    }
    if (vote.scores) {
      const of = [vote.scores.first, vote.scores.second];
      const parts = Object.keys(of[0]).map((name) =>
        `${name.replace("_", " ")} ${of[vote.first_seat][name]} : ${of[1 - vote.first_seat][name]}`);
      item.append(make("p", "scores", parts.join(" \u00b7 ")));
    }
    return item;
  };
  const votes = (pair, revealed) => {
    const node = make("details");
    const kept = view.querySelector("details");
    node.open = revealed || Boolean(kept && kept.open && kept.dataset.pair === pair.id);
    node.dataset.pair = pair.id;
    const n = pair.votes.length;
    if (!n) return make("p", "meta", pair.conflict === "unjudged" ? "nobody has compared these two yet" : CONFLICTS[pair.conflict]);
    const who = pair.votes.every((vote) => vote.judge === "you") ? "you" : pair.votes.every((vote) => vote.is_person) ? "people" : pair.votes.some((vote) => vote.is_person) ? "judges and people" : "the judges";
    const conflict = pair.conflict === "unjudged" ? "" : `, ${CONFLICTS[pair.conflict]}`;
    node.append(make("summary", "", `What ${who} said: ${n} ${pair.votes.every((vote) => vote.is_person) ? "vote" : "verdict"}${n === 1 ? "" : "s"}${conflict}`));
    const list = make("ul", "votes");
    // Who says the same twice, and gives no reason that could differ, is told once.
    const isBare = (vote) => !vote.rationale && !vote.scores && vote.p_first === undefined;
    const alike = (a, b) => a.judge === b.judge && a.verdict === b.verdict && isBare(a) && isBare(b);
    pair.votes.forEach((vote, i) => {
      if (pair.votes.slice(0, i).some((before) => alike(before, vote))) return;
      list.append(voteItem(vote, pair.votes.slice(i + 1).filter((after) => alike(vote, after))));
    });
    node.append(list);
    return node;
  };
  const choices = (pair, revealed) => {
    const node = make("div", "choice");
    const chosen = state.choices.get(pair.id);
    node.append(revealed ? "Your choice" : "Which would you rather have got?");
    [[0, "First"], [1, "Second"], [2, "Neither"]].forEach(([value, text]) => {
      const pick = button(text, "", () => choose(value));
      pick.setAttribute("aria-pressed", String(chosen === value));
      pick.disabled = revealed;
      node.append(pick);
    });
    return node;
  };
  // What the reader chose, by arm, over pairs that are revealed already. Kept in this tab only.
  const tally = () => {
    const counts = new Map();
    let n = 0;
    for (const pair of data.pairs) {
      const chosen = state.choices.get(pair.id);
      if (chosen === undefined || !state.revealed.has(pair.id)) continue;
      n += 1;
      const name = chosen === 2 ? "neither" : armOf(pair, chosen).short;
      counts.set(name, (counts.get(name) || 0) + 1);
    }
    if (!n) return "";
    return `Your ${n} revealed choice${n === 1 ? "" : "s"} so far: ${[...counts].map(([name, k]) => `${name} ${k}`).join(", ")}. Kept in this tab only.`;
  };
  const draw = () => {
    const pair = current();
    reveal.disabled = !pair;
    if (!pair) {
      where.textContent = "no pair matches";
      view.replaceChildren();
      return;
    }
    const revealed = state.revealed.has(pair.id);
    const prompt = data.prompts[pair.prompt];
    where.textContent = `${state.at + 1} of ${state.shown.length}`;
    reveal.textContent = revealed ? "Hide" : "Reveal";
    const sides = make("div", "sides");
    sides.append(side(pair, 0, revealed), side(pair, 1, revealed));
    const domain = prompt.domain === "in" ? "in-domain" : "out-of-domain";
    const meta = make("p", "meta", prompt.category === domain ? domain : `${prompt.category}, ${domain}`);
    const parts = [meta, question(prompt), sides, choices(pair, revealed), votes(pair, revealed)];
    if (revealed) parts.push(make("p", "meta", `${pair.id} \u00b7 ${pair.prompt} \u00b7 first ${pair.sides[0]} \u00b7 second ${pair.sides[1]}`));
    const said = tally();
    if (said) parts.push(make("p", "meta", said));
    view.replaceChildren(...parts);
  };

  // From the map to the pairs behind a number.
  document.addEventListener("click", (event) => {
    const opener = event.target.closest && event.target.closest("[data-conflict]");
    if (!opener) return;
    byCategory.value = opener.dataset.category;
    byConflict.value = opener.dataset.conflict;
    byComparison.value = comparisons.has(root.dataset.headline) ? root.dataset.headline : "";
    byLength.value = "";
    // A choice that the page does not carry reads as empty: show all then.
    for (const select of [byCategory, byConflict]) if (select.selectedIndex < 0) select.value = "";
    filter();
    unfold("pair-browser");
    root.scrollIntoView();
  });

  const actions = { j: () => move(1), k: () => move(-1), r: toggleReveal, 1: () => choose(0), 2: () => choose(1), 0: () => choose(2) };
  document.addEventListener("keydown", (event) => {
    const busy = event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea");
    const box = root.getBoundingClientRect();
    if (busy || !box.height || box.bottom < 0 || box.top > innerHeight || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  filter();
})();
