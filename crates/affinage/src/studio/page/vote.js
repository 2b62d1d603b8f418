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
      main.append(element("p", {}, "There are no answers to compare yet: ", element("a", { href: "#compare" }, "compare first"), "."));
      return;
    }
    const choice = element("select", { "aria-label": "The evaluation" }, whole.map((one) => element("option", { value: one.name, selected: one.name === meant }, `${one.name}, ${counted(one.votes, "vote")} so far`)));
    const name = element("input", { value: "me", "aria-label": "Who votes", size: "16" });
    const author = element("input", { type: "checkbox" });
    const commands = element("div", {});
    const draw = () => {
      const one = whole.find((evaluation) => evaluation.name === choice.value) ?? whole[0];
      commands.replaceChildren(command(one.command.replace("--as me", `--as ${name.value || "me"}${author.checked && name.value !== "me" ? " --author" : ""}`)),
        element("p", {}, "For a friend who is not at this machine, one file to send, which votes offline:"), command(one.pack, "In a terminal"));
    };
    for (const input of [choice, name, author]) input.addEventListener("input", draw);
    draw();
    main.append(whole.length > 1 ? element("p", {}, choice) : element("p", {}, `${whole[0].name}: ${counted(whole[0].votes, "vote")} of people so far.`),
      element("p", { class: "row" }, element("label", {}, "Who votes: ", name), element("label", {}, author, " wrote the training texts")),
      element("p", { class: "row" }, button("Vote", async () => {
        await post("api/vote/open", { eval: choice.value || whole[0].name, name: name.value.trim(), author: author.checked });
        location.assign("vote/");
      }, { class: "main" })), commands);
  },
};
