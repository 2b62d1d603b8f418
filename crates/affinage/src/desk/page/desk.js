// The desk: one card at a time, a key for everything, and nothing kept in the page that the library does not have.
"use strict";

const REASONS = ["wrong", "dull", "not my voice", "unfinished", "private", "off topic", "too long", "needs its context", "a repetition"];
const desk = { screen: "cards", card: null, next: null, busy: false, last: null, view: {}, times: [], reading: 0, overview: null };

/** The places with an address of their own, `#name`; a reload and the browser's way back find them again. */
const screens = { topics: () => showTopics(), cards: () => showCards(), list: () => showList(), dashboard: () => showDashboard(), freeze: () => showFreeze() };
const placeNow = () => location.hash.slice(1).split("?")[0];

async function start() {
  const summary = await showProgress();
  const asked = screens[placeNow()];
  if (asked) return asked();
  return summary.begins_with_topics ? showTopics() : showCards();
}

/** Says where we are, in the address too. */
function arrive(name) {
  closePanel();
  if (location.hash === "") history.replaceState(null, "", `#${name}`);
  else if (placeNow() !== name) history.pushState(null, "", `#${name}`);
  desk.isElsewhere = desk.screen !== name;
  desk.screen = name;
  desk.view.editing = false;
  drawKeys();
}

