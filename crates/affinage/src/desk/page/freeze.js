// The end of the desk: a frozen version, and the training on it.
"use strict";

async function showFreeze() {
  arrive("freeze");
  const summary = await showProgress();
  const clean = element("input", { type: "checkbox" });
  const name = element("input", { "aria-label": "A word in its name", placeholder: "a word in its name, e.g. letters (optional)" });
  const result = element("section", { "aria-live": "polite" });
  const training = element("section", { class: "training", "aria-live": "polite" });
  const worth = Math.max(1, summary.effective_n);
  const unclean = uncleanParts(summary.open_dated, summary.open_off_branch);
  const freeze = async () => {
    button.disabled = true;
    result.replaceChildren(element("p", {}, "Freezing…"));
    try {
      result.replaceChildren(frozenView(await post("api/freeze", { accept_clean: clean.checked, name: name.value })));
      await watchTraining(training);
    } catch (error) {
      result.replaceChildren(element("p", { class: "failed" }, inCode(here(error.message))));
    }
    button.disabled = false;
    result.scrollIntoView({ block: "nearest" });
  };
  const button = element("button", { class: "main", disabled: summary.accepted === 0, onclick: () => run(freeze) }, "Freeze");
  clean.addEventListener("change", () => { button.disabled = summary.accepted === 0 && !clean.checked; });
  document.getElementById("main").replaceChildren(element("article", { class: "freeze" }, element("h1", {}, "Freeze a data set"),
    element("p", {}, "A version takes the accepted cards as they are now and never changes again. Most are trained on; some are kept back, a few to watch the training (validation) and others for the questions of the report (test), and nothing that is kept back is learned. You can go on deciding and freeze another one later."),
    element("p", {}, summary.accepted === 0 ? "Nothing is accepted yet." : `${counted(summary.accepted, "card")} accepted${worth < summary.accepted ? `; cards of one conversation or document share its matter, so they count as about ${counted(worth, "independent example")}` : ""}.`),
    summary.is_whole && summary.open_clean === 0 ? null : element("p", {}, element("label", {}, clean, ` also take ${summary.open_clean === 0 ? "undecided cards" : counted(summary.open_clean, "undecided card")} without errors or warnings of lint`),
      summary.is_whole && unclean.length > 0 ? element("span", { class: "soft" }, ` (not taken with them: ${unclean.join(", ")}; they are accepted in the list)`) : null),
    element("p", { class: "row" }, name, button), result, training));
  beginView();
  await watchTraining(training);
}

/** What was frozen, as the terminal says it. */
function frozenView({ name, folder, files, lines }) {
  return element("div", {}, element("h2", {}, `Frozen: ${name}`),
    element("table", {}, files.map((file) => element("tr", {}, element("th", {}, file.name), element("td", { class: "num" }, counted(file.examples, "example"))))),
    saidList(lines),
    element("p", { class: "soft" }, "The files lie in ", element("code", {}, folder), "."));
}

/** Lines of the terminal; those that it sets in stand below the line before them. */
function saidList(lines) {
  const list = element("ul", { class: "said" });
  for (const line of lines) {
    const item = element("li", {}, inCode(here(line.trim())));
    const above = list.lastElementChild;
    if (!line.startsWith(" ") || !above) { list.append(item); continue; }
    if (!above.querySelector("ul")) above.append(element("ul", {}));
    above.querySelector("ul").append(item);
  }
  return list;
}

/** A line of the terminal as it is said at the desk itself. */
function here(line) {
  return line.replaceAll("`affinage review`, ", "").replaceAll(" (`affinage review`)", "").replaceAll("`affinage review`", "the list (l)");
}

/** Shows how far the training is, again and again while it runs and the section is on the page. */
async function watchTraining(section) {
  const watch = watchTraining.now = (watchTraining.now ?? 0) + 1;
  do {
    const status = await get("api/training");
    if (watch !== watchTraining.now) return;
    section.replaceChildren(...trainingView(status, section).filter(Boolean));
    if (status.stage !== "running") return;
    await new Promise((done) => setTimeout(done, 1000));
  } while (document.contains(section) && watch === watchTraining.now);
}

