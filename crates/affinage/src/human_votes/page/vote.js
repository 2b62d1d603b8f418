// One pair a screen. What is stored, and where, is the backend's business: `live.js` asks the server of this machine,
// `pack.js` keeps the votes in the browser until they are saved as a file.
"use strict";

/** The pair on the screen with the time when it appeared; null on other screens. */
let shown = null;
/** Set while a vote is on its way, so that no key counts twice. */
let busy = false;
let reading = 0;

/** Faster than anyone reads: such a key was meant for the pair before. */
const TOO_SOON_MS = 250;
/** How long the chosen answer is marked before the next pair comes. */
const MARKED_MS = 160;

const main = document.getElementById("main");
const keys = document.getElementById("keys");

function say(text) {
  const line = document.getElementById("said");
  line.replaceChildren(...inCode(text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => { line.textContent = ""; }, 2600);
}

/** Draws the state: the next pair, or the end. */
async function draw(state) {
  const bar = document.getElementById("done");
  bar.max = Math.max(1, state.total);
  bar.value = state.done;
  document.getElementById("count").textContent = `${number(state.done)} of ${number(state.total)}`;
  shown = null;
  if (state.item) pair(state);
  else await end(state);
  main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function start(state) {
  const [left, checks] = [state.total - state.done, state.total - state.pairs];
  const checked = checks === 0 ? "" : ` ${counted(checks, "more screen")} ${checks === 1 ? "is" : "are"} among them to check the votes: pairs that are shown again, or planted and no part of the comparison.`;
  const row = (key, text) => [element("kbd", {}, key), element("span", {}, text)];
  main.replaceChildren(element("section", { class: "start" },
    element("h1", {}, state.done ? "Welcome back" : state.is_author ? "Which answer sounds more like you?" : "Which answer is better?"),
    element("p", {}, `${state.done ? `${counted(left, "screen")} of ${number(state.total)} ${left === 1 ? "is" : "are"} left.` : `You will see ${counted(state.pairs, "pair")} of answers, one pair at a time; both answers of a pair are to the same question.${checked}`} You are not told who or what wrote them, and position and label mean nothing.`),
    element("ul", {},
      state.own_first ? element("li", {}, "Pairs on prompts of the data set, which the model was not trained on, were chosen before pairs on other prompts. Each screen says where its prompt comes from.") : null,
      state.is_author ? element("li", {}, "Take the answer that you would rather have written: its voice counts, not its length.")
        : element("li", {}, "Take the answer that you would rather have got. Length alone is no merit."),
      element("li", {}, `If neither ${state.is_author ? "sounds more like you" : "is better"}, say so: a tie is a vote. Skip what you cannot judge.`),
      element("li", {}, state.place)),
    element("div", { class: "keylist" },
      row("1", `the first ${state.is_author ? "sounds more like me" : "is better"}`), row("2", `the second ${state.is_author ? "sounds more like me" : "is better"}`),
      row("0", "a tie"), row("S", "skip"), row("U", "take the last one back")),
    element("button", { class: "main", onclick: () => draw(state), autofocus: true }, state.done ? "Go on" : "Begin", " ", element("kbd", {}, "Enter"))));
  document.getElementById("count").textContent = `${number(state.done)} of ${number(state.total)}`;
  main.querySelector("button").focus();
}

function pair(state) {
  const { item } = state;
  const answer = (side, key) => element("article", { class: "answer", id: `answer-${key}`, onclick: () => picked(window.getSelection().isCollapsed, side.label) },
    element("h2", {}, element("kbd", {}, key), `Answer ${side.label}`),
    side.text.trim() ? element("div", { class: "text" }, prose(side.text)) : element("div", { class: "text none" }, "(an empty answer)"),
    side.cut_at ? element("p", { class: "cut" }, `It breaks off here: answers were limited to ${counted(side.cut_at, "token")} (pieces of words).`) : null);
  const [last, ...before] = [...item.messages].reverse();
  const who = { system: "Instruction", user: "Question", assistant: "Answer" };
  main.replaceChildren(
    element("h1", { class: "hidden" }, "A pair of answers"), element("section", { class: "asked" },
      element("p", { class: "what" }, item.criterion, " ", element("span", { class: "origin" }, `${item.origin}.`)),
      before.length ? element("details", {}, element("summary", {}, `${counted(before.length, "earlier turn")}`),
        before.reverse().map((turn) => element("p", { class: "earlier" }, `${who[turn.role]}: ${turn.content}`))) : null,
      element("p", { class: last.content.length > 420 ? "turn long" : "turn" }, last.content)),
    element("div", { class: "answers", id: "answers" }, answer(item.first, "1"), answer(item.second, "2")));
  const button = (text, key, said, kind) => element("button", { class: kind, onclick: () => vote(said) }, element("kbd", {}, key), " ", text);
  const is = state.is_author ? "sounds more like me" : "is better";
  keys.hidden = false;
  keys.replaceChildren(
    button(`${item.first.label} ${is}`, "1", item.first.label, "pick"),
    button("tie", "0", "tie", "tie"),
    button(`${item.second.label} ${is}`, "2", item.second.label, "pick"),
    element("span", { class: "gap" }),
    button("skip", "S", "skip", "quiet skip"),
    element("button", { class: "quiet undo", disabled: !state.can_undo, onclick: undo }, element("kbd", {}, "U"), " take back"));
  shown = { item, at: performance.now() };
  reading = 0;
}

/** A text with its fenced code set apart; everything stays text. */
function prose(text) {
  return text.split(/^```[\w+-]*[ \t]*$/m).map((part, i) => i % 2 ? element("code", { class: "fence" }, part.replace(/^\n|\n$/g, "")) : part);
}

/** A click on an answer counts only if no text was being selected. */
function picked(isClick, label) {
  if (isClick) vote(label);
}

async function vote(said) {
  if (!shown || busy) return;
  const ms = Math.round(performance.now() - shown.at - reading);
  if (ms < TOO_SOON_MS) return;
  busy = true;
  const { item } = shown;
  const at = said === item.first.label ? "1" : said === item.second.label ? "2" : null;
  if (at) document.getElementById(`answer-${at}`).classList.add("picked");
  if (said === "tie") document.getElementById("answers").classList.add("tied");
  try {
    const state = await backend.vote(item.id, said, ms);
    await new Promise((done) => setTimeout(done, MARKED_MS));
    say(at ? `${said} chosen` : said === "tie" ? "a tie" : "skipped");
    await draw(state);
  } catch (error) {
    document.querySelectorAll(".picked, .tied").forEach((part) => part.classList.remove("picked", "tied"));
    say(error.message);
  }
  busy = false;
}

async function undo() {
  if (busy) return;
  busy = true;
  try {
    const state = await backend.undo();
    say("taken back: vote again");
    await draw(state);
  } catch (error) {
    say(error.message);
  }
  busy = false;
}

/** Asks again about what was skipped. */
async function again() {
  if (busy) return;
  busy = true;
  try {
    await draw(await backend.again());
  } catch (error) {
    say(error.message);
  }
  busy = false;
}

async function end(state) {
  keys.hidden = true;
  main.replaceChildren(await backend.end(state, undo, again));
}

/** "1 pair skipped" */
function skippedWords({ skipped }) {
  return `${counted(skipped, "pair")} skipped`;
}

/** What a skipped pair means for the result. */
function missingWords({ skipped, missing }) {
  const counts = skipped === 1 ? "A skipped pair counts as no vote." : "Skipped pairs count as no votes.";
  return missing ? `${counts} They are counted from ${missing === 1 ? "1 more vote" : `${number(missing)} more votes`} on.` : counts;
}

// Time in another window is no reading.
let hiddenAt = null;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) hiddenAt = performance.now();
  else if (hiddenAt !== null) { reading += performance.now() - hiddenAt; hiddenAt = null; }
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target instanceof HTMLInputElement) return;
  const key = event.key.toLowerCase();
  if (shown) {
    const said = { 1: shown.item.first.label, 2: shown.item.second.label, 0: "tie", t: "tie", s: "skip" }[key];
    if (said) { event.preventDefault(); vote(said); return; }
  }
  if ((key === "u" || key === "backspace") && !document.querySelector(".start")) { event.preventDefault(); undo(); }
});

// Who has voted on everything is not greeted again: the end is where it stays.
backend.state().then((state) => (state.item ? start(state) : draw(state))).catch((error) => say(error.message));
