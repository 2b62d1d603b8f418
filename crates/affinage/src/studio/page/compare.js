// Compare: what an evaluation can show and would cost; then the evaluation itself.
"use strict";

const comparing = { section: null, progress: null, plan: null, planned: null };

rooms.compare = {
  async show(main) {
    const state = await get("api/compare");
    comparing.command = element("div", {});
    comparing.time = element("div", { "aria-live": "polite" });
    comparing.section = element("section", { "aria-live": "polite" });
    comparing.progress = element("section", {});
    comparing.plan = element("section", {}, element("p", { class: "soft" }, "Counting what it can show…"));
    main.append(element("h1", {}, "Compare"),
      element("p", {}, "Base and trained model answer the same prompts, which the training has not seen. Then judges, or you, say blind which answers are better."));
    if (!state.run) main.append(element("p", {}, "Nothing is trained yet: ", element("a", { href: "#train" }, "train first"), "."));
    // What came of it stands before how it was made.
    main.append(beginView(state), comparing.progress, ...state.evaluations.map(comparisonView), comparing.section, comparing.plan);
    drawPlanned().catch((error) => comparing.plan.replaceChildren(element("p", { class: "failed" }, inCode(`${error.message}.`))));
  },
  jobs(jobs) {
    if (!comparing.section) return;
    jobSection(comparing.section, jobs, ["eval"]);
    drawTime(jobs.filter((job) => job.kind === "time").at(-1));
    drawProgress(jobs.find((job) => job.kind === "eval" && job.state === "running"));
  },
  ended(job) { if (["eval", "train", "resume"].includes(job.kind)) again(); },
};

/** Who is compared, on what, by whom, and the buttons. */
function beginView(state) {
  const waiting = state.evaluations.find((one) => one.can_go_on);
  const hosts = [...new Set(state.judges.map((judge) => judge.host).filter(Boolean))];
  const send = element("input", { type: "checkbox" });
  const prompts = element("input", { type: "number", min: "1", step: "1", value: state.prompts ?? "", placeholder: "all", onchange: () => drawPlanned().catch((error) => say(error.message)) });
  const tokens = element("input", { type: "number", min: "1", step: "1", value: state.tokens ?? "", placeholder: "as yours need", onchange: () => drawPlanned().catch((error) => say(error.message)) });
  Object.assign(comparing, { prompts, tokens });
  const lacking = state.judges.filter((judge) => judge.host && !judge.has_key);
  const judges = state.judges.map((judge) => element("li", {}, `${judge.id}: ${judge.model}`,
    judge.host ? ` at ${judge.host}; its key ${judge.has_key ? "is in" : "is missing in"} ` : ", on this machine",
    judge.host ? element("code", {}, judge.variable) : ""));
  const begin = (path, body) => beginComparison(path, body, hosts, send);
  return element("div", {}, facts([
    ["training", state.stopped_at ? `${state.run}, which was stopped early: ${state.stopped_at}` : state.run], ["who answers", state.arms.join(", ")], ["prompts", state.suites.join(", ")],
  ]),
  state.judges.length ? element("div", {}, element("h2", {}, "Who judges"), element("ul", {}, judges))
    : element("p", {}, "No judge is configured: the answers are measured, and you can ", element("a", { href: "#vote" }, "vote on them"), " yourself. A judge is a [[judge]] in affinage.toml."),
  lacking.length ? element("p", { class: "failed" }, "A key is missing: set it in the terminal where you start the studio, and start it again.") : "",
  element("p", { class: "row" }, element("label", {}, "of each suite at most ", prompts, " prompts"), element("label", {}, "answers of at most ", tokens, " tokens")),
  element("p", { class: "soft" }, "A token is about three quarters of a word. Answers that are cut at the limit cannot be compared fairly: leave it open, or give the longest room."),
  hosts.length ? element("p", {}, element("label", {}, send, ` send the prompts and answers to ${hosts.join(", ")}`)) : "",
  element("p", { class: "row" },
    waiting ? button(`Go on with ${waiting.name}`, () => begin("api/compare/resume", { eval: waiting.name }), { class: "main" }) : null,
    button("How long will it take?", () => begin("api/compare/time", extent()), { disabled: !state.run }),
    button(waiting ? "Compare anew" : "Compare", () => begin("api/compare/begin", extent()), { class: waiting ? "" : "main", disabled: !state.run })),
  comparing.time, comparing.command);
}

/** How many prompts and tokens are asked for; null: as the project says. */
function extent() {
  const number = ({ value }) => (value ? Number(value) : null);
  return { prompts: number(comparing.prompts), tokens: number(comparing.tokens) };
}

