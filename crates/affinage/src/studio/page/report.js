// Report and share: what came of it, and the result for other programs.
"use strict";

const reporting = { section: null };

rooms.report = {
  async show(main) {
    const state = await get("api/report");
    reporting.section = element("section", { "aria-live": "polite" });
    main.append(element("h1", {}, "Report"));
    if (state.evaluations.length === 0) main.append(element("p", {}, "Nothing was compared yet: ", element("a", { href: "#compare" }, "compare first"), "."));
    for (const one of state.evaluations) main.append(evaluationView(one, one.name === state.meant));
    main.append(shareView(state), reporting.section);
  },
  jobs(jobs) { if (reporting.section) jobSection(reporting.section, jobs, ["export"]); },
};

function evaluationView(one, isMeant) {
  const draw = button(one.has_report ? "Draw it again" : "Draw the report", async () => {
    say("Drawing the report…");
    await post("api/report/draw", { eval: one.name });
    await again();
  }, { class: one.has_report && !one.is_outdated ? "" : "main" });
  return element("section", {}, element("h2", {}, one.card ? one.card.title : one.name),
    element("p", { class: "soft" }, `${one.name}${isMeant ? "" : ", not the one that commands mean without its name"}${one.card ? `: ${one.card.compared}` : ""}`),
    one.card?.first ? element("p", {}, inCode(one.card.first)) : null,
    one.card && one.card.lines.length > 1 ? element("details", {}, element("summary", {}, "All answers of the card"), one.card.lines.slice(1).map((line) => element("p", {}, inCode(line)))) : null,
    one.is_outdated ? element("p", {}, "Somebody voted since it was drawn.") : null,
    one.is_whole ? element("p", { class: "row" }, one.has_report ? element("a", { class: "button", href: `report/${encodeURIComponent(one.name)}/`, target: "_blank" }, "Read the report") : null, draw) : one.problem ? element("p", {}, `It cannot be read: ${one.problem}.`) : element("p", {}, "Answers are still missing: go on with it under ", element("a", { href: "#compare" }, "Compare"), "."),
    command(one.command));
}

function shareView({ runs, exports }) {
  const section = element("section", {}, element("h2", {}, "Take it with you"));
  if (runs.length === 0) {
    section.append(element("p", {}, "Once something is trained, it can be written for other programs here."));
    return section;
  }
  const run = element("select", { "aria-label": "The training" }, runs.map((one) => element("option", { value: one.name }, one.name)));
  const checkpoint = element("select", { "aria-label": "The checkpoint" });
  const fill = () => {
    const one = runs.find((known) => known.name === run.value) ?? runs[0];
    checkpoint.replaceChildren(...[...one.names, ...one.checkpoints].map((name) => element("option", { value: name }, name)));
  };
  run.addEventListener("change", fill);
  fill();
  section.append(element("p", {}, "Each of these is written into a folder ", element("code", {}, "exports"), " of the project, read back, and measured against the trained model."),
    element("p", { class: "row" }, run, checkpoint),
    element("div", { class: "cards" }, exports.map((one) => element("div", {}, element("p", {}, button(one.title, () => begin("api/report/export", { run: run.value || runs[0].name, checkpoint: checkpoint.value, to: one.to }))), element("p", { class: "soft" }, inCode(one.use))))));
  return section;
}
