import { expect, it } from "vitest";
import { encodeText } from "../text/bytes.ts";
import { answerPrompts } from "./answers.ts";
import { fakeSession } from "./fixtures.ts";

it("writes greedily in each lane and feeds every token back", async () => {
  const session = fakeSession(2, (text) => ` ${text.length}12345678`);
  const answers = await answerPrompts(session, [encodeText("one"), encodeText("two")], { characters: 8 });
  expect(answers).toEqual([" 3123456", " 3123456"]);
  expect(session.calls).toMatchObject({ prefill: 1, step: 7 });
  expect(session.texts).toEqual(["one 312345", "two 312345"]);
});
