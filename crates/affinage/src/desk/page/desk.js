// The desk: one card at a time, a key for everything, and nothing kept in the page that the library does not have.
"use strict";

const REASONS = ["wrong", "dull", "not my voice", "unfinished", "private", "off topic", "too long", "needs its context", "a repetition"];
const desk = { screen: "cards", card: null, next: null, busy: false, last: null, view: {}, times: [], reading: 0, territory: null };

async function start() {
  const summary = await showProgress();
  if (summary.begins_with_territory) return showTerritory();
  await showCards();
}

/** The cards, from the one on the desk on; waits for the first of a library that is still being read. */
async function showCards() {
  desk.screen = "cards";
  closePanel();
  await waitForReading(await showProgress());
  show(await get("api/card"));
  await waitForLibrary();
}

async function waitForReading(summary) {
  while (summary.candidates === 0 && !summary.is_whole) {
    document.getElementById("main").textContent = "Reading the library…";
    await new Promise((done) => setTimeout(done, 100));
    summary = await showProgress();
  }
}

async function showProgress(known) {
  const summary = known ?? await get("api/summary");
  const goal = document.getElementById("goal");
  goal.max = summary.goal;
  goal.value = summary.accepted;
  document.getElementById("progress").textContent =
    `${number(summary.accepted)} of ${number(summary.goal)} accepted · ${number(summary.rejected)} rejected · ` +
    `${counted(summary.candidates, "candidate")}${summary.is_whole ? "" : ", reading more"}`;
  // The first time enough is accepted, and never again.
  if (desk.summary && desk.summary.accepted < summary.taste && summary.accepted >= summary.taste) say(`${summary.taste} accepted: enough for a taste, see d`);
  desk.summary = summary;
  return summary;
}

/** Puts a card on the desk, saves the place, and asks for the next one ahead. */
function show(card) {
  desk.card = card;
  desk.view = { chosen: card ? (card.mark.variant ?? card.variants[0].variant) : null, context: false, editing: false, reasons: false };
  desk.next = card ? get("api/next", { of: card.id }) : null;
  desk.next?.catch(() => {});
  desk.screen = "cards";
  draw();
  scrollTo(0, 0);
  if (card) post("api/place", { id: card.id }).catch(() => {});
}

function draw() {
  const main = document.getElementById("main");
  main.replaceChildren(desk.card ? cardView(desk.card, desk.view) : element("div", {}, element("h1", {}, "Nothing is left to decide"),
    element("p", {}, "Freeze what you accepted: ", element("code", {}, "affinage dataset")),
    element("p", { class: "row" }, element("button", { onclick: () => act("g") }, "Shelves ", element("kbd", {}, "g")), element("button", { onclick: () => act("n") }, "Write an example ", element("kbd", {}, "n")))));
  main.querySelector(".variant textarea:not(.of-prompt)")?.focus();
  drawKeys();
}

/** The card again as the library has it now; the card promised next stays. */
async function again() {
  const { view, next } = desk;
  desk.card = await get("api/card", { id: desk.card.id });
  desk.view = { ...view, editing: false, chosen: desk.card.mark.variant ?? view.chosen };
  desk.next = next;
  draw();
}

function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 4000);
}

/** Stores what the card is now; the page changes only afterwards. */
async function save(changes, label) {
  const { card, view } = desk;
  const mark = { ...card.mark, variant: view.chosen, ...changes };
  showProgress(await post("api/mark", { id: card.id, mark, label }));
  card.mark = mark;
}

async function forward() {
  const next = await desk.next;
  show(next);
}

async function open(id) {
  closePanel();
  show(await get("api/card", { id }));
}

async function lookAgain(accepts) {
  const { same } = await post("api/second-look", { id: desk.card.id, accepts });
  say(same ? "as the first time" : "the first time you decided otherwise; that decision stays");
  await forward();
}

async function accept() {
  if (desk.card.second_look) return lookAgain(true);
  if (desk.summary.learn === "edited" && desk.card.mark.text === null) say("accepted, but only answers you edit are learnt: e");
  await save({ action: "accept", reason: null }, "accepted");
  desk.last = accept;
  await forward();
}

async function reject() {
  if (desk.card.second_look) return lookAgain(false);
  await save({ action: "reject", reason: null }, "rejected");
  desk.last = async () => { await save({ action: "reject", reason: null }, "rejected"); await forward(); };
  desk.view.reasons = true;
  draw();
}

async function giveReason(i) {
  const reason = REASONS[i];
  await save({ reason }, `rejected: ${reason}`);
  desk.last = async () => { await save({ action: "reject", reason }, `rejected: ${reason}`); await forward(); };
  await forward();
}

function choose(i) {
  return run(async () => {
    const { variant } = desk.card.variants[i];
    if (variant === desk.view.chosen) return;
    desk.view.chosen = variant;
    await save({ text: null, original: null }, `chose answer ${i + 1}`);
    await again();
  });
}

const chosenAnswer = () => desk.card.variants.find((variant) => variant.variant === desk.view.chosen);
const textNow = () => desk.card.mark.text ?? chosenAnswer().text;
const promptNow = () => desk.card.mark.prompt ?? desk.card.prompt;
const contextNow = () => desk.card.mark.context ?? desk.card.context;

function edit() {
  desk.view.editing = true;
  draw();
}

function stopEditing() {
  desk.view.editing = false;
  draw();
}

async function saveEdit(text, prompt) {
  const own = (now, before) => (now.trim() === before.trim() ? null : now.trim());
  await save({ text: own(text, chosenAnswer().text), prompt: own(prompt, desk.card.prompt) }, "edited");
  await again();
}

