import { randomRequest } from "./document.mjs";
import { HARMLESS_MUTATIONS } from "./decisions.mjs";
import { mutated } from "./mutate.mjs";
import { Random } from "./random.mjs";
import { respelled } from "./text.mjs";
import { verdict } from "./verdict.mjs";

/** One random request with graphql-js's verdict; the same for the same seed. Half of them are broken on purpose. */
export function requestOf(seed, schema, samples) {
  const random = new Random(seed);
  const harmful = Object.keys(schema.getMutationType().getFields()).filter(
    (name) => !HARMLESS_MUTATIONS.includes(name),
  );
  for (;;) {
    const plain = randomRequest(schema, random, samples);
    const request = random.chance(0.5)
      ? mutated(schema, random, plain)
      : { ...plain, query: respelled(plain.query, random) };
    const harmless = !harmful.some((name) => new RegExp(`\\b${name}\\b`).test(request.query));
    if (harmless) return { seed, request, ...verdict(schema, request) };
  }
}
