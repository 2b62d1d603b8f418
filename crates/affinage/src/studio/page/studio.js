// The shell of the studio: which room is shown, work that is going on, and what all rooms use.
"use strict";

/** The rooms by name: `show(main)` draws one, `jobs(list)` is told when work goes on. */
const rooms = {};
const shell = { shown: null, jobs: [], seen: new Map(), timer: null };

/** Draws the room of the address. */
async function enter() {
  const name = location.hash.slice(1).split("?")[0] || "start";
  const room = rooms[name] ?? rooms.start;
  const main = document.getElementById("main");
  shell.shown = name;
  main.className = `room ${name}`;
  document.title = `affinage · ${name}`;
  main.replaceChildren(element("p", { class: "soft" }, "Reading the project…"));
  try {
    const made = element("div", {});
    await strip.ready;
    if (name !== "start" && strip.now() && !strip.now().project.is_project) noProject(made);
    else await room.show(made);
    if (shell.shown !== name) return;
    main.replaceChildren(...made.childNodes);
    if (strip.now()?.project.is_project) room.jobs?.(shell.jobs);
    drawJobs();
  } catch (error) {
    if (shell.shown === name) main.replaceChildren(element("h1", {}, "This room cannot be shown"), element("p", { class: "failed" }, withRooms(error.message)));
  }
  scrollTo(0, 0);
  strip.refresh().catch(() => {});
}

/** What every room but Start shows in a folder that is no project yet. */
function noProject(main) {
  main.append(element("h1", {}, "Begin with a project"),
    element("p", {}, "This folder is no project yet, so there is nothing to work on here. Choose a model in Start, and make the folder a project."),
    element("p", {}, element("a", { class: "button", href: "#start" }, "To Start")));
}

/** Draws the room that is shown once more, and the strip with it. */
async function again() {
  const at = scrollY;
  await enter();
  scrollTo(0, at);
}

/** Says one sentence, also to who hears the page. */
function say(text) {
  const said = document.getElementById("said");
  said.replaceChildren(...withRooms(text));
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.replaceChildren(), 8000);
}

/** Runs what a button asks for; an error is said. */
async function act(button, work) {
  if (button) button.disabled = true;
  try {
    return await work();
  } catch (error) {
    say(error.message);
    return null;
  } finally {
    if (button) button.disabled = false;
  }
}

/** A button that runs `work`. */
function button(text, work, attributes = {}) {
  const made = element("button", { type: "button", ...attributes, onclick: () => act(made, work) }, text);
  return made;
}

/** The command that does the same, with a button that copies it. */
function command(text, words = "The same in a terminal") {
  const copy = button("Copy as command", async () => {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  }, { class: "small" });
  return element("p", { class: "command" }, element("span", { class: "soft" }, `${words}: `), element("code", {}, text), " ", copy);
}

/** The command that brings the same; what was brought lay in a folder that is gone, so its name is left to the person. */
function importCommand(job) {
  return element("p", { class: "command" }, element("span", { class: "soft" }, "The same in a terminal: "),
    element("code", {}, typed(`import${/ import --notes /.test(job.command) ? " --notes" : ""} PATH`)),
    element("span", { class: "soft" }, ", where PATH is the place of the file or folder on your machine."));
}

/** A command on this project, as it is typed where the studio was started. */
function typed(rest) {
  return `${strip.now()?.project.program ?? "affinage"} ${rest}`;
}

