// The authoring desk: a new example, written or made from drafts of the local model.
"use strict";

/** What is being written; it stays when the panel is closed or the page is loaded again, until it is saved. */
const fresh = () => ({ prompt: "", context: [], drafts: [], from: null, text: "", arm: null, count: 2, tags: "", domain: "", job: null });
let authoring = null;

/** Tells the desk what is written so far, a moment after the last change. */
function remember() {
  clearTimeout(remember.timer);
  remember.timer = setTimeout(() => post("api/authoring", authoring).catch((error) => say(error.message)), 300);
}

/** The example is stored: nothing is being written. */
async function forgetAuthoring() {
  clearTimeout(remember.timer);
  authoring = fresh();
  await post("api/authoring", authoring);
}

/** The example written last was taken back: its words are in the panel again. */
function takeUpWriting() {
  authoring = desk.written.made;
  desk.written = null;
  remember();
}

/** Who wrote how much: `people 34 %, gpt 66 %`. */
function writersText(written) {
  const all = Object.values(written).reduce((sum, chars) => sum + chars, 0);
  if (all === 0) return "";
  const name = (who) => (who === "person" ? "people" : who === "unknown" ? "the speaker" : who.replace(/^model:/, ""));
  return Object.entries(written).sort((a, b) => b[1] - a[1]).map(([who, chars]) => `${name(who)} ${Math.round((100 * chars) / all)} %`).join(", ");
}

async function showAuthor(start) {
  authoring = start ? { ...fresh(), ...start } : authoring ?? { ...fresh(), ...await get("api/authoring") };
  const [arms, words] = await Promise.all([get("api/arms"), get("api/words")]);
  const made = authoring;
  made.arm ??= arms[1] ?? "base";
  const field = (name, attributes) => {
    const input = element(attributes.rows ? "textarea" : "input", attributes);
    input.value = made[name];
    input.addEventListener("input", () => { made[name] = input.value; remember(); });
    return input;
  };
  const prompt = field("prompt", { rows: "3", "aria-label": "The prompt", placeholder: "What is asked" });
  const text = field("text", { rows: "12", "aria-label": "The answer", placeholder: "The answer as the model should give it" });
  const tags = field("tags", { "aria-label": "Tags, separated by commas", placeholder: "tags", list: "known-tags" });
  const domain = field("domain", { "aria-label": "Domain", placeholder: "domain", list: "known-domains" });
  const share = element("p", { class: "soft", "aria-live": "polite" });
  const drafts = element("div", { class: "variants drafts" });
  const arm = element("select", { "aria-label": "Who drafts" }, arms.map((name) => element("option", { value: name, selected: name === made.arm }, name)));
  const count = element("select", { "aria-label": "How many drafts" }, [1, 2, 3].map((n) => element("option", { value: String(n), selected: n === made.count }, counted(n, "draft"))));
  arm.addEventListener("change", () => { made.arm = arm.value; });
  count.addEventListener("change", () => { made.count = Number(count.value); });

  const showShare = async () => {
    const draft = made.from === null ? null : made.drafts[made.from];
    const { written } = await post("api/written", { text: text.value, original: draft?.text ?? null, model: draft?.model ?? null });
    share.textContent = text.value.trim() ? `Written by: ${writersText(written).replace("people", "you")}` : "";
  };
  let timer = 0;
  text.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => showShare().catch((error) => say(error.message)), 250); });
  const startFrom = (i) => {
    made.from = i;
    text.value = made.text = made.drafts[i].text;
    remember();
    drawDrafts();
    text.focus();
    return showShare();
  };
  const drawDrafts = () => drafts.replaceChildren(...made.drafts.map((draft, i) => element("section", { class: `variant${made.from === i ? " chosen" : ""}` },
    element("h3", {}, draft.model), element("div", { class: "turn", tabindex: "0" }, draft.text, draft.is_whole === false ? " …" : ""),
    element("p", { class: "row" }, element("button", { disabled: draft.is_whole === false, onclick: () => run(() => startFrom(i)) }, "Start from this")))));
  const draft = async () => {
    const { job } = await post("api/draft", { arm: arm.value, prompt: prompt.value, context: made.context, count: Number(count.value) });
    made.job = job;
    // A draft in use stays where it is.
    made.drafts = made.from === null ? [] : [made.drafts[made.from]];
    if (made.from !== null) made.from = 0;
    remember();
    follow();
  };
  // Outside `run`: the desk stays free while the model writes.
  const follow = () => askFor(made.job).catch((error) => { made.job = null; share.textContent = error.message; });
  const askFor = async (job) => {
    if (job === null || job !== made.job || made !== authoring) return;
    const progress = await get("api/drafts", { job });
    if (progress.stage === "failed") throw new Error(progress.error);
    const words = { waiting: "waiting for its turn", loading: "loading the model", writing: "writing" };
    share.textContent = words[progress.stage] ? `Drafts: ${words[progress.stage]}…` : "";
    const kept = made.from === null ? [] : [made.drafts[made.from]];
    const isDone = progress.stage === "done";
    made.drafts = [...kept, ...progress.drafts.filter((one) => one.text || !isDone)];
    if (made.from !== null) made.from = 0;
    drawDrafts();
    if (!isDone) {
      await new Promise((done) => setTimeout(done, 300));
      return askFor(job);
    }
    made.job = null;
    remember();
    return showShare();
  };
  const save = async () => {
    const { id, summary, label } = await post("api/author", { prompt: made.prompt, context: made.context, drafts: made.drafts, from: made.from, text: made.text,
      tags: listed(made.tags), domain: made.domain });
    desk.written = { label, made: { ...made, job: null } };
    await forgetAuthoring();
    closePanel();
    showProgress(summary);
    say("written and accepted; u takes it back");
    await waitForReading(summary);
    await open(id);
  };
  const onKey = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(save); }
  };
  [prompt, text].forEach((input) => input.addEventListener("keydown", onKey));
  drawDrafts();
  openPanel(WIDE,
    made.context.length ? element("details", {}, element("summary", {}, `after ${counted(made.context.length, "message")}`), made.context.map((turn) => element("div", { class: `turn ${turn.role}` }, turn.content))) : null,
    prompt,
    element("p", { class: "row" }, element("span", { class: "soft" }, "Write the answer, or have it drafted by"), arm, count, element("button", { onclick: () => run(draft) }, "Draft")),
    drafts, text, share,
    element("div", { class: "row" }, tags, domain), datalists(words),
    element("p", { class: "row" }, element("button", { class: "main", onclick: () => run(save) }, "Save and accept ", element("kbd", {}, "Ctrl Enter")),
      element("span", { class: "soft" }, "We record which words are yours.")));
  prompt.focus();
  if (made.text) await showShare();
  if (made.job !== null) follow();
}

/** `a, b` as a list. */
function listed(text) {
  return text.split(",").map((word) => word.trim()).filter(Boolean);
}

/** Words used before, offered while one types. */
function datalists({ tags, domains }) {
  const list = (id, words) => element("datalist", { id }, words.map((word) => element("option", { value: word })));
  return [list("known-tags", tags), list("known-domains", domains)];
}
