// Two pages about the whole: the dashboard with its figures, and the freeze into a data set.
"use strict";

async function showDashboard() {
  arrive("dashboard");
  await waitForReading(await showProgress());
  const figures = await get("api/dashboard");
  document.getElementById("main").replaceChildren(dashboardView(figures));
  beginView();
  await waitForLibrary();
}

function dashboardView(figures) {
  const { summary, second_looks: looks } = figures;
  const table = (title, rows, heads = null) => rows.length === 0 ? null : element("section", {}, element("h2", {}, title), element("table", {},
    heads ? element("tr", {}, element("td"), heads.map((head) => element("td", { class: "num soft" }, head))) : null, rows.map(([name, ...cells]) =>
      element("tr", {}, element("th", {}, name), cells.map((cell) => element("td", { class: "num" }, cell))))));
  const heads = ["cards", "accepted", "rejected"];
  const counts = (map) => Object.entries(map).sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, number(count)]);
  const all = Object.values(figures.written).reduce((sum, chars) => sum + chars, 0);
  const worth = Math.max(1, figures.effective_n);
  return element("article", { class: "dashboard" }, element("h1", {}, "Dashboard"),
    element("p", {}, `${counted(summary.accepted, "card")} accepted (${number(figures.edited)} edited), ${number(summary.rejected)} rejected, ${number(summary.open)} open. ` +
      (all === 0 ? "" : figures.is_notes_only ? `They come from ${counted(worth, "document")} and count as about as many examples as there are documents: sections of one document share its matter.`
        : `They come from ${counted(figures.conversations, figures.has_notes ? "conversation or section" : "conversation", figures.has_notes ? "conversations and sections" : "conversations")} and count as about ${counted(worth, "independent example")}: cards of one conversation${figures.has_notes ? " or document" : ""} share its matter.`)),
    element("p", { class: "soft" }, `${summary.taste} accepted examples are enough for a first small model to talk to; ${summary.report_from === null ? "" : `about ${number(summary.report_from)} (more where many are of one conversation or text) have the test examples that the report needs to say anything at all; affinage plan says how many it takes to show a difference; `}about ${number(summary.goal)} are a full data set. These are rules of thumb: how far yours goes is measured after the training.`),
    element("p", {}, looks.count === 0 ? "No second looks yet: one card in twenty comes again, to see whether you agree with yourself."
      : `You agreed with yourself on ${looks.same} of ${counted(looks.count, "second look")}${looks.kappa === null ? "" : ` (kappa ${looks.kappa.toFixed(2)})`}.`),
    summary.accepted >= summary.taste ? element("p", { class: "taste" }, "Enough for a taste: ", element("button", { onclick: () => act("z") }, "Freeze a data set ", element("kbd", {}, "z")), " and train, or in a terminal ", element("code", {}, figures.taste_command)) : null,
    figures.gaps.length === 0 ? null : element("section", {}, element("h2", {}, "Missing"), element("ul", { class: "hits" }, figures.gaps.map((gap) => element("li", {},
      gap.group ? element("button", { onclick: () => run(() => goTo(gap.group)) }, gap.words) : gap.words)))),
    element("div", { class: "tables" },
      table("Who wrote the accepted words", all === 0 ? [] : writerRows(figures, all)),
      table("Topics", figures.topics.map(({ name, counts: cells, choice }) => [{ skip: `${name} (skipped)`, private: `${name} (private)` }[choice] ?? name, ...cells.map(number)]), heads),
      table("Source models", Object.keys(figures.models).every((name) => name === "not named") ? [] : Object.entries(figures.models).map(([name, cells]) => [name, ...cells.map(number)]), heads),
      table("Accepted by length", all === 0 ? [] : figures.lengths.map(({ name, count }) => [name, number(count)])),
      table("Accepted by number of answers to the prompt", Object.entries(figures.answers).map(([name, count]) => [name, number(count)])),
      table("Accepted by domain", counts(figures.domains)), table("Accepted by tag", counts(figures.tags)),
      table("Rejected because", counts(figures.reasons)), table("Open cards by what lint, the check of the texts, found", counts(figures.flags))));
}

/** The accepted words by writer: what was typed here apart from what people wrote in the texts. */
function writerRows({ written, typed }, all) {
  const { person = 0, unknown = 0, ...models } = written;
  const rows = [["typed at this desk", typed], ["people, in the texts", person - typed], ["speakers of transcripts", unknown],
    ...Object.entries(models).map(([who, chars]) => [who.replace(/^model:/, ""), chars])];
  return rows.filter(([, chars]) => chars > 0).sort((a, b) => b[1] - a[1]).map(([who, chars]) => [who, percent(chars / all), `${number(chars)} characters`]);
}

/** The first undecided card of a group. */
async function goTo(group) {
  const { shown } = await post("api/group", group);
  if (shown.length === 0) return say("nothing is left to decide there");
  await open(shown[0].id);
}
