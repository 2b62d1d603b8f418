// The first screen: topics, whose words are learnt, what is set aside, and who is who in transcripts.
"use strict";

const CHOICES = [["keep", "Keep"], ["skip", "Skip"], ["private", "Private"]];
const QUESTION = [
  ["assistant", "The assistant’s", "what the assistant said is the answer, what you said is the prompt"],
  ["mine", "Mine", "what you said is the answer, what the assistant said before it is the prompt"],
  ["edited", "Answers I edited", "only answers with words of yours"],
];

/** `gpt 83 %, person 17 %`, the largest share first. */
function sharesText(shares) {
  const name = (who) => (who === "person" ? "you or other people" : who.replace(/^model:/, ""));
  return Object.entries(shares).sort((a, b) => b[1] - a[1]).slice(0, 5).map(([who, share]) => `${name(who)} ${Math.round(share * 100)} %`).join(", ");
}

/** `2023-04 to 2025-01`, `2023-04`, or nothing. */
function monthsText({ first, last }) {
  const [from, to] = [first?.slice(0, 7), last?.slice(0, 7)];
  return !from ? "no date" : from === to ? from : `${from} to ${to}`;
}

function overviewView(found) {
  return element("article", { class: "overview", "aria-label": "What is there" },
    element("h1", {}, "What is there"),
    element("p", {}, found.is_whole && found.candidates === 0 ? "Nothing is brought in yet." : found.is_whole ? `${amountWords(found)}, by topic. Each card comes up for your decision; here you say of whole topics what is not to come up. Nothing here accepts a card.`
      : `Reading the library: ${amountWords(found)} so far…`),
    found.candidates === 0 ? null : element("ul", { class: "legend soft" },
      element("li", {}, element("strong", {}, "Keep"), ": its cards come up, as they do without a choice; it marks what you have looked at."),
      element("li", {}, element("strong", {}, "Skip"), ": its cards do not come up and are not learned, unless you accept one by hand."),
      element("li", {}, element("strong", {}, "Private"), ": its cards are never shown, learned or sent anywhere. Nothing is deleted; ", element("kbd", {}, "u"), " takes a choice back."),
      found.aside_count === 0 ? null : element("li", {}, "What was ", element("strong", {}, "set aside"), " because it calls itself a draft, or for keys, passwords, much personal data or pasted texts, is listed below the topics, and comes up only if you keep it there. What else is private (health, family, other people) only you know: search for it and hold it private.")),
    heldView(found),
    found.candidates === 0 ? null : element("p", {}, element("button", { class: "main", onclick: () => run(beginCards) }, "Begin with the cards ", element("kbd", {}, "Enter"))),
    found.waiting.map((waiting) => waitingView(waiting, found.profiles)),
    questionView(found),
    found.topics.length === 0 ? null : element("ol", { class: "topics" }, found.topics.map(topicView)),
    foldersView(found.folders),
    asideView(found),
    leftOutView(found.left_out),
    found.candidates === 0 ? null : element("p", {}, element("button", { class: "main", onclick: () => run(beginCards) }, "Begin with the cards ", element("kbd", {}, "Enter"))));
}

/** How much is held private, and its names for who asks for them. */
function heldView({ held, shows_held: shows, is_notes_only: isNotes, has_notes: hasNotes }) {
  if (held === 0) return null;
  const show = () => run(async () => {
    desk.showsHeld = !shows;
    await keepPlace(await topicsNow());
    document.querySelector(".held button")?.focus({ preventScroll: true });
  });
  return element("p", { class: "held" }, `${counted(held, isNotes ? "section is" : hasNotes ? "text is" : "conversation is", isNotes ? "sections are" : hasNotes ? "texts are" : "conversations are")} held private, because ${held === 1 ? "it says so itself" : "they say so themselves"} or you chose it. ${shows ? "Their names stand below, under “One by one” and “set aside”." : "Their names are not shown."} `,
    element("button", { class: "small", onclick: show }, shows ? "Hide their names" : "Show their names"));
}

/** What there is, with the names of what is held private if they were asked for. */
const topicsNow = () => get("api/topics", desk.showsHeld ? { held: 1 } : {});

/** "150 conversations, 124 of them with 205 prompts and their answers"; of notes there are sections of documents. */
function amountWords({ is_notes_only: isNotes, has_notes: hasNotes, files, conversations, with_candidates: asked, candidates }) {
  if (isNotes) return `${counted(candidates, "section")} of ${counted(files, "document")}`;
  const of = asked < conversations ? `, ${number(asked)} of them` : "";
  return `${counted(conversations, hasNotes ? "conversation or section" : "conversation", hasNotes ? "conversations and sections" : "conversations")}${of} with ${counted(candidates, "prompt and its answer", "prompts and their answers")}`;
}

