// Talk: the command that talks to the base and to checkpoints.
"use strict";

rooms.talk = {
  async show(main) {
    const { rooms: all } = await strip.refresh();
    const room = all.find((one) => one.name === "talk");
    main.append(element("h1", {}, "Talk"), element("p", {}, `${strip.capital(room.sentence)}.`),
      element("p", {}, "A conversation with both, side by side, in the terminal:"), command(room.command));
  },
};
