// The desk: one card at a time, a key for everything, and nothing kept in the page that the library does not have.
"use strict";

const REASONS = ["wrong", "dull", "not my voice", "unfinished", "private", "off topic", "too long", "needs its context", "a repetition"];
const desk = { card: null, next: null, busy: false, last: null, view: {}, times: [] };

async function start() {
  let summary = await showProgress();
  while (summary.candidates === 0 && !summary.is_whole) {
    document.getElementById("main").textContent = "Reading the library…";
    await new Promise((done) => setTimeout(done, 100));
    summary = await showProgress();
  }
  show(await get("api/card"));
  while (!summary.is_whole) {
    await new Promise((done) => setTimeout(done, 1000));
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
  return summary;
}

/** Puts a card on the desk, saves the place, and asks for the next one ahead. */
function show(card) {
  desk.card = card;
  desk.view = { chosen: card ? (card.mark.variant ?? card.variants[0].variant) : null, context: false, editing: false, reasons: false };
  desk.next = card ? get("api/next", { of: card.id }) : null;
  desk.next?.catch(() => {});
  draw();
  scrollTo(0, 0);
  if (card) post("api/place", { id: card.id }).catch(() => {});
}

function draw() {
  const main = document.getElementById("main");
  main.replaceChildren(desk.card ? cardView(desk.card, desk.view)
    : element("div", {}, element("h1", {}, "Nothing is left to decide"), element("p", {}, "Freeze what you accepted: ", element("code", {}, "affinage dataset"))));
  main.querySelector("textarea")?.focus();
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
    await save({ text: null }, `chose answer ${i + 1}`);
    draw();
  });
}

const chosenAnswer = () => desk.card.variants.find((variant) => variant.variant === desk.view.chosen);
const textNow = () => desk.card.mark.text ?? chosenAnswer().text;

function edit() {
  desk.view.editing = true;
  draw();
}

function stopEditing() {
  desk.view.editing = false;
  draw();
}

async function saveEdit(text) {
  const trimmed = text.trim();
  await save({ text: trimmed === chosenAnswer().text ? null : trimmed }, "edited");
  stopEditing();
}

async function saveCut(text) {
  await save({ text }, "cut the answer");
  closePanel();
  draw();
}

async function saveTags(tags) {
  await save({ tags }, "tagged");
  desk.last = async () => { await save({ tags }, "tagged"); draw(); };
  closePanel();
  draw();
}

async function fix() {
  const { fixed } = chosenAnswer();
  if (fixed === null || desk.card.mark.text !== null) return say(fixed === null ? "no safe fix here" : "the answer is edited already");
  await save({ text: fixed }, "made the safe fixes");
  desk.last = fix;
  draw();
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
  if (undone.id) show(await get("api/card", { id: undone.id }));
}

async function bulk(group, action, count) {
  showProgress(await post("api/bulk", { group, action, count }));
  say(`${counted(count, "card")} done; u takes it back`);
  show(await get("api/card", { id: desk.card.id }));
}

async function back() {
  const card = await get("api/previous", { of: desk.card.id });
  if (card) show(card); else say("this is the first card");
}

const actions = {
  a: ["Accept", accept], x: ["Reject", reject], e: ["Edit", edit], f: ["Fix", fix], c: ["Context", cycleContext],
  s: ["Cut", () => showCuts(textNow())], t: ["Tag", () => showTags(desk.card)], u: ["Undo", undo], k: ["Back", back], j: ["Next", forward],
  "/": ["Search", showSearch], ".": ["Repeat", () => desk.last?.()], b: ["Many", () => showGroups(desk.card)],
  o: ["Conversation", () => showConversation(desk.card)], d: ["Dashboard", showDashboard], "?": ["Keys", showHelp],
};

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
  if (!desk.card && !["u", "/", "d", "?"].includes(key)) return;
  const began = performance.now();
  await run(actions[key][1]);
  requestAnimationFrame(() => { desk.times.push([key, performance.now() - began]); });
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select") || document.getElementById("panel").open;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
  if (digit >= 0 && desk.view.reasons) run(() => giveReason(digit));
  else if (digit >= 0 && desk.card && digit < desk.card.variants.length) choose(digit);
  else if (desk.view.reasons && ["Enter", "x"].includes(event.key)) run(forward);
  else if (actions[event.key]) act(event.key);
  else return;
  event.preventDefault();
});

document.getElementById("keys").append(...Object.entries(actions).map(([key, [name]]) =>
  element("button", { onclick: () => act(key) }, element("kbd", {}, key), ` ${name}`)));
start().catch((error) => say(error.message));
