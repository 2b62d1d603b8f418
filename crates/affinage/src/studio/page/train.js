// Train: what it would take, its curves while it runs, and runs side by side.
"use strict";

const training = { section: null, plan: null, run: null, other: null, timer: null, view: null };

rooms.train = {
  async show(main) {
    const state = await get("api/train");
    training.plan = element("section", { "aria-live": "polite" });
    training.section = element("section", { "aria-live": "polite" });
    training.view = null;
    training.version = state.versions[0] ?? null;
    training.standing = state.standing;
    if (state.standing === "running" && state.standing_run) training.run = state.standing_run;
    training.run ??= state.runs[0]?.name ?? null;
    if (!state.runs.some((run) => run.name === training.run)) training.run = state.runs[0]?.name ?? null;
    if (!state.runs.some((run) => run.name === training.other)) training.other = null;
    main.append(element("h1", {}, "Train"), dataView(state), state.versions.length ? trainView(state) : "", training.section);
    if (state.runs.length) main.append(runsView(state));
    if (training.run && (await drawRun())?.state === "running") followRun();
  },
  jobs(jobs) {
    if (!training.section) return;
    const plan = jobs.filter((job) => job.kind === "plan").at(-1);
    drawPlan(plan);
    const last = jobs.filter((job) => ["train", "resume", "freeze"].includes(job.kind)).at(-1);
    // A training that works or has finished is told by its curve.
    const isTold = last && (last.kind === "freeze" || last.state === "failed" || last.state === "stopped");
    jobSection(training.section, isTold ? [last] : [], ["train", "resume", "freeze"]);
    const busy = jobs.some((job) => !isEnded(job) && (job.kind === "train" || job.kind === "resume"));
    if (busy) followRun();
    // What was drawn before the training began offers to begin it.
    if (busy && training.standing !== "running") {
      training.standing = "running";
      again();
    }
  },
  ended(job) {
    if (["train", "resume", "freeze"].includes(job.kind)) again();
  },
};

/** The data set that is trained on, and a new one where something changed. */
function dataView({ versions, changes, lacks }) {
  const commandOf = element("div", {}, command(typed("dataset")));
  const clean = element("input", { type: "checkbox", onchange: () => commandOf.replaceChildren(command(typed(clean.checked ? "dataset --accept-clean" : "dataset"))) });
  const freeze = element("div", {},
    element("p", {}, element("label", {}, clean, " also take undecided cards without errors or warnings of lint")),
    element("p", { class: "row" }, button(versions.length ? "Freeze another data set" : "Freeze a data set", () => begin("api/train/freeze", { accept_clean: clean.checked }), { class: versions.length && !changes ? "" : "main" }), element("a", { href: "choose/#freeze" }, "or look at what is accepted first")),
    commandOf);
  if (versions.length === 0) {
    return element("div", {}, element("p", {}, "A data set is frozen from the accepted cards: most are trained on, some are kept back to watch the training and to ask about later."), freeze);
  }
  return element("div", {}, element("p", {}, `Data set ${versions[0]}${changes ? `; ${changes}` : ""}.`),
    lacks ? element("p", { class: "failed" }, element("strong", { "aria-hidden": "true" }, "! "), `${capital(lacks)}. `, element("a", { href: "choose/" }, "To the cards")) : null, changes ? freeze : element("details", {}, element("summary", {}, "Freeze another one"), freeze));
}

