// A list of cards by what they have in common: length, file, topic, rule, words. What is chosen stands in the address.
"use strict";

const BOUNDS = ["prompt_from", "prompt_to", "answer_from", "answer_to"];
const STATES = [["undecided", "undecided"], ["accepted", "accepted"], ["rejected", "rejected"], ["any", "all"]];

/** The selection in the address: `#list?prompt_to=3&rule=L21`. */
function filterNow() {
  const filter = {};
  for (const [key, value] of new URLSearchParams(location.hash.split("?")[1] ?? "")) {
    filter[key] = BOUNDS.includes(key) || key === "topic" ? Number(value) : key === "too_long" ? value === "true" : value;
  }
  return filter;
}

function keepFilter(filter) {
  const pairs = new URLSearchParams(Object.entries(filter).map(([key, value]) => [key, String(value)])).toString();
  history.replaceState(null, "", pairs ? `#list?${pairs}` : "#list");
}

async function showList(filter) {
  arrive("list");
  if (filter) keepFilter(filter);
  await waitForReading(await showProgress());
  const options = await get("api/filters");
  const results = element("section", { "aria-live": "polite" });
  const form = filterForm(filterNow(), options, (changed) => {
    keepFilter(changed);
    return fillList(results, changed);
  });
  document.getElementById("main").replaceChildren(element("article", { class: "list" }, element("h1", {}, "A list of cards"), form, results));
  beginView();
  await fillList(results, filterNow());
  await waitForLibrary();
}

async function fillList(results, filter) {
  const group = { by: "filter", value: filter };
  const asked = fillList.asked = (fillList.asked ?? 0) + 1;
  const preview = await post("api/group", group);
  // A newer selection may have been answered meanwhile.
  if (asked !== fillList.asked) return;
  results.replaceChildren(element("h2", {}, `${counted(preview.count, "card")}: ${preview.rule}`), ...[...bulkView(group, preview), ...cardList(preview)].filter(Boolean));
}

/** The fields; `changed` gets the whole selection whenever one of them changes. */
function filterForm(filter, { rules, files, topics, lengths }, changed) {
  const form = element("form", { class: "filter", onsubmit: (event) => event.preventDefault() });
  const input = (name, attributes) => {
    const made = element("input", { name, ...attributes });
    if (attributes.type === "checkbox") made.checked = Boolean(filter[name]);
    else made.value = filter[name] ?? "";
    return made;
  };
  const select = (name, all, options) => element("select", { name, "aria-label": all }, element("option", { value: "" }, all),
    options.map(([value, text]) => element("option", { value: String(value), selected: String(filter[name] ?? "") === String(value) }, text)));
  const words = (of, name) => element("fieldset", {}, element("legend", {}, of),
    input(`${name}_from`, { type: "number", min: "0", "aria-label": `${of}: words at least`, placeholder: "from" }), " to ",
    input(`${name}_to`, { type: "number", min: "0", "aria-label": `${of}: words at most`, placeholder: "any" }), " words");
  const read = () => {
    const found = {};
    for (const field of form.elements) {
      if (!field.name || field.value === "") continue;
      if (field.type === "checkbox") { if (field.checked) found[field.name] = true; }
      else if (field.name === "state") { if (field.value !== "undecided") found.state = field.value; }
      else found[field.name] = field.type === "number" || field.name === "topic" ? Number(field.value) : field.value;
    }
    return found;
  };
  form.append(
    words("Prompt", "prompt"), words("Answer", "answer"),
    element("div", { class: "row" },
      input("words", { type: "search", "aria-label": "Words to find", placeholder: "words of the text", title: "all these words; \"in quotes\" a phrase" }),
      topics.length > 1 ? select("topic", "every topic", topics.map((name, i) => [i, name])) : null,
      files.length > 1 ? select("file", "every file", files.map(({ name, count }) => [name, `${name} (${number(count)})`])) : null,
      rules.length > 0 ? select("rule", "every finding of lint", rules.map(({ id, title, count }) => [id, `${id} ${title} (${number(count)})`])) : null,
      element("select", { name: "state", "aria-label": "Decided or not" }, STATES.map(([value, text]) => element("option", { value, selected: (filter.state ?? "undecided") === value }, text)))),
    lengthView(lengths, input),
    element("p", { class: "row" }, element("button", { type: "button", onclick: () => run(() => showList({})) }, "Clear")));
  // As one types; what is typed fast is looked for once.
  form.addEventListener("input", () => {
    clearTimeout(filterForm.timer);
    filterForm.timer = setTimeout(() => changed(read()).catch((error) => say(error.message)), 200);
  });
  return form;
}

/** Rows that are too long for the training, or why that is not known. */
function lengthView({ known, count }, input) {
  if (known.stage === "unknown") return element("p", { class: "soft" }, inCode(`Which cards are too long for the training is not known: ${known.why}.`));
  if (known.stage === "waiting") return element("p", { class: "soft" }, "Which cards are too long for the training is being counted.");
  return element("p", {}, element("label", {}, input("too_long", { type: "checkbox", value: "true", disabled: false }),
    ` too long for the training: ${number(count)} (more than ${number(known.limit)} tokens)`));
}
