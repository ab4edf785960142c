import { OptionError } from "../base/errors.ts";
import type { Session } from "../runtime/session.ts";
import { byteTokenizer, readsBytes, type Tokenizer } from "../text/tokenizers/tokenizer.ts";

/** The given tokenizer, or bytes. Throws `OptionError` when none is given for a model that has one. */
export function modelTokenizer({ loaded }: Session, given: Tokenizer | undefined): Tokenizer {
  const { config } = loaded.model;
  if (!given && !readsBytes(config))
    throw new OptionError(`the tokenizer of the model, ${config.tokenizer}, must be given: its tokens are not bytes`);
  return given ?? byteTokenizer;
}
