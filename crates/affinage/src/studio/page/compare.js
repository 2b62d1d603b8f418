// Compare: the command that answers held-out prompts with base and checkpoint, and has them compared.
"use strict";

rooms.compare = {
  async show(main) {
    const { rooms: all } = await strip.refresh();
    const room = all.find((one) => one.name === "compare");
    main.append(element("h1", {}, "Compare"), element("p", {}, `${strip.capital(room.sentence)}.`),
      element("p", {}, "Base and trained model answer the same prompts, which the training has not seen, and blind comparisons tell which answers are better:"), command(room.command));
  },
};