/** The view that was just drawn from its top; after another one with the focus on its heading. */
function beginView() {
  scrollTo(0, 0);
  const heading = document.querySelector("main h1");
  if (!desk.isElsewhere || !heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** The cards, from the one on the desk on; waits for the first of a library that is still being read. */
async function showCards() {
  arrive("cards");
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
  const { accepted, candidates, taste } = summary;
  const isSmall = summary.is_whole && candidates < taste;
  const aim = isSmall ? candidates : accepted < taste ? taste : summary.goal;
  // A share of the number that stands beside it: first of what a small model takes, then of a full data set.
  goal.max = Math.max(1, aim);
  goal.value = Math.min(accepted, aim);
  goal.title = `${number(accepted)} accepted of ${isSmall ? number(candidates) : `about ${number(aim)}, which make ${accepted < taste ? "a first small model" : "a full data set"}`}`;
  goal.setAttribute("aria-label", goal.title);
  const worth = Math.max(1, summary.effective_n);
  const facts = [
    isSmall ? `${number(accepted)} of ${number(candidates)} accepted` : `${number(accepted)} accepted of about ${number(aim)}, which make ${accepted < taste ? "a first small model" : "a full data set"}`,
    !isSmall && accepted < (summary.report_from ?? 0) ? element("span", { title: "About so many accepted examples have the test examples without which the report says nothing; more where many are of one conversation or text." }, `for a report: about ${number(summary.report_from)}`) : null,
    accepted > 0 && worth < accepted ? element("span", { title: "Cards of one conversation or document share its matter: a hundred of them are not a hundred independent examples." }, `worth about ${counted(worth, "independent example")}`) : null,
    `${number(summary.rejected)} rejected`, `${number(summary.open)} open${summary.is_whole ? "" : ", reading more"}`];
  // A line may end between two facts, not within one.
  document.getElementById("progress").replaceChildren(...facts.filter(Boolean).flatMap((fact, i) => [i > 0 ? " · " : "", element("span", { class: "fact" }, fact)]));
  showOnly(summary.only);
  // The first time enough is accepted, and never again.
  if (desk.summary && desk.summary.accepted < taste && accepted >= taste) say(`${taste} accepted: enough for a first small model, see d`);
  desk.summary = summary;
  return summary;
}

/** The selection that the person goes through, and the way out of it. */
function showOnly(only) {
  const line = document.getElementById("only");
  line.hidden = !only || desk.screen !== "cards";
  if (only) line.replaceChildren(`Going through ${only.words}: ${only.left === 0 ? "none left" : `${number(only.left)} to go`}`, element("button", { onclick: () => run(endOnly) }, "All cards"));
}

/** The cards, all of them: a list that was gone through is left. */
async function leaveList() {
  if ((await showProgress()).only) return endOnly();
  return showCards();
}

async function endOnly() {
  await post("api/only", { filter: null });
  await showCards();
}

/** Puts a card on the desk, saves the place, and asks for the next one ahead. */
function show(card) {
  desk.card = card;
  desk.view = { chosen: card ? (card.mark.variant ?? card.variants[0].variant) : null, context: false, editing: false, reasons: false, more: false, info: desk.view.info };
  desk.next = card ? get("api/next", { of: card.id }) : null;
  desk.next?.catch(() => {});
  if (desk.screen !== "cards") arrive("cards");
  if (card?.second_look) say("asked again: you decided on this card before; the line above it says why");
  draw();
  scrollTo(0, 0);
  if (card) post("api/place", { id: card.id }).catch(() => {});
}

function draw() {
  const main = document.getElementById("main");
  main.replaceChildren(desk.card ? cardView(desk.card, desk.view) : endView(desk.summary));
  foldPrompt();
  drawKeys();
  if (desk.view.editing) beginTyping();
}

/** Nothing is left: where it goes on from here. */
function endView({ only, accepted, effective_n: worth }) {
  const button = (text, key, isMain) => element("button", { class: isMain ? "main" : null, onclick: () => act(key) }, `${text} `, element("kbd", {}, key));
  if (only) {
    return element("article", { class: "end" }, element("h1", {}, "None of these is left"), element("p", {}, `You went through ${only.words}: each is decided on, skipped or private.`),
      element("p", { class: "row" }, element("button", { class: "main", onclick: () => run(endOnly) }, "All cards"), button("Another list", "l")));
  }
  return element("article", { class: "end" }, element("h1", {}, "Nothing is left to decide"),
    element("p", {}, accepted === 0 ? "Nothing is accepted yet: go back to the topics, or write an example." : `${counted(accepted, "example")} accepted, worth about ${counted(Math.max(1, worth), "independent example")}. Freeze them into a data set, then train on it.`),
    element("p", { class: "row" }, accepted === 0 ? null : button("Freeze a data set", "z", true), button("Topics", "g"), button("Write an example", "n"), button("Dashboard", "d")));
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
  said.replaceChildren(...inCode(text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { said.textContent = ""; }, 4000 + 40 * text.length);
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
  say(same ? "the same as the first time" : "the first time you decided otherwise; that decision stays");
  await forward();
}

/** What keeps an accepted card out of the data set, in words; null if nothing does. */
function keptOutBy(card) {
  const { edited } = card;
  const flags = edited ? [...edited.flags, ...edited.prompt_flags] : [...chosenAnswer().flags, ...card.prompt_flags, ...card.context_flags.flat(), ...card.system_flags];
  const errors = [...new Set(flags.filter((flag) => flag.severity === "E").map((flag) => `${flag.rule} ${flag.message}`))];
  return errors.length === 0 ? null : `kept out of the data set until this is mended: ${errors.join("; ")}`;
}

async function accept() {
  if (desk.card.second_look) return lookAgain(true);
  const why = keptOutBy(desk.card);
  if (desk.summary.learn === "edited" && desk.card.mark.text === null) say("accepted, but the model learns only from edited answers: press e");
  else if (why) say(`accepted, but ${why}`);
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
  if (reason !== "private") return forward();
  desk.view.reasons = "private";
  draw();
}

/** The whole conversation or document of the card is not shown, learned or sent. */
async function holdPrivate() {
  const { id, provider } = desk.card;
  if (provider === "authored") return say("this example was written here; x rejects it");
  const { label } = await post("api/choice", { card: id, choice: "private" });
  desk.held = { label, id };
  say(`the whole ${wholeWord(desk.card)} is private now: not shown, learned or sent; u takes it back`);
  showProgress();
  show(await get("api/card"));
}

function choose(i) {
  return run(async () => {
    const { variant } = desk.card.variants[i];
    if (variant === desk.view.chosen) return;
    if (desk.view.editing) return say("save or cancel the edit first");
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
  if (desk.card.second_look) return say("a second look is only accepted or rejected");
  desk.view.editing = true;
  draw();
}

/** Words that were typed and are not saved. */
function isTyped() {
  const [prompt, answer] = document.querySelectorAll("main .writing");
  return desk.view.editing && prompt !== undefined && (prompt.value !== promptNow() || answer.value !== textNow());
}

function stopEditing() {
  desk.view.editing = false;
  draw();
}

/** Typed words are not thrown away by one key. */
function escape() {
  if (isTyped() && !desk.view.warned) {
    desk.view.warned = true;
    return say("Esc once more throws away what you typed");
  }
  return stopEditing();
}

/** Saves the edit and accepts the card, as one step; a text that did not change changes nothing. */
async function saveEdit() {
  const [prompt, answer] = [...document.querySelectorAll("main .writing")].map((field) => field.value);
  if (!isTyped()) {
    stopEditing();
    return say("nothing was changed; a accepts the card");
  }
  const own = (now, before) => (now.trim() === before.trim() ? null : now.trim());
  await save({ action: "accept", reason: null, text: own(answer, chosenAnswer().text), prompt: own(prompt, desk.card.prompt) }, "edited and accepted");
  await again();
  scrollTo(0, 0);
  const why = keptOutBy(desk.card);
  say(why ? `saved, but ${why}` : "saved and accepted; u takes it back, j goes on");
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

/** Shows or hides something of the card. */
function toggle(what) {
  desk.view[what] = !desk.view[what];
  draw();
}

async function undo() {
  const undone = await post("api/undo");
  if (undone.label === null) return say("nothing to undo");
  const isWritten = desk.written?.label === undone.label;
  if (isWritten) takeUpWriting();
  say(isWritten ? "undone: the example is no card any more; n has its words" : `undone: ${undone.label}`);
  showProgress(undone.summary);
  if (desk.screen === "topics") return keepPlace(await topicsNow());
  if (undone.is_of_topics && undone.label === desk.held?.label) {
    const { id } = desk.held;
    desk.held = null;
    return id ? show(await get("api/card", { id })) : screens[desk.screen]();
  }
  if (undone.is_of_topics) return showTopics();
  if (desk.screen !== "cards" || !undone.id) return screens[desk.screen]();
  show(await get("api/card", { id: undone.id }));
}

async function back() {
  const card = await get("api/previous", { of: desk.card.id });
  if (card) show(card); else say("this is the first card");
}

const actions = {
  a: ["Accept", accept], x: ["Reject", reject], e: ["Edit", edit], f: ["Fix", fix], s: ["Turns", () => showTurns(desk.card)],
  t: ["Tag", () => showTags(desk.card)], p: ["Private", holdPrivate], u: ["Undo", undo], j: ["Next", forward], k: ["Back", back], "/": ["Search", showSearch],
  b: ["Many", () => showGroups(desk.card)], "?": ["Keys", showHelp],
};
/** Without a button at the foot: they stand on the card, in the head, or need none. */
const more = {
  c: cycleContext, o: () => showConversation(desk.card), m: () => toggle("more"), i: () => toggle("info"), ".": () => desk.last?.(),
};
const places = { g: ["Topics", screens.topics], r: ["Cards", leaveList], l: ["List", screens.list], d: ["Dashboard", screens.dashboard], z: ["Freeze", screens.freeze], n: ["Write", () => showAuthor()] };
const screenKeys = { g: "topics", r: "cards", l: "list", d: "dashboard", z: "freeze" };
const topicActions = {
  j: ["Next", () => moveTopic(1)], k: ["Back", () => moveTopic(-1)], 1: ["Keep", () => chooseTopic(0)], 2: ["Skip", () => chooseTopic(1)],
  3: ["Private", () => chooseTopic(2)], u: ["Undo", undo], "/": ["Search", showSearch], "?": ["Keys", showHelp],
};
const everywhere = { u: actions.u, "/": actions["/"], "?": actions["?"] };

const actionsHere = () => (desk.screen === "topics" ? topicActions : desk.screen === "cards" && desk.card ? actions : everywhere);

function drawKeys() {
  const keys = document.getElementById("keys");
  keys.classList.toggle("writes", Boolean(desk.view.editing));
  if (desk.view.editing) {
    keys.replaceChildren(element("button", { class: "main", onclick: () => run(saveEdit) }, "Save and accept ", element("kbd", {}, "Ctrl Enter")),
      element("button", { onclick: stopEditing }, "Cancel ", element("kbd", {}, "Esc")));
  } else {
    keys.replaceChildren(...Object.entries(actionsHere()).sort((a, b) => order(a[0]) - order(b[0])).map(([key, [name]]) =>
      element("button", { onclick: () => act(key) }, element("kbd", {}, key), ` ${name}`)));
  }
  for (const button of document.querySelectorAll("#places button")) {
    if (screenKeys[button.dataset.key] === desk.screen) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
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

/** What a key does here; null if nothing. */
function actionOf(key) {
  const isCard = desk.screen === "cards" && desk.card;
  return actionsHere()[key]?.[1] ?? places[key]?.[1] ?? (isCard ? more[key] : null) ?? null;
}

async function act(key) {
  const action = actionOf(key);
  if (!action) return;
  if (isTyped()) return say("save the edit first (Ctrl Enter), or cancel it (Esc)");
  const began = performance.now();
  await run(action);
  requestAnimationFrame(() => { desk.times.push([key, performance.now() - began]); });
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=radio], [type=checkbox]), textarea, select") || document.getElementById("panel").open;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  // Enter and space on a control are its own.
  const isOnControl = ["Enter", " "].includes(event.key) && event.target.closest("button, input, summary, a");
  if (isOnControl && !desk.view.editing) return;
  const digit = /^[1-9]$/.test(event.key) ? Number(event.key) - 1 : -1;
  const [isTopics, isCards] = [desk.screen === "topics", desk.screen === "cards" && Boolean(desk.card)];
  if (desk.view.editing) { if (event.key !== "Escape") return; escape(); }
  else if (isTopics && event.key === "Enter") run(beginCards);
  else if (isCards && digit >= 0 && desk.view.reasons) run(() => desk.view.reasons === true && giveReason(digit));
  else if (isCards && digit >= 0) digit < desk.card.variants.length && choose(digit);
  else if (isCards && desk.view.reasons && ["Enter", "x"].includes(event.key)) run(forward);
  else if (actionOf(event.key)) act(event.key);
  else return;
  event.preventDefault();
});

window.addEventListener("popstate", () => run(start));
window.addEventListener("resize", () => foldPrompt());
window.addEventListener("beforeunload", (event) => { if (isTyped()) event.preventDefault(); });

document.getElementById("places").append(...Object.entries(places).map(([key, [name]]) =>
  element("button", { "data-key": key, onclick: () => act(key) }, name, " ", element("kbd", {}, key))));
run(start);