/** Turns cut, joined or left away. */
async function saveTurns(changes, label) {
  await save(changes, label);
  closePanel();
  await again();
}

async function saveTags(tags, domain) {
  await save({ tags, domain: domain.trim() || null }, "tagged");
  desk.last = async () => { await save({ tags, domain: domain.trim() || null }, "tagged"); draw(); };
  closePanel();
  draw();
}

async function fix() {
  const answer = chosenAnswer();
  if (desk.card.second_look || answer.fixes === 0) return say("no safe fix here");
  if (desk.card.mark.text !== null) return say("the answer is edited already; u takes that back");
  await post("api/fix", { id: desk.card.id, variant: answer.variant });
  // A fixed prompt is the prompt of all answers, and of what is promised next perhaps too.
  await again();
  say(`made ${counted(answer.fixes, "safe fix", "safe fixes")}`);
  desk.last = fix;
}

async function cycleContext() {
  if (!desk.view.context && desk.card.context.length > 0) {
    desk.view.context = true;
    draw();
  } else {
    desk.view.context = false;
    draw();
    await showConversation(desk.card);
  }
}

async function undo() {
  const undone = await post("api/undo");
  if (undone.label === null) return say("nothing to undo");
  say(`undone: ${undone.label}`);
  showProgress(undone.summary);
  if (undone.is_territory || desk.screen === "territory") return showTerritory();
  if (undone.id) show(await get("api/card", { id: undone.id }));
}

async function bulk(group, action, count) {
  showProgress(await post("api/bulk", { group, action, count }));
  say(`${counted(count, "card")} done; u takes it back`);
  show(await get("api/card", { id: desk.card.id }));
}

/** The first undecided card of a group. */
async function goTo(group) {
  const { shown } = await post("api/group", group);
  if (shown.length === 0) return say("nothing is left to decide there");
  await open(shown[0].id);
}

async function back() {
  const card = await get("api/previous", { of: desk.card.id });
  if (card) show(card); else say("this is the first card");
}

const actions = {
  a: ["Accept", accept], x: ["Reject", reject], e: ["Edit", edit], f: ["Fix", fix], s: ["Turns", () => showTurns(desk.card)],
  t: ["Tag", () => showTags(desk.card)], u: ["Undo", undo], j: ["Next", forward], k: ["Back", back], "/": ["Search", showSearch],
  b: ["Many", () => showGroups(desk.card)], "?": ["Keys", showHelp],
};
/** Without a button at the foot: they stand on the card, in the head, or need none. */
const more = {
  c: cycleContext, o: () => showConversation(desk.card), ".": () => desk.last?.(),
};
const places = { g: ["Shelves", showTerritory], r: ["Cards", showCards], d: ["Dashboard", showDashboard], n: ["New example", () => showAuthor()] };
const shelfActions = {
  j: ["Next", () => moveShelf(1)], k: ["Back", () => moveShelf(-1)], 1: ["Keep", () => chooseShelf(0)], 2: ["Skip", () => chooseShelf(1)],
  3: ["Private", () => chooseShelf(2)], u: ["Undo", undo], "/": ["Search", showSearch], "?": ["Keys", showHelp],
};

function drawKeys() {
  const shown = desk.screen === "territory" ? shelfActions : desk.card ? actions : { u: actions.u, "/": actions["/"], "?": actions["?"] };
  document.getElementById("keys").replaceChildren(...Object.entries(shown).sort((a, b) => order(a[0]) - order(b[0])).map(([key, [name]]) =>
    element("button", { onclick: () => act(key) }, element("kbd", {}, key), ` ${name}`)));
  for (const button of document.querySelectorAll("#places button")) {
    const isHere = button.dataset.key === (desk.screen === "territory" ? "g" : "r");
    button.toggleAttribute("aria-current", isHere);
  }
}

/** Numbers come first in an object; here they come after j and k. */
const order = (key) => ("jk".includes(key) ? 0 : /\d/.test(key) ? 1 : 2);

/** One thing at a time: a key pressed during a request waits for nothing and does nothing. */
async function run(action) {
  if (desk.busy) return;
  desk.busy = true;
  try {
    await action();
  } catch (error) {
    say(error.message);
  } finally {
    desk.busy = false;
  }
}

async function act(key) {
  const isShelves = desk.screen === "territory";
  const [, action] = (isShelves ? shelfActions[key] : actions[key]) ?? places[key] ?? [null, isShelves ? null : more[key]];
  const needsCard = !isShelves && !places[key] && !["u", "/", "?"].includes(key);
  if (!action || (needsCard && !desk.card)) return;
  const began = performance.now();
  await run(action);
  requestAnimationFrame(() => { desk.times.push([key, performance.now() - began]); });
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=radio]), textarea, select") || document.getElementById("panel").open;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
  const isShelves = desk.screen === "territory";
  const isOnControl = event.target.closest("button, input, summary");
  if (isShelves && event.key === "Enter" && !isOnControl) run(beginCards);
  else if (!isShelves && digit >= 0 && desk.view.reasons) run(() => giveReason(digit));
  else if (!isShelves && digit >= 0 && desk.card) digit < desk.card.variants.length && choose(digit);
  else if (!isShelves && desk.view.reasons && ["Enter", "x"].includes(event.key)) run(forward);
  else if ((isShelves ? shelfActions : actions)[event.key] || places[event.key] || (!isShelves && more[event.key])) act(event.key);
  else return;
  event.preventDefault();
});

document.getElementById("places").append(...Object.entries(places).map(([key, [name]]) =>
  element("button", { "data-key": key, onclick: () => act(key) }, name, " ", element("kbd", {}, key))));
run(start);
