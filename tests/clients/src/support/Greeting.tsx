/** @jsx element */
import { graphql } from '../gql/index.js';
import type { GreetingQuery } from '../gql/graphql.js';

export const GREETING = graphql(`
  query Greeting {
    me {
      displayName
    }
  }
`);

declare global {
  namespace JSX {
    type Element = string;
    interface IntrinsicElements {
      p: object;
    }
  }
}

/** The least that can stand for React. */
function element(name: string, _: object | null, ...children: (string | undefined)[]): string {
  return `<${name}>${children.join('')}</${name}>`;
}

/** A component whose document the code generator has to find. */
export function Greeting({ me }: GreetingQuery) {
  return <p>Hello, {me?.displayName}!</p>;
}