function trainView({ standing, standing_run: run, model, epochs, max_steps: most }) {
  const commandOf = element("div", {});
  const drawCommand = () => commandOf.replaceChildren(command(typed(`train --data=${shellWord(training.version)}${sample.value.trim() ? ` ${shellWord(`--sample=${sample.value.trim()}`)}` : ""}`)));
  const sample = element("input", { oninput: drawCommand, class: "wideinput", "aria-label": "A prompt that is answered again and again", placeholder: "a prompt to answer at every checkpoint (optional)" });
  const start = button(standing === "finished" ? "Train again" : "Train", () => begin("api/train/begin", { version: training.version, sample: sample.value }).then(() => { training.run = null; }), { class: standing === "none" ? "main" : "" });
  const length = { epochs: element("input", { type: "number", min: "1", step: "1", value: epochs, required: true }), steps: element("input", { type: "number", min: "1", step: "1", value: most ?? "", placeholder: "no limit" }) };
  const save = async () => {
    if (!length.epochs.checkValidity() || !length.steps.checkValidity()) return say("A whole number from 1 on, please.");
    const whole = (input) => (input.value ? Number(input.value) : null);
    await act(null, async () => { await post("api/train/settings", { epochs: whole(length.epochs), max_steps: whole(length.steps) }); await again(); });
  };
  drawCommand();
  for (const input of Object.values(length)) input.addEventListener("change", save);
  const words = { running: run ? `A training is at work: ${run}.` : "A training is about to begin.", none: "Nothing was trained on it with today's settings yet.", stopped: `The training ${run} was stopped with a checkpoint.`, finished: `It was trained on; the training is ${run}.` };
  return element("div", {},
    element("p", {}, `${words[standing]} The model is ${model}.`),
    element("p", { class: "row" }, element("label", {}, "Go through the examples ", length.epochs, epochs === 1 ? " time" : " times"), element("label", {}, "at most ", length.steps, " steps")),
    element("p", { class: "soft" }, "More passes learn the examples more closely, and in the end by heart; a limit of steps makes a short first try. Both are kept in affinage.toml, with all other settings."),
    element("p", {}, sample),
    element("p", { class: "row" }, standing === "stopped" ? button("Go on with it", () => begin("api/train/resume", { run }), { class: "main" }) : null, standing === "running" ? null : start,
      button("What will it take?", () => begin("api/train/plan", { version: training.version }))),
    commandOf, training.plan);
}

/** The figures of `train --dry-run`, once they are measured. */
function drawPlan(planned) {
  // Of another data set, or of settings that are no more.
  const job = planned?.state !== "stopped" && training.standing !== "running" && planned?.command.includes(`--data=${training.version}`) ? planned : null;
  const key = job ? `${job.id} ${job.state} ${job.lines.at(-1) ?? ""}` : "";
  if (!training.plan || training.plan.dataset.key === key) return;
  training.plan.dataset.key = key;
  training.plan.dataset.job = job?.id ?? "";
  if (!job) {
    training.plan.replaceChildren();
    return;
  }
  if (job.state !== "finished") {
    training.plan.replaceChildren(...(isEnded(job) ? jobView(job) : [element("p", { class: "soft" }, `Measuring: ${job.lines.at(-1) ?? "the model is read"}`)]));
    return;
  }
  let plan;
  try { plan = JSON.parse(job.printed); } catch { return; }
  training.plan.replaceChildren(element("h2", {}, "What it will take"), facts([
    ["time", `about ${time(plan.seconds)}, of it ${time(plan.evaluation_s * plan.evaluations)} to watch how well it goes (${counted(plan.evaluations, "time")})`],
    ["memory", `about ${bytes(plan.expected_peak_bytes)} at its highest`],
    ["examples", `${number(plan.rows)}${plan.left_out.length ? `; ${counted(plan.left_out.length, "is", "are")} longer than the training takes and left out` : ""}`],
    ["tokens", `${number(plan.tokens)}; ${Math.round(100 * plan.supervised_share)} % of them are answers, the part that is learned`],
    ["steps", number(plan.steps)],
    ["speed", `${number(Math.round(plan.tokens_per_s))} tokens a second, measured just now`],
    ["other engines", plan.engines?.length ? plan.engines.map((one) => `${one.name}${one.seconds ? `: about ${time(one.seconds)}` : one.problem ? `: ${one.problem}` : ""}`).join("; ") : null],
  ]), command(job.command));
}

