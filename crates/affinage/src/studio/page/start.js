// Start: this project, or the model for a new one.
"use strict";

rooms.start = {
  async show(main) {
    const [start, state] = await Promise.all([get("api/start"), strip.ready.then(() => strip.refresh())]);
    main.append(...(start.project.is_project ? projectView(start, state) : newProjectView(start)), machineView(start));
    if (start.recent.length) main.append(recentView(start.recent));
  },
};

function projectView({ project, model }, { rooms: all }) {
  const signs = { done: "✓", stale: "↻", lacking: "!", next: "→", empty: "" };
  const words = { done: "done", stale: "changed since", lacking: "too little", next: "next", empty: "not yet" };
  const next = all.find((room) => room.state === "next");
  return [
    element("h1", {}, project.name),
    facts([["folder", project.folder], ["model", `${project.model}${model.is_here ? "" : model.problem ? `: ${model.problem}` : " (fetched at the first use)"}`]]),
    otherModelView(project),
    next ? element("p", {}, element("a", { class: "button", id: "next-step", href: next.href }, `${next.title}: ${next.sentence}`)) : "",
    element("h2", {}, "How far it is"),
    element("ol", { class: "story" }, all.map((room) => element("li", { class: room.state },
      element("span", { "aria-hidden": "true" }, signs[room.state]), element("a", { href: room.href }, room.title),
      element("span", { class: "says" }, capital(room.sentence), element("span", { class: "hidden" }, ` (${words[room.state]})`))))),
    element("p", {}, "Everything is in the folder of the project: close this page when you like, nothing is lost."),
  ];
}

/** Another model for this project; the machine is measured when somebody looks. */
function otherModelView(project) {
  const table = wide({ "aria-live": "polite" });
  const name = element("input", { class: "wideinput", value: project.model });
  const change = button("Train this model", async () => {
    await post("api/start/model", { model: name.value.trim() });
    await again();
    say(`This project trains ${name.value.trim()} from now on.`);
  });
  const look = async ({ target }) => {
    if (!target.open || table.firstChild) return;
    table.replaceChildren(element("p", { class: "soft" }, "Measuring this machine…"));
    try {
      const known = await get("api/start/models");
      table.replaceChildren(modelTable(known, project.model, (model) => { name.value = model; }));
    } catch (error) {
      table.replaceChildren(element("p", { class: "failed" }, inCode(error.message)));
    }
  };
  return element("details", { ontoggle: look }, element("summary", {}, "Another model"), table,
    element("p", {}, element("label", { class: "stack" }, "Its name, or the path of a folder or of a .gguf file", name)),
    element("p", { class: "row" }, change),
    element("p", { class: "soft" }, "Data sets that are frozen serve any model. What was trained stays with the model it was trained on, so train again. The line ", element("code", {}, "model"), " of affinage.toml says the same."));
}

/** The table of models with what each takes here; the first sentence is there before the machine is measured. */
function newProjectView({ project }) {
  const table = wide({ "aria-live": "polite" }, element("p", { class: "soft" }, "Measuring this machine…"));
  const line = element("div", {});
  let chosen = null;
  const make = button("Make it a project", async () => {
    await post("api/start/project", { model: chosen });
    await again();
    document.getElementById("next-step")?.focus();
  }, { class: "main" });
  make.disabled = true;
  const choose = (model) => {
    chosen = model;
    make.disabled = false;
    line.replaceChildren(command(typed(`init --model ${model}`)));
  };
  get("api/start/models").then((known) => {
    const first = known.models.find((one) => one.model === known.chosen)?.model ?? known.models[0].model;
    table.replaceChildren(modelTable(known, first, choose));
    choose(first);
  }).catch((error) => table.replaceChildren(element("p", { class: "failed" }, inCode(error.message))));
  return [
    element("h1", {}, "Begin a project"),
    element("p", {}, "affinage teaches a small language model on this machine to write as you do, or as an assistant you liked does, from your own conversations and notes, and then finds out honestly whether it got better. Nothing leaves this machine unless you say so."),
    element("p", {}, "A project is a folder. This one: ", element("code", {}, project.folder), ". Choose the model to train:"),
    table, element("p", { class: "row" }, make), line,
  ];
}

function modelTable(known, chosen, choose) {
  const memory = known.machine_memory_bytes ?? Infinity;
  const rows = known.models.map((one) => element("tr", {},
    element("td", {}, element("label", {}, element("input", { type: "radio", name: "model", checked: one.model === chosen, onchange: () => choose(one.model) }), one.model)),
    element("td", { class: "num", "data-of": "size" }, bytes(one.disk_bytes)),
    element("td", { class: "num", "data-of": "memory" }, bytes(one.memory_bytes), one.memory_bytes > memory ? " (more than there is)" : ""),
    element("td", { class: "num", "data-of": "training" }, one.seconds > 0 ? `about ${time(one.seconds)}` : "–"),
    element("td", { "data-of": "licence" }, one.licence.name, one.licence.must_be_accepted ? " *" : ""),
    element("td", { "data-of": "here" }, one.on_this_machine ? "yes" : "no")));
  return element("div", {},
    element("table", { class: "stacked" }, element("thead", {}, element("tr", {}, ["model", "size", "memory", "training", "licence", "here"].map((name, i) => element("th", { scope: "col", class: i > 0 && i < 4 ? "num" : null }, name)))), element("tbody", {}, rows)),
    element("p", { class: "soft" }, `Memory and time are estimates for about ${number(known.data.train_rows)} examples, ${counted(known.data.epochs, "pass", "passes")} over them, on this machine. A larger model writes better and takes longer. * its licence must be accepted on the model's page first.`));
}

function machineView({ machine, keys, version }) {
  return element("details", {}, element("summary", {}, "This machine"),
    facts([
      ["affinage", version], ["processor", `${machine.cpu ?? "unknown"}, ${counted(machine.cores, "core")}`],
      ["memory", `${bytes(machine.memory_bytes)}, ${bytes(machine.free_memory_bytes)} free`], ["disk", `${bytes(machine.free_disk_bytes)} free`],
      ["keys for judges", keys.length ? keys.join(", ") : "none set; needed only for judges and models that ask for one"],
    ]), command(typed("doctor"), "More of it"));
}

function recentView(recent) {
  return element("section", {}, element("h2", {}, "Other projects"),
    element("p", { class: "soft" }, "Each has a studio of its own; the command opens it."),
    recent.map((one) => element("div", {}, element("strong", {}, one.name), command(one.command, one.folder))));
}