function questionView(found) {
  if (found.is_notes_only) return element("p", { class: "soft" }, "These are notes: each answer is in your own words, and no assistant wrote any of them.");
  const shares = sharesText(found.shares);
  return element("fieldset", { class: "question" },
    element("legend", {}, "Whose words should the model learn?"),
    QUESTION.map(([learn, name, what]) => element("label", {},
      element("input", { type: "radio", name: "learn", value: learn, checked: found.learn === learn, onchange: () => run(() => setLearn(learn)) }),
      element("span", {}, element("strong", {}, name), element("br"), element("small", {}, what)))),
    shares ? element("p", { class: "soft" }, `The answers here were written by: ${shares}.`) : null);
}

function topicView(topic) {
  const projects = Object.entries(topic.projects).map(([name, count]) => `${name} (${number(count)})`);
  const decided = [topic.accepted ? `${number(topic.accepted)} accepted` : null, topic.rejected ? `${number(topic.rejected)} rejected` : null];
  const some = CHOICES.map(([, name], i) => [[topic.kept, topic.skipped, topic.private][i], name.toLowerCase()])
    .filter(([count, name]) => topic.chosen !== name && count > 0).map(([count, name]) => `${number(count)} ${name}`);
  const isNotes = desk.overview?.is_notes_only;
  const facts = [monthsText(topic), isNotes ? null : counted(topic.conversations, desk.overview?.has_notes ? "text" : "conversation"), counted(topic.candidates, isNotes ? "section" : "card"),
    topic.answers > topic.candidates ? counted(topic.answers, "answer") : null, topic.aside ? `${number(topic.aside)} set aside` : null, ...decided, ...some];
  return element("li", { tabindex: "-1", class: `topic${topic.chosen ? ` is-${topic.chosen}` : ""}`, "data-topic": String(topic.number), "data-chosen": topic.chosen },
    element("div", {},
      element("h2", {}, topic.name),
      element("p", { class: "soft" }, facts.filter(Boolean).join(" · ")),
      projects.length ? element("p", { class: "soft" }, `${isNotes ? "Folders" : "Projects"}: ${projects.slice(0, 4).join(", ")}${projects.length > 4 ? ", …" : ""}`) : null,
      topic.typical.length ? element("p", { class: "typical" }, [...new Set(topic.typical)].map((title) => `“${title}”`).join(", ")) : null),
    choiceButtons(topic.name, topic.chosen, (choice) => ({ topic: topic.number, choice })),
    topic.conversations - (desk.overview.shows_held ? 0 : topic.private) > 1 || (desk.overview.shows_held && topic.private) ? insideView(topic) : null);
}

/** Topics whose contents are shown; they stay so when a choice draws the page anew. */
const opened = new Set();

/** The files and conversations of a topic, one by one; read when they are asked for. */
function insideView(topic) {
  const list = element("ul", { class: "topics" });
  const fill = async () => {
    const files = await get("api/topic", { number: topic.number, ...(desk.showsHeld ? { held: 1 } : {}) });
    list.replaceChildren(...files.flatMap((file) => fileRows(topic, file)));
  };
  const onToggle = (event) => {
    if (!event.target.open) return opened.delete(topic.number);
    opened.add(topic.number);
    return fill().catch((error) => say(error.message));
  };
  return element("details", { class: "inside", open: opened.has(topic.number), ontoggle: onToggle }, element("summary", {}, "One by one"), list);
}

/** Folders and files of notes, to choose for a whole folder at once; it stays open when a choice draws the page anew. */
function foldersView(folders) {
  if (folders.length < 2) return null;
  const row = ({ name, is_file: isFile, files, candidates, chosen }) => element("li", { tabindex: "-1", class: `topic${chosen ? ` is-${chosen}` : ""}`, [isFile ? "data-file" : "data-folder"]: name, "data-chosen": chosen },
    element("div", {}, element("h3", {}, isFile ? name : `${name}/`),
      element("p", { class: "soft" }, isFile ? counted(candidates, "section") : `the whole folder: ${counted(files, "file")}, ${counted(candidates, "section")}`)),
    choiceButtons(name, chosen, (choice) => ({ [isFile ? "file" : "folder"]: name, choice })));
  const onToggle = (event) => { if (event.target.open) opened.add("folders"); else opened.delete("folders"); };
  return element("details", { class: "inside", open: opened.has("folders"), ontoggle: onToggle },
    element("summary", {}, "By folder and file: to keep, skip or hold private a whole folder"), element("ul", { class: "topics" }, folders.map(row)));
}

