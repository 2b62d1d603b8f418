// Vote: which evaluation, and who votes.
"use strict";

rooms.vote = {
  async show(main) {
    const { meant, evaluations } = await get("api/vote");
    const whole = evaluations.filter((one) => one.is_whole);
    main.append(element("h1", {}, "Vote"),
      element("p", {}, "You see a prompt with two answers, without who wrote them, and say which is better, or which sounds more like you. Every vote is saved at once, and you can stop and come back."));
    for (const one of evaluations.filter((evaluation) => evaluation.problem)) main.append(element("p", {}, `${one.name} cannot be read: ${one.problem}.`));
    if (whole.length === 0) {
      const [begun] = evaluations;
      main.append(begun ? element("p", {}, `The comparison ${begun.name} is not finished: ${begun.waits_for}. You can vote when its report is there; see `, element("a", { href: "#compare" }, "Compare"), ".")
        : element("p", {}, "There are no answers to compare yet: ", element("a", { href: "#compare" }, "compare first"), "."));
      return;
    }
    const choice = element("select", { "aria-label": "The evaluation" }, whole.map((one) => element("option", { value: one.name, selected: one.name === meant }, `${one.name}, ${counted(one.votes, "vote")} so far`)));
    const name = element("input", { value: "me", "aria-label": "Who votes", size: "16" });
    const author = element("input", { type: "checkbox" });
    const commands = element("div", {});
    const about = element("p", { class: "soft" });
    let ticked = false;
    // Before it is drawn again.
    author.addEventListener("input", () => { ticked = author.checked; });
    const draw = () => {
      const one = whole.find((evaluation) => evaluation.name === choice.value) ?? whole[0];
      // As the command decides it.
      const isAuthor = name.value.trim() === "me" && one.is_own_words;
      author.disabled = isAuthor;
      author.checked = isAuthor || ticked;
      about.textContent = isAuthor ? "The training texts are a person’s own words, so “me” is taken for their author: you are asked which answer sounds more like you. If somebody else wrote them, vote under another name."
        : "Whoever wrote the training texts is asked which answer sounds more like them; anybody else is asked which is better.";
      commands.replaceChildren(command(one.command.replace("--as me", `--as ${shellWord(name.value.trim() || "me")}${author.checked && !isAuthor ? " --author" : ""}`)),
        element("p", {}, "For a friend who is not at this machine, one file to send, which votes offline:"), command(one.pack, "In a terminal"));
    };
    for (const input of [choice, name, author]) input.addEventListener("input", draw);
    draw();
    main.append(whole.length > 1 ? element("p", {}, choice) : element("p", {}, `${whole[0].name}: ${counted(whole[0].votes, "vote")} of people so far.`),
      element("p", { class: "row" }, element("label", {}, "Who votes: ", name), element("label", {}, author, " wrote the training texts")), about,
      element("p", { class: "row" }, button("Vote", async () => {
        await post("api/vote/open", { eval: choice.value || whole[0].name, name: name.value.trim(), author: author.checked && !author.disabled });
        location.assign("vote/");
      }, { class: "main" })), commands);
  },
};