/** A word as it can be typed into a shell. */
function shellWord(word) {
  return /^[\p{L}\p{N}/._\-+=:@,]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Asks for the list of work and tells the room that is shown; soon again while something works. */
async function lookAtJobs() {
  clearTimeout(shell.timer);
  try {
    shell.jobs = await get("api/jobs");
    rooms[shell.shown]?.jobs?.(shell.jobs);
    drawJobs();
    const ended = shell.jobs.filter((job) => isEnded(job) && shell.seen.get(job.id) === false);
    shell.jobs.forEach((job) => shell.seen.set(job.id, isEnded(job)));
    for (const job of ended) {
      strip.refresh().catch(() => {});
      rooms[shell.shown]?.ended?.(job);
    }
  } catch { /* the banner of `lost` says it */ }
  const isBusy = shell.jobs.some((job) => !isEnded(job));
  shell.timer = setTimeout(lookAtJobs, document.hidden ? 5000 : isBusy ? 500 : 3000);
}

function isEnded(job) {
  return job.state !== "waiting" && job.state !== "running";
}

/** Begins work by a request that answers with its number. */
async function begin(path, body = {}) {
  const { job } = await post(path, body);
  shell.seen.set(job, false);
  await lookAtJobs();
  return job;
}

const kinds = { import: "Importing", freeze: "Freezing a data set", plan: "Measuring what the training takes", train: "Training", resume: "Training", eval: "Comparing", time: "Measuring what the comparison takes", export: "Exporting" };
const states = { waiting: "waits until the work before it has ended", running: "at work", stopped: "stopped", failed: "failed", finished: "finished" };

/** What works or waits, and what failed and was not dismissed, at the foot of every room that does not show it itself. */
function drawJobs() {
  const at = document.getElementById("jobs");
  const isShown = (job) => !isEnded(job) || (job.state === "failed" && !document.querySelector(`[data-job="${job.id}"]`));
  const rows = shell.jobs.filter(isShown).map((job) => [`job-${job.id}-${isEnded(job) ? "failed" : "busy"}`, job]);
  for (const row of [...at.children]) if (!rows.some(([id]) => row.id === id)) row.remove();
  for (const [id, job] of rows) {
    const isFailed = isEnded(job);
    let row = document.getElementById(id);
    if (!row) {
      const last = isFailed ? element("div", { class: "lines failed", tabindex: "0", role: "group", "aria-label": titleOf(job) }, linesOf(job)) : element("span", { class: "soft last" });
      const end = isFailed ? dismissal(job) : button("Stop", async () => { await post("api/jobs/stop", { id: job.id }); await lookAtJobs(); });
      row = element("div", { class: "job", id }, element("strong", {}), last, end);
      at.append(row);
    }
    const [title, last, stop] = row.children;
    strip.put(title, titleOf(job));
    if (isFailed) continue;
    strip.put(last, job.lines.at(-1) ?? "");
    stop.disabled = job.stopping;
  }
}

/** A piece of work and how far it is. */
function titleOf(job) {
  const stopping = job.kind === "train" || job.kind === "resume" ? "stopping: it finishes this step and saves what it has learned" : "stopping: it saves what is done";
  return `${kinds[job.kind] ?? job.kind}: ${job.stopping ? stopping : states[job.state]}`;
}

function dismissal(job) {
  return button("Dismiss", async () => { await post("api/jobs/dismiss", { id: job.id }); await lookAtJobs(); }, { "aria-label": `Dismiss: ${titleOf(job)}` });
}

/** The last piece of work of these kinds, as a section that is changed in place; `null` where there is none. */
function jobSection(section, jobs, wanted) {
  const job = jobs.filter((one) => wanted.includes(one.kind)).at(-1);
  const key = job ? `${job.id} ${job.state} ${job.lines.join("\n")} ${job.stopping}` : "";
  if (section.dataset.key === key) return;
  section.dataset.key = key;
  section.dataset.job = job?.id ?? "";
  section.replaceChildren(...(job ? jobView(job) : []));
  if (job && isEnded(job)) {
    get("api/job", { id: job.id }).then((whole) => {
      if (section.dataset.key === key) section.replaceChildren(...jobView(whole));
    }).catch(() => {});
  }
}

/** What a piece of work said; of one that failed from the error on. Rows of a table keep their blanks and are scrolled together. */
function linesOf(job) {
  const first = job.state === "failed" ? Math.max(0, job.lines.findIndex((line) => line.startsWith("error:"))) : 0;
  const parts = [];
  for (const line of job.lines.slice(first)) {
    const isRow = /\S {2,}\S/.test(line);
    const last = parts.at(-1);
    if (isRow && last?.rows) last.rows.push(line);
    else parts.push(isRow ? { rows: [line] } : { line });
  }
  return parts.map(({ rows, line }) => (rows ? wide({ class: "wide columns" }, rows.join("\n"))
    : element("div", { class: line.startsWith("  ") ? "inner" : null }, withRooms(line.trim()))));
}

/** Rooms where the page does what a command does. */
const roomOf = { import: "bring", review: "choose", dataset: "train", train: "train", chat: "talk", eval: "compare", plan: "compare", judge: "compare", vote: "vote", report: "report", export: "report" };

/** A text with its commands set as code, each with the way to the room that does the same. */
function withRooms(text) {
  return text.split("`").flatMap((part, i) => {
    if (i % 2 === 0) return part;
    const name = roomOf[part.match(/^affinage (?:-\S+ \S+ )*([a-z]+)/)?.[1]];
    const room = strip.now()?.rooms.find((one) => one.name === name);
    return room && name !== shell.shown ? [element("code", {}, part), " (here: ", element("a", { href: room.href }, room.title), ")"] : element("code", {}, part);
  });
}

/** A piece of work in words: its state and what it said. */
function jobView(job) {
  const isFailed = job.state === "failed";
  const lines = linesOf(job);
  return [
    element("h2", {}, titleOf(job)),
    lines.length ? element("div", { class: isFailed ? "lines failed" : "lines" }, lines) : null,
    isFailed ? element("p", {}, dismissal(job)) : null,
    job.kind === "import" ? importCommand(job) : command(job.command),
  ].filter(Boolean);
}

/** 1234567890 as `1.2 GB`. */
function bytes(value) {
  if (value === null || value === undefined) return "unknown";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  const unit = Math.min(units.length - 1, value < 1000 ? 0 : Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** unit;
  return `${unit === 0 ? number(value) : scaled.toFixed(scaled < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds, no more exact than an estimate is. */
function time(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = seconds / 60;
  if (minutes < 90) return `${minutes < 10 ? Math.round(minutes) : Math.round(minutes / 5) * 5} min`;
  const hours = minutes / 60;
  return hours < 9.5 ? `${Math.round(hours * 2) / 2} h` : `${Math.round(hours)} h`;
}

/** What may be wider than the screen, and is then scrolled by itself, with the keyboard too. */
function wide(attributes, ...children) {
  return element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table", ...attributes }, ...children);
}

/** A table of names and values; rows without a value are left out. */
function facts(rows) {
  return element("dl", { class: "facts" }, rows.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

addEventListener("DOMContentLoaded", () => {
  addEventListener("hashchange", () => enter().then(strip.toHeading));
  enter();
  lookAtJobs();
});
