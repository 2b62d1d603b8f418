// Bring: files, folders and pasted texts into the library.
"use strict";

const PIECE = 4 << 20;
const bringing = { section: null, progress: null };

rooms.bring = {
  async show(main) {
    const known = await get("api/bring");
    const files = element("input", { type: "file", multiple: true, hidden: true, onchange: () => bring([...files.files].map((file) => ({ path: file.name, file }))) });
    const folder = element("input", { type: "file", webkitdirectory: true, hidden: true, onchange: () => bring([...folder.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }))) });
    const notes = element("input", { type: "checkbox" });
    const pasting = element("div", {}, command(typed("import -")));
    notes.addEventListener("change", () => pasting.replaceChildren(command(typed(notes.checked ? "import --notes -" : "import -"))));
    const text = element("textarea", { rows: "6", "aria-label": "Text to bring" });
    const drop = element("div", { class: "drop", ondragover: (event) => { event.preventDefault(); drop.classList.add("over"); }, ondragleave: () => drop.classList.remove("over"), ondrop: (event) => { event.preventDefault(); drop.classList.remove("over"); act(null, async () => bring(await dropped(event.dataTransfer))); } },
      element("p", {}, "Drop files or a folder here: exports of chats as they were downloaded, notes, documents."),
      element("p", { class: "row" }, button("Choose files", () => files.click(), { class: "main" }), button("Choose a folder", () => folder.click())), files, folder);
    bringing.section = element("section", { "aria-live": "polite" });
    bringing.progress = element("div", { role: "status" });
    bringing.notes = notes;
    main.append(element("h1", {}, "Bring your texts"),
      element("p", {}, "What you bring is copied into this project and stays on this machine. Bringing the same export again, or a newer one, adds only what is new."),
      drop, element("p", {}, element("label", {}, notes, " these are all my own words (notes, essays): their sections are what is learned")),
      bringing.progress, bringing.section,
      element("details", {}, element("summary", {}, "Paste a text"), text, element("p", { class: "row" }, button("Bring it", async () => {
        await begin("api/bring/paste", { text: text.value, notes: notes.checked });
        text.value = "";
      })), pasting),
      whereFrom(), broughtView(known));
  },
  jobs(jobs) { if (bringing.section) jobSection(bringing.section, jobs, ["import"]); },
  ended(job) {
    // What failed or was stopped in the middle may have brought something.
    if (job.kind !== "import") return;
    get("api/bring").then((known) => document.getElementById("brought")?.replaceWith(broughtView(known))).catch(() => {});
  },
};

/** All files of what was dropped, those of folders with their paths. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = [];
  const walk = async (entry, above) => {
    if (entry.isFile) {
      found.push({ path: above + entry.name, file: await new Promise((done, failed) => entry.file(done, failed)) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (some.length === 0) return;
      for (const one of some) await walk(one, `${above}${entry.name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

/** Sends files piece by piece and has them imported. */
async function bring(files) {
  if (files.length === 0) return;
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const bar = element("progress", { max: "1", value: "0", "aria-label": "Sent" });
  bringing.progress.replaceChildren(element("p", {}, `${files.length === 1 ? files[0].path : counted(files.length, "file")}, ${bytes(total)}`), bar);
  let upload = null;
  try {
    upload = (await post("api/bring/begin", { files: files.map(({ path, file }) => ({ path, size: file.size })) })).upload;
    let sent = 0;
    for (const [i, { file }] of files.entries()) {
      for (let at = 0; at < file.size; at += PIECE) {
        const piece = file.slice(at, at + PIECE);
        await reply(() => fetch(`api/bring/piece?upload=${upload}&file=${i}&at=${at}`, { method: "POST", body: piece }));
        sent += piece.size;
        bar.value = total ? sent / total : 1;
      }
    }
    await begin("api/bring/import", { upload, notes: bringing.notes.checked });
    bringing.progress.replaceChildren();
  } catch (error) {
    bringing.progress.replaceChildren(element("p", { class: "failed" }, inCode(error.message)));
    if (upload) post("api/bring/leave", { upload }).catch(() => {});
  }
}

/** How each product gives an export. */
function whereFrom() {
  const steps = [
    ["ChatGPT", "Settings, Data controls, Export data. A mail brings a link to a zip file: drop it here as it is."],
    ["Claude", "Settings, Privacy, Export data. A mail brings a link to a zip file: drop it here as it is."],
    ["Gemini", "takeout.google.com: deselect all, then select Gemini and My Activity (Gemini Apps), and take the format JSON where there is a choice. Drop the zip file here."],
    ["Obsidian, Logseq, notes in files", "Drop the folder itself. Each section of a note is an answer in your own words."],
    ["Other programs", "Nearly every export is read: JSON, JSONL, CSV, Markdown, HTML, Word, epub and PDF. What it is, is told by its content."],
  ];
  return element("details", {}, element("summary", {}, "Where do I get my export?"), element("dl", {}, steps.map(([name, words]) => [element("dt", {}, element("strong", {}, name)), element("dd", {}, words)])));
}

function broughtView({ sources, left_out: left, texts }) {
  const rows = sources.slice(-60).reverse().map((one) => element("tr", {}, element("td", {}, one.path ?? element("em", {}, "held private")), element("td", { class: "num" }, bytes(one.size_bytes)), element("td", {}, one.imported_at.slice(0, 10))));
  return element("section", { id: "brought" },
    sources.length === 0 ? null : [
      element("h2", {}, "What is here"),
      element("p", {}, `${counted(texts, "conversation or section", "conversations and sections")} from ${counted(sources.length, "file")}. `, element("a", { href: "choose/#topics" }, "Look at it by topic"), ": keep a topic, skip it, or hold it private."),
      element("details", {}, element("summary", {}, counted(sources.length, "file")), wide({}, element("table", {}, element("thead", {}, element("tr", {}, ["file", "size", "brought on"].map((name, i) => element("th", { scope: "col", class: i === 1 ? "num" : null }, name)))), element("tbody", {}, rows)))),
    ],
    left.length === 0 ? null : element("details", {}, element("summary", {}, "What did not become text"), wide({}, element("table", {}, left.map((one) => element("tr", {}, element("td", { class: "num" }, number(one.count)), element("th", { scope: "row" }, one.what), element("td", { class: "soft" }, one.detail)))))));
}
