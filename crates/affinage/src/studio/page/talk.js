// Talk: base and checkpoints side by side; their answers grow as the words come.
"use strict";

const talk = { state: null, arms: null, run: null, said: null, log: null, source: null, fields: {} };

rooms.talk = {
  async show(main) {
    const state = talk.state = await get("api/talk");
    talk.source?.close();
    talk.source = null;
    const party = state.said.party;
    talk.run = party?.run ?? talk.run ?? state.runs[0]?.name ?? null;
    if (!state.runs.some((run) => run.name === talk.run)) talk.run = state.runs[0]?.name ?? null;
    talk.arms = party?.arms ?? talk.arms ?? ["base"];
    if (!party && talk.run && !talk.hasTrained) talk.arms = ["base", "last"];
    talk.hasTrained = talk.run !== null;
    talk.log = element("section", { class: "talk", "aria-label": "What was said" });
    talk.command = element("div", {});
    main.append(element("h1", {}, "Talk"),
      element("p", {}, talk.run ? "The model before and after training, side by side. Each goes on with what it said itself." : "Nothing is trained yet: this is the model as it came."),
      whoView(state), talk.log, askView(state, party), talk.command, talk.tally = element("section", {}));
    drawTalk(state.said);
    drawTally(state.tally);
    showCommand();
    if (state.said.stage !== "idle") listen();
  },
};

/** Who answers: the arms of a training as boxes to tick. */
function whoView(state) {
  const at = element("fieldset", { class: "who" });
  const draw = () => {
    const run = state.runs.find((one) => one.name === talk.run);
    const names = ["base", ...(run ? [...run.names, ...run.arms] : [])];
    talk.arms = talk.arms.filter((arm) => names.includes(arm));
    const boxes = names.map((name) => element("label", {}, element("input", {
      type: "checkbox", value: name, checked: talk.arms.includes(name),
      onchange: ({ target }) => {
        talk.arms = names.filter((one) => (one === name ? target.checked : talk.arms.includes(one)));
        if (talk.arms.length > state.most) { talk.arms = talk.arms.filter((one) => one !== name); target.checked = false; say(`At most ${state.most} answer side by side.`); }
        showCommand();
      },
    }), name === "base" ? "base, before training" : name));
    const pick = element("select", { onchange: ({ target }) => { talk.run = target.value; draw(); showCommand(); } }, state.runs.map((one) => element("option", { value: one.name, selected: one.name === talk.run }, one.name)));
    at.replaceChildren(element("legend", {}, "Who answers"), ...boxes, state.runs.length > 1 ? element("label", {}, "of the training ", pick) : "", run?.problem ? element("p", {}, `This training cannot be read: ${run.problem}.`) : "");
  };
  draw();
  return at;
}

/** The question, with the settings that few need. */
function askView({ settings, said }, party) {
  const field = (name, label, attributes) => {
    const made = element("input", { type: "number", value: settings[name], onchange: showCommand, ...attributes });
    talk.fields[name] = made;
    return element("label", {}, label, made);
  };
  const prompt = element("textarea", { rows: "3", "aria-label": "What you say", placeholder: "Say something…" });
  const system = element("textarea", { rows: "2", onchange: showCommand });
  system.value = party?.system ?? "";
  const send = element("button", { class: "main" }, "Ask");
  const stop = button("Stop", () => post("api/talk/stop"), { hidden: true });
  const blind = button("Ask as a blind pair", () => ask(true), { title: "Two answer, and you say which is better before you are told who wrote it." });
  Object.assign(talk.fields, { prompt, system, send, stop, blind });
  const form = element("form", {
    onsubmit: (event) => { event.preventDefault(); act(null, () => ask()); },
  }, prompt, element("p", { class: "row" }, send, blind, stop, button("Begin anew", async () => { await post("api/talk/forget"); await again(); })),
  element("details", {}, element("summary", {}, "Settings"),
    element("p", { class: "row" }, field("temperature", "temperature ", { min: "0", step: "0.1" }), field("max-new-tokens", "at most so many tokens ", { min: "1", step: "1" })),
    element("label", { class: "stack" }, "An instruction before the first question", system),
    element("p", { class: "soft" }, "Temperature 0 always takes the likeliest word; higher is more varied. Another instruction, or others who answer, begin a new conversation.")));
  prompt.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); form.requestSubmit(); }
  });
  return form;
}

/** What is asked, as the server takes it. */
function question() {
  const { temperature, "max-new-tokens": most, system } = talk.fields;
  return {
    arms: talk.arms, run: talk.run === talk.state.runs[0]?.name ? null : talk.run, system: system.value.trim() || null,
    settings: { temperature: Number(temperature.value), "max-new-tokens": Number(most.value) },
  };
}

async function ask(isBlind = false) {
  const { prompt } = talk.fields;
  if (talk.fields.send.disabled) return;
  await post("api/talk/ask", { ...question(), prompt: prompt.value, blind: isBlind });
  prompt.value = "";
  drawTalk((await get("api/talk")).said);
  listen();
}

async function showCommand() {
  try {
    const { command: text } = await post("api/talk/command", question());
    talk.command.replaceChildren(command(text));
  } catch { /* a setting in the middle of being typed */ }
}

/** Follows the answer that is being written. */
function listen() {
  talk.source?.close();
  const source = talk.source = new EventSource("api/talk/answers");
  source.onmessage = ({ data }) => {
    if (shell.shown !== "talk") { source.close(); return; }
    const event = JSON.parse(data);
    const { said } = talk;
    said.stage = event.stage;
    const turn = said.turns.at(-1);
    if (event.is_start && turn && turn.prompt === event.prompt) turn.answers = event.answers.map((answer) => ({ ...answer, text: "" }));
    event.answers.forEach((gained, index) => {
      const answer = turn?.answers[index];
      if (answer) Object.assign(answer, gained, { text: answer.text + gained.text });
    });
    said.titles = event.titles;
    drawTalk(said);
  };
  const end = async () => {
    source.close();
    if (talk.source === source) talk.source = null;
    if (shell.shown === "talk") drawTalk((await get("api/talk")).said);
  };
  source.addEventListener("end", end);
  source.onerror = end;
}