function runsView({ runs, standing }) {
  const words = { running: "running", finished: "finished", stopped: "stopped", unreadable: "cannot be read" };
  const pick = (kind, name) => async () => { training[kind] = kind === "other" && training.other === name ? null : name; await drawRun(); mark(); };
  const rows = runs.map((run) => element("tr", { "data-run": run.name },
    element("td", {}, button(run.name, pick("run", run.name), { class: "small" })),
    element("td", { title: run.problem ?? null }, words[run.state]), element("td", {}, run.version ?? ""),
    element("td", { class: "num", "data-of": "steps" }, run.steps ? `${number(run.step)} of ${number(run.steps)}` : "–"),
    element("td", { class: "num", "data-of": "validation loss" }, run.validation_loss === undefined ? "–" : validationOf(run)),
    element("td", {}, runs.length > 1 ? button("Lay over", pick("other", run.name), { class: "small", "aria-label": `Lay ${run.name} over the curve` }) : "",
      run.state === "stopped" && standing !== "running" ? button("Go on", () => begin("api/train/resume", { run: run.name }), { class: "small", "aria-label": `Go on with ${run.name}` }) : "")));
  const table = element("table", { class: "trainings" }, element("thead", {}, element("tr", {}, ["training", "state", "data set", "steps", "validation loss", ""].map((name, i) => (name ? element("th", { scope: "col", class: i === 3 || i === 4 ? "num" : null }, name) : element("td", {}))))), element("tbody", {}, rows));
  const mark = () => { for (const row of table.tBodies[0].rows) { row.cells[0].firstElementChild.setAttribute("aria-pressed", row.dataset.run === training.run); } };
  mark();
  training.curve = element("section", {});
  return element("section", {}, training.curve, element("h2", {}, "Trainings"), wide({}, table));
}

/** The newest validation loss, with its step where that is not the one the training is at. */
function validationOf({ validation_loss: loss, validation_step: at, step }) {
  return `${loss.toFixed(3)}${at === step ? "" : at === 0 ? " before training" : ` at step ${number(at)}`}`;
}

/** Draws the run that is chosen, and the one that is laid over it. */
async function drawRun() {
  if (!training.run) return null;
  const run = await get("api/train/run", { name: training.run });
  const other = training.other && training.other !== training.run ? await get("api/train/run", { name: training.other }) : null;
  const at = training.curve;
  if (!at) return run;
  if (training.view?.at !== at || training.view.name !== run.name) {
    const chart = svg("svg", { class: "chart", viewBox: "0 0 720 280", role: "img" });
    training.view = { at, name: run.name, chart, title: element("h2", {}), line: element("p", {}), bar: element("progress", { "aria-label": "Steps" }), key: element("p", { class: "key" }), answers: element("div", {}) };
    const { title, line, bar, key, answers } = training.view;
    at.replaceChildren(title, line, bar, chart, key, answers);
  }
  const { chart, title, line, bar, key, answers } = training.view;
  strip.put(title, run.name);
  const facts = run.problem ? [`cannot be read: ${run.problem}`] : [
    run.state === "running" ? "running" : run.state, run.steps ? `step ${number(run.step)} of ${number(run.steps)}` : "preparing",
    run.validation_loss === undefined ? "" : `validation loss ${validationOf(run)}`,
    run.tokens_per_s ? `${number(Math.round(run.tokens_per_s))} tokens a second` : "",
    run.left ? `about ${run.left} left` : run.seconds ? `took ${time(run.seconds)}` : "",
  ];
  strip.put(line, facts.filter(Boolean).join(" · "));
  const row = document.querySelector(`.trainings [data-run="${CSS.escape(run.name)}"]`);
  if (row) {
    const words = { "steps": run.steps ? `${number(run.step)} of ${number(run.steps)}` : null, "validation loss": run.validation_loss === undefined ? null : validationOf(run) };
    for (const [name, text] of Object.entries(words)) if (text) strip.put(row.querySelector(`[data-of="${name}"]`), text);
  }
  bar.max = run.steps ?? 1;
  bar.value = run.step;
  bar.hidden = run.state !== "running";
  drawChart(chart, run, other);
  const text = `${run.name}${other ? other.name : ""}`;
  if (key.dataset.text !== text) {
    key.dataset.text = text;
    key.replaceChildren(element("span", {}, element("i", {}), "loss of what is trained on"), element("span", {}, element("i", { class: "validation" }), "validation loss: of what is kept back"), other ? element("span", {}, element("i", { class: "other" }), `the same of ${other.name}`) : "");
  }
  if (answers.dataset.count !== String(run.samples.length)) {
    answers.dataset.count = String(run.samples.length);
    answers.replaceChildren(...(run.samples.length ? [element("h2", {}, "The same prompt at every checkpoint"), element("p", {}, run.samples[0].prompt),
      element("div", { class: "answers" }, run.samples.map((one) => element("article", {}, element("h3", {}, one.step === 0 ? "before training" : `after step ${number(one.step)}`), one.text)))] : []));
  }
  return run;
}