/** A file with one conversation is one row; with more, a row of its own and one for each. */
function fileRows(topic, file) {
  const row = (name, what, data, chosen, ask) => element("li", { tabindex: "-1", class: `topic${chosen ? ` is-${chosen}` : ""}`, ...data, "data-chosen": chosen },
    element("div", {}, element("h3", {}, name), element("p", { class: "soft" }, what)), choiceButtons(name, chosen, ask));
  const each = file.conversations.map((one) => {
    const name = one.title || "untitled";
    const isFile = file.count === 1 && name !== file.name;
    return row(name, [counted(one.candidates, "card"), one.set_aside && !one.choice ? "set aside" : null, isFile ? file.name : null].filter(Boolean).join(" · "),
      { "data-conversation": one.conversation }, one.choice, (choice) => ({ conversation: one.conversation, choice }));
  });
  if (file.count === 1) return each;
  const rest = file.count - file.conversations.length;
  return [row(file.name, `all of this topic from this file: ${desk.overview?.is_notes_only ? "" : `${counted(file.count, desk.overview?.has_notes ? "text" : "conversation")}, `}${counted(file.candidates, desk.overview?.is_notes_only ? "section" : "card")}`, { "data-topic": String(topic.number), "data-file": file.name }, file.chosen,
    (choice) => ({ topic: topic.number, file: file.name, choice })), ...each, rest > 0 ? element("li", { class: "soft" }, `and ${number(rest)} more of this file`) : null].filter(Boolean);
}

/** Keep, skip, private; a second press takes the choice back. */
function choiceButtons(name, chosen, ask) {
  return element("div", { class: "choices", role: "group", "aria-label": name }, CHOICES.map(([choice, word], i) =>
    element("button", { "aria-pressed": String(chosen === choice), title: `${word} (${i + 1})`, onclick: () => run(() => chooseConversations(ask(chosen === choice ? null : choice))) }, word)));
}

function asideView(found) {
  if (found.aside.length === 0) return null;
  const why = ({ reason, found: count, share, declared }) => declared === "private" ? "its front matter or tags say that it is private"
    : declared === "draft" ? "its front matter says that it is a draft or not to be published"
    : declared ? `by ${declared.by.name}: keep it if that is you`
    : reason === "private" ? `holds ${counted(count, "key or piece", "keys or pieces")} of personal data` : `${Math.round(share * 100)} % of your side is pasted text of others`;
  return element("details", { class: "aside", open: found.aside.length <= 5 },
    element("summary", {}, `${counted(found.aside_count, found.is_notes_only ? "section" : found.has_notes ? "text" : "conversation")} set aside: what calls itself a draft, keys, passwords, much personal data, and texts of other people`),
    element("p", { class: "soft" }, "Their cards are not shown until you keep them one by one."),
    element("ul", { class: "topics" }, found.aside.map((row) => element("li", { tabindex: "-1", class: "topic", "data-conversation": row.conversation, "data-chosen": row.choice },
      element("div", {}, element("strong", {}, row.title || "untitled"), element("p", { class: "soft" }, `${why(row.why)} · ${counted(row.candidates, "card")}`)),
      choiceButtons(row.title || "untitled", row.choice, (choice) => ({ conversation: row.conversation, choice }))))));
}

/** What the imports left out of the texts, by kind and number. */
function leftOutView(lines) {
  if (lines.length === 0) return null;
  return element("details", { class: "aside" },
    element("summary", {}, `Left out of the texts: ${lines.slice(0, 3).map((line) => `${number(line.count)} ${line.what}`).join(", ")}${lines.length > 3 ? ", …" : ""}`),
    element("table", {}, lines.map((line) => element("tr", {},
      element("th", {}, line.what), element("td", { class: "num" }, number(line.count)), element("td", {}, line.detail)))));
}

/** A transcript whose speakers have no roles: a role each, how it would be read, and a name to keep them under. */
function waitingView(waiting, profiles) {
  const selects = waiting.speakers.map(({ name }) => element("select", { "aria-label": `${name} is`, onchange: () => run(look) },
    [["user", "the user"], ["assistant", "the one to learn"], ["nobody", "left in the text"]].map(([value, word]) => element("option", { value }, word))));
  const profile = element("input", { "aria-label": "A name to keep these roles under", placeholder: "a name, e.g. plato (optional)" });
  const turns = element("div", { class: "whole", "aria-live": "polite" });
  const cast = () => ({ sha256: waiting.sha256, member: waiting.member, profile: profile.value,
    roles: Object.fromEntries(waiting.speakers.map(({ name }, i) => [name, selects[i].value])) });
  const look = async () => {
    if (!selects.some((select) => select.value === "assistant")) return turns.replaceChildren();
    const read = await post("api/waiting/read", cast());
    turns.replaceChildren(element("p", { class: "soft" }, "It is read so:"), ...read.map((turn) =>
      element("div", { class: `turn ${turn.role}` }, element("small", {}, `${turn.author ?? ""} · ${turn.role === "assistant" ? "to learn" : turn.role === "user" ? "prompt" : "context"}`), "\n", turn.text)));
  };
  const fill = ({ assistants, users }) => {
    const has = (names, name) => names.some((known) => known.toLowerCase() === name.toLowerCase());
    const isExact = waiting.speakers.some(({ name }) => has(users, name));
    waiting.speakers.forEach(({ name }, i) => {
      selects[i].value = has(assistants, name) ? "assistant" : !isExact || has(users, name) ? "user" : "nobody";
    });
    return look();
  };
  return element("section", { class: "waiting", "aria-label": `Who is who in ${waiting.member}` },
    element("h2", {}, `Who is who in ${waiting.member}?`),
    element("p", {}, "This text has speakers, but it is not clear whose words the model should learn."),
    element("table", {}, waiting.speakers.map(({ name, turns: count }, i) => element("tr", {},
      element("th", {}, name), element("td", { class: "num" }, counted(count, "turn")), element("td", {}, selects[i])))),
    profiles.length ? element("p", { class: "row" }, "As in ", profiles.map((known) => element("button", { onclick: () => run(() => fill(known)) }, known.name))) : null,
    turns,
    element("p", { class: "row" }, profile,
      element("button", { class: "main", onclick: () => run(() => assignRoles(cast())) }, "Bring it in"),
      element("button", { onclick: () => run(() => leaveOut(cast())) }, "Leave it out")));
}