/** Where it goes on from a training: in the studio the rooms, else the commands. */
function afterTraining() {
  const to = (room, name) => element("a", { href: `../#${room}` }, name);
  const command = (text) => element("code", {}, text);
  return document.querySelector("nav.strip") ? element("p", {}, "Next: ", to("talk", "talk to it"), ", and ", to("compare", "find out whether it got better"), ".")
    : element("p", {}, "Next, in a terminal: ", command("affinage chat --compare base,last"), " talks to it, ", command("affinage eval"), " finds out whether it got better.");
}

/** One section for each stage: none, running, stopped, finished, failed. */
function trainingView(status, section) {
  const { stage, version, newest, run: name, step = 0, steps, loss, validation = [], left, lines = [], stopping, rows, decided_since: since = 0 } = status;
  const begin = (text, body, isMain = true) => element("button", { class: isMain ? "main" : null, onclick: () => run(async () => {
    await post("api/training", body);
    watchTraining(section).catch((error) => say(error.message));
  }) }, text);
  const stop = () => run(async () => { await post("api/training/stop"); watchTraining(section).catch((error) => say(error.message)); });
  const anew = newest ? begin(`Train on ${newest}`, { version: newest }, stage === "none") : null;
  const stale = newest && since > 0 ? element("p", { class: "soft" }, `${counted(since, "card")} decided since ${newest}, which it does not know of: freeze again to train on them.`) : null;
  const code = (text) => element("code", {}, text);
  const losses = validation.length === 0 ? null : element("table", {}, element("tr", {}, element("th", {}, "after step"), element("th", {}, "validation loss")),
    validation.map((one) => element("tr", {}, element("td", { class: "num" }, number(one.step)), element("td", { class: "num" }, one.loss.toFixed(4)))));
  if (stage === "none") {
    return newest === null ? [] : [element("h2", {}, "Train"),
      element("p", {}, "The same as ", code("affinage train"), " in a terminal, with the settings of affinage.toml. You can go on deciding meanwhile; closing affinage stops the training and keeps what is learned so far."),
      stale, element("p", { class: "row" }, anew)];
  }
  if (stage === "running") {
    const at = steps ? `step ${number(step)} of ${number(steps)}${loss === undefined ? "" : `, loss ${loss.toFixed(3)}`}${left ? `, about ${left} left` : ""}` : "preparing";
    return [element("h2", {}, `Training on ${version}`),
      element("p", { class: "row" }, element("progress", { max: String(steps ?? 1), value: step > 0 ? String(step) : null, "aria-label": "Steps" }), element("span", {}, at),
        element("button", { onclick: stop, disabled: stopping }, stopping ? "Stopping…" : "Stop")),
      losses, lines.length === 0 ? null : element("p", { class: "soft" }, inCode(lines[lines.length - 1]))];
  }
  if (stage === "failed") {
    const first = lines.findIndex((line) => line.startsWith("error:"));
    return [element("h2", {}, `The training on ${version} failed`), element("p", { class: "failed turn" }, inCode(lines.slice(Math.max(0, first)).join("\n"))), element("p", { class: "row" }, anew)];
  }
  const isDone = stage === "finished";
  return [element("h2", {}, isDone ? `Trained on ${version}` : "Stopped"),
    element("p", {}, isDone ? `${counted(steps ?? 0, "step")} on ${counted(rows ?? 0, "row")}; the run is ${name}.` : `After step ${number(step)} of ${number(steps ?? 0)}; the checkpoint is saved.`), losses,
    isDone ? afterTraining() : null,
    stale, element("p", { class: "row" }, isDone || !name ? null : begin("Go on", { version, resume: true }), anew)];
}