const stages = { loading: "The model is being read into memory…", answering: "", idle: "" };

/** Draws what was said; texts that grow are changed in place. */
function drawTalk(said) {
  talk.said = said;
  const { log, fields } = talk;
  const isBusy = said.stage !== "idle";
  fields.send.disabled = isBusy;
  fields.blind.disabled = isBusy;
  fields.blind.hidden = talk.run === null;
  fields.stop.hidden = !isBusy;
  const key = `${said.number} ${said.turns.length} ${said.turns.at(-1)?.answers.length} ${isBusy} ${said.error} ${said.choice}`;
  if (log.dataset.key !== key) {
    log.dataset.key = key;
    log.replaceChildren(...said.turns.map((turn, index) => turnView(turn, said, index, isBusy && index === said.turns.length - 1)),
      element("p", { class: "soft", role: "status" }, stages[said.stage]),
      ...said.notes.map((note) => element("p", { class: "soft" }, inCode(note))),
      said.error ? element("p", { class: "failed", role: "alert" }, withRooms(`${said.error}.`)) : "");
  }
  const last = log.querySelectorAll(".turn:last-of-type article");
  said.turns.at(-1)?.answers.forEach((answer, index) => {
    const [, text, mark] = last[index]?.children ?? [];
    if (!text) return;
    strip.put(text, answer.text);
    strip.put(mark, answer.is_cut ? "cut at the limit of tokens" : "");
  });
}

function turnView(turn, said, index, isGrowing) {
  const isHidden = said.is_blind && said.choice === null;
  return element("div", { class: "turn" }, element("p", { class: "prompt" }, turn.prompt),
    element("div", { class: "answers", "aria-live": isGrowing ? "off" : null, "aria-busy": isGrowing ? "true" : null }, turn.answers.map((answer, speaker) => element("article", {},
      element("h2", {}, speakerOf(said, speaker)), element("div", { class: "words" }, answer.text), element("p", { class: "soft" }, answer.is_cut ? "cut at the limit of tokens" : ""),
      isGrowing || isHidden ? "" : button("Keep as an example", async (event) => keepView(said, index, speaker, event), { class: "small", "aria-label": `Keep as an example: the answer of ${speakerOf(said, speaker)}` })))),
    said.is_blind && !isGrowing ? choiceView(said) : "");
}

/** Which of a blind pair is better: asked once, and then who wrote what. */
function choiceView({ number: pair, choice, titles }) {
  if (choice !== null) {
    const better = { first: 0, second: 1 }[choice];
    return element("p", {}, better === undefined ? "You found both equally good." : `You found ${speakerOf({ titles }, better)} better.`);
  }
  const decide = (chosen) => async () => {
    const state = await post("api/talk/choose", { number: pair, choice: chosen });
    drawTalk(state.said);
    drawTally(state.tally);
  };
  return element("p", { class: "row", role: "group", "aria-label": "Which is better?" }, "Which is better? Who wrote it is told then.",
    button("A", decide("first"), { "aria-label": "A is better" }), button("B", decide("second"), { "aria-label": "B is better" }), button("Both equally", decide("tie")));
}

/** What was chosen in blind pairs so far. */
function drawTally({ rows, problem }) {
  const lines = rows.map(({ run, arms: [one, other], better, ties }) => element("li", {}, `${one} better ${counted(better[0], "time")}, ${other} better ${counted(better[1], "time")}, ${counted(ties, "tie")} (${run})`));
  talk.tally.replaceChildren(...(problem ? [element("p", { class: "failed" }, inCode(`Your blind choices cannot be read: ${problem}.`))] : []),
    ...(lines.length ? [element("h2", {}, "Your blind choices"), element("ul", {}, lines), element("p", { class: "soft" }, "They are yours alone, and kept apart from every report: you chose the questions yourself.")] : []));
}

/** A form to put an answer, as it is or better, among the examples. */
function keepView(said, index, speaker) {
  const turn = said.turns[index];
  const text = element("textarea", { rows: "8" });
  text.value = turn.answers[speaker].text;
  const dialog = element("dialog", { "aria-label": "Keep as an example" });
  const context = said.turns.slice(0, index).flatMap((one) => [{ role: "user", content: one.prompt }, { role: "assistant", content: one.answers[speaker].text }]);
  if (said.party?.system) context.unshift({ role: "system", content: said.party.system });
  const keep = button("Keep it", async () => {
    const drafts = turn.answers.filter((answer) => answer.text.trim()).map(({ text: draft, model }) => ({ text: draft, model }));
    const from = drafts.findIndex((draft) => draft.text === turn.answers[speaker].text);
    await post("choose/api/author", { prompt: turn.prompt, context, drafts, from: from < 0 ? null : from, text: text.value });
    dialog.close();
    say("It is among the accepted cards: see Choose.");
  }, { class: "main" });
  dialog.append(element("h2", {}, "Keep as an example"), element("p", {}, turn.prompt), text,
    element("p", { class: "soft" }, "Change it until you would have said it so. What you leave as it is stays marked as the model's, what you write as yours."),
    element("p", { class: "row" }, keep, button("Leave it", async () => dialog.close())));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** What the one who answers is called. */
function speakerOf(said, speaker) {
  return said.titles[speaker]?.split(" · ")[0] ?? said.party?.arms[speaker] ?? "the model";
}