async function beginComparison(path, body, hosts, send) {
  if (hosts.length && !send.checked) {
    send.focus();
    throw new Error(`The judges are on other machines: tick that texts may be sent to ${hosts.join(", ")}.`);
  }
  await begin(path, { ...body, may_send: send.checked });
}

/** What the plan can show, and what its judges would take. */
async function drawPlanned() {
  const { plan } = comparing;
  const asked = Object.entries(extent()).filter(([, number]) => number !== null);
  const planned = comparing.planned = await get("api/compare/plan", Object.fromEntries(asked));
  const percent = (share) => (share === null ? "–" : `${Math.round(100 * share)} %`);
  const names = ["kind of prompt", "prompts", "independent", "wins it takes", "shown from", `chance to show ${percent(planned.effect)}`];
  const rows = planned.reach.map((row) => element("tr", {}, element("td", {}, row.category),
    [number(row.prompts), number(row.independent), row.wins_needed === null ? "too few prompts" : `${number(row.wins_needed)} of ${number(row.decisive)}`, percent(row.smallest_shown), percent(row.wins_needed === null ? null : row.power)].map((text) => element("td", { class: "num" }, text))));
  const dollars = (costs) => (costs === null ? "price not known" : costs.worst === 0 ? "nothing" : `about $${costs.expected.toFixed(2)}, at worst $${costs.worst.toFixed(2)}`);
  const estimates = planned.estimates.map((one) => element("li", {}, `${one.judge}, ${one.phase}: ${counted(one.calls, "call")}${one.already_answered ? `, ${number(one.already_answered)} answered already` : ""}; ${dollars(one.cost_usd)}`));
  plan.replaceChildren(element("h2", {}, "What it can show"),
    wide({}, element("table", {}, element("thead", {}, element("tr", {}, names.map((name, i) => element("th", { scope: "col", class: i ? "num" : null }, name)))), element("tbody", {}, rows))),
    element("p", { class: "soft" }, "Independent: prompts of one conversation count once. Shown from: a model that wins this share is found to be better four times in five."),
    planned.prompts_needed ? element("p", {}, `To show a win rate of ${percent(planned.effect)} takes about ${number(planned.prompts_needed)} independent prompts, if ${percent(planned.ties)} end in a tie; below 30 nothing is said at all.`) : "",
    ...planned.notes.map((note) => element("p", { class: "soft" }, inCode(note))),
    element("h2", {}, "What it costs"),
    estimates.length ? element("ul", {}, estimates) : element("p", {}, "No judge, so nothing is sent or spent."),
    command(planned.plan_command));
  comparing.command.replaceChildren(command(planned.command));
  rooms.compare.jobs(shell.jobs);
}

/** An evaluation: how far it is, and the lines of its answer card. */
function comparisonView(one) {
  return element("section", {}, element("h2", {}, one.name), element("p", { class: "soft" }, `${one.state}; ${counted(one.judgments, "judgment")}`),
    one.card ? [element("p", {}, `${one.card.title} (${one.card.compared})`), one.card.lines.map((line) => element("p", {}, inCode(line)))] : "",
    element("p", { class: "row" }, one.card ? element("a", { class: "button", href: "#report" }, "To the report") : null, one.is_whole ? element("a", { class: "button", href: "#vote" }, "Vote yourself") : null));
}

/** How long an evaluation of what is filled in would take, once it was measured. */
function drawTime(job) {
  const { time: at, planned } = comparing;
  const isMeant = job && job.command === planned?.time_command && job.state !== "stopped";
  const key = isMeant ? `${job.id} ${job.state} ${job.lines.at(-1) ?? ""}` : "";
  if (at.dataset.key === key) return;
  at.dataset.key = key;
  at.dataset.job = isMeant ? job.id : "";
  if (!isMeant) return at.replaceChildren();
  if (job.state === "failed") return at.replaceChildren(...jobView(job));
  if (job.state !== "finished") return at.replaceChildren(element("p", { class: "soft" }, `Measuring: ${job.lines.at(-1) ?? "the model is read"}`));
  const { seconds, answers } = JSON.parse(job.printed).time;
  at.replaceChildren(element("p", {}, `About ${time(seconds)} on this machine: ${counted(answers, "answer")} are written, and the held-out ones measured. Judges come on top.`));
}

/** How far the work is that goes on now, as the line says that it said last. */
function drawProgress(job) {
  const { progress } = comparing;
  const [, task, done, all] = job?.lines.at(-1)?.match(/^(.+?) \d+% \(([\d,]+) of ([\d,]+)/) ?? [];
  if (!task) return progress.replaceChildren();
  if (!progress.firstChild) progress.append(element("progress", {}));
  const [bar] = progress.children;
  const count = (text) => Number(text.replaceAll(",", ""));
  bar.max = count(all) || 1;
  bar.value = count(done);
  bar.setAttribute("aria-label", task);
}