async function assignRoles(cast) {
  drawTopics(await post("api/waiting/assign", cast));
  say("brought in");
  await waitForLibrary();
}

async function leaveOut(cast) {
  drawTopics(await post("api/waiting/leave", cast));
  say("left out; import the file again to bring it back");
}

async function chooseConversations(asked) {
  await post("api/choice", asked);
  await keepPlace(await topicsNow());
  showProgress();
}

/** Draws the topics anew with the focus and the place in the page where they were. */
async function keepPlace(found) {
  const key = (row) => [row?.dataset.topic, row?.dataset.conversation, row?.dataset.file, row?.dataset.folder].join("\n");
  const focus = document.activeElement?.closest("[data-topic], [data-conversation], [data-file], [data-folder]");
  const [at, top] = [key(focus), scrollY];
  const column = focus && focus !== document.activeElement ? [...focus.querySelectorAll(".choices button")].indexOf(document.activeElement) : -1;
  drawTopics(found);
  await Promise.all([...document.querySelectorAll(".inside[open]")].map(untilFilled));
  scrollTo(0, top);
  const again = [...document.querySelectorAll(".topic")].find((row) => key(row) === at);
  // Of a private one there may be no row any more.
  (again?.querySelectorAll(".choices button")[column] ?? again ?? document.querySelector("main h1"))?.focus({ preventScroll: true });
}

/** Waits for the rows of an opened topic. */
async function untilFilled(details) {
  for (let i = 0; i < 50 && details.querySelector("li") === null; i++) await new Promise((done) => setTimeout(done, 20));
}

async function setLearn(learn) {
  drawTopics(await post("api/learn", { learn }));
  document.querySelector(`input[value="${learn}"]`)?.focus({ preventScroll: true });
  await waitForLibrary();
}

function drawTopics(found) {
  desk.overview = found;
  document.getElementById("main").replaceChildren(overviewView(found));
  drawKeys();
}

async function showTopics() {
  arrive("topics");
  desk.showsHeld = false;
  drawTopics(await topicsNow());
  beginView();
  await waitForLibrary();
}

/** Draws the topics again when everything was read, unless the person went on to the cards. */
async function waitForLibrary() {
  clearTimeout(waitForLibrary.timer);
  const summary = await showProgress();
  if (summary.is_whole) {
    if (desk.screen === "topics" && !desk.overview.is_whole) drawTopics(await topicsNow());
    return;
  }
  waitForLibrary.timer = setTimeout(() => waitForLibrary().catch((error) => say(error.message)), 400);
}

async function beginCards() {
  await post("api/begin");
  await showCards();
}

/** Moves to the next or previous row of topics. */
function moveTopic(step) {
  const rows = [...document.querySelectorAll("main .topic")].filter((row) => row.offsetParent !== null);
  const at = rows.indexOf(document.activeElement?.closest(".topic"));
  const row = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
}

/** Keep, skip or private for the row in focus; the same key again takes it back. */
async function chooseTopic(i) {
  const row = document.activeElement?.closest(".topic");
  if (!row) {
    moveTopic(0);
    return say("this is the first topic: press again to choose for it; j and k go to others");
  }
  const { topic, conversation, file, folder, chosen } = row.dataset;
  const choice = chosen === CHOICES[i][0] ? null : CHOICES[i][0];
  const name = row.querySelector("h2, h3")?.textContent ?? "";
  await chooseConversations({ topic: topic === undefined ? undefined : Number(topic), conversation, file, folder, choice });
  say(choice === null ? `${name}: no choice` : `${name}: ${CHOICES[i][1].toLowerCase()}`);
}