/** Looks at the run that works now, every second. */
function followRun() {
  if (training.timer) return;
  training.timer = setTimeout(async () => {
    training.timer = null;
    if (shell.shown !== "train") return;
    try {
      const run = training.run && training.curve ? await drawRun() : null;
      if (run?.state === "running") return followRun();
      // Another run works now, or what is drawn has begun or ended since.
      const { standing, standing_run: at } = await get("api/train");
      const isRunning = standing === "running";
      if (isRunning !== (training.standing === "running") || (at && isRunning && at !== training.run)) return await again();
      if (isRunning) followRun();
    } catch { /* the next look says it */ }
  }, 1000);
}

function svg(name, attributes = {}) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const BOX = { left: 46, right: 706, top: 10, bottom: 250 };

/** Loss by step; paths are changed in place, so that nothing flickers. */
function drawChart(chart, run, other) {
  const all = [run, other].filter(Boolean);
  const points = all.flatMap((one) => [...one.loss_by_step, ...one.validation_by_step]);
  const steps = Math.max(1, ...all.map((one) => one.steps ?? 1));
  const losses = points.map(([, loss]) => loss).filter(Number.isFinite);
  const [low, high] = losses.length ? [Math.min(...losses), Math.max(...losses)] : [0, 1];
  const room = Math.max(0.05, (high - low) * 0.06);
  const scale = { low: Math.max(0, low - room), high: high + room, steps };
  const x = (step) => BOX.left + (step / scale.steps) * (BOX.right - BOX.left);
  const y = (loss) => BOX.bottom - ((loss - scale.low) / (scale.high - scale.low)) * (BOX.bottom - BOX.top);
  const path = (curve) => curve.filter(([, loss]) => Number.isFinite(loss)).map(([step, loss], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(loss).toFixed(1)}`).join("");
  const part = (name, kind, attributes) => {
    let made = chart.querySelector(`[data-part="${name}"]`);
    if (!made) { made = svg(kind, { "data-part": name }); chart.append(made); }
    for (const [key, value] of Object.entries(attributes)) if (made.getAttribute(key) !== value) made.setAttribute(key, value);
    return made;
  };
  part("axis", "path", { class: "axis", d: `M${BOX.left} ${BOX.top}V${BOX.bottom}H${BOX.right}` });
  for (const [i, share] of [0, 0.5, 1].entries()) {
    const loss = scale.low + share * (scale.high - scale.low);
    strip.put(part(`y${i}`, "text", { x: String(BOX.left - 6), y: String(y(loss) + 4), "text-anchor": "end" }), losses.length ? loss.toFixed(2) : "");
    strip.put(part(`x${i}`, "text", { x: String(x(share * steps)), y: String(BOX.bottom + 18), "text-anchor": share === 1 ? "end" : "middle" }), i === 0 ? "" : `step ${number(Math.round(share * steps))}`);
  }
  part("loss", "path", { class: "loss", d: path(run.loss_by_step) });
  part("validation", "path", { class: "validation", d: path(run.validation_by_step) });
  part("other-loss", "path", { class: "loss other", d: other ? path(other.loss_by_step) : "" });
  part("other-validation", "path", { class: "validation other", d: other ? path(other.validation_by_step) : "" });
  const last = run.validation_by_step.at(-1);
  part("last", "circle", last ? { cx: x(last[0]).toFixed(1), cy: y(last[1]).toFixed(1), r: "4" } : { r: "0" });
  const first = run.validation_by_step[0];
  chart.setAttribute("aria-label", first && last ? `Validation loss ${first[1].toFixed(3)} at step ${first[0]}, ${last[1].toFixed(3)} at step ${last[0]}` : "No loss is known yet");
}
