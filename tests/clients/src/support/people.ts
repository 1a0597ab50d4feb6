import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import { print } from 'graphql';
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';

import { graphql } from '../gql/index.js';
import type { Session } from '../snippets/session.js';
import { endpoint } from './server.js';

const PASSWORD = 'correct horse';

const SIGNUP = graphql(`
  mutation Signup($input: SignupInput!) {
    signup(input: $input) {
      token
      user {
        id
        username
      }
    }
  }
`);

const LOGIN = graphql(`
  mutation Login($input: LoginInput!) {
    login(input: $input) {
      token
    }
  }
`);

const LOGOUT = graphql(`
  mutation Logout($everywhere: Boolean!) {
    logout(everywhere: $everywhere)
  }
`);

const SEND = graphql(`
  mutation SendPlainly($input: SendMessageInput!) {
    sendMessage(input: $input) {
      id
      seq
      body
      conversation {
        id
      }
    }
  }
`);

/** An answer as it comes over the wire. */
export interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions: { code: string; field?: string } }[];
}

// Whatever page a test plays later.
const post = fetch;

/** Runs an operation by a plain POST. */
export async function ask<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  token?: string,
): Promise<Answer<Data>> {
  const response = await post(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({ query: print(document), variables }),
  });
  return (await response.json()) as Answer<Data>;
}

/** The data of an operation that must go well. */
export async function data<Data, Variables>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  token?: string,
): Promise<Data> {
  const answer = await ask(document, variables, token);
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
  assert.ok(answer.data);
  return answer.data;
}

/** Someone with an account. */
export class Person implements Session {
  private constructor(
    readonly id: string,
    readonly username: string,
    public token: string,
  ) {}

  /** Signs up under a name that nobody else has; `name` is what it begins with. */
  static async signUp(name: string): Promise<Person> {
    const username = `${name}-${randomUUID().slice(0, 8)}`;
    const { signup } = await data(SIGNUP, { input: { username, password: PASSWORD } });
    return new Person(signup.user.id, signup.user.username, signup.token);
  }

  get viewer(): string {
    return this.id;
  }

  /** A token of one more session. */
  async logIn(): Promise<string> {
    const input = { username: this.username, password: PASSWORD };
    return (await data(LOGIN, { input })).login.token;
  }

  /** Ends the session that the token names. */
  async logOut(): Promise<void> {
    await data(LOGOUT, { everywhere: false }, this.token);
  }

  /** Sends a direct message. */
  async send(to: { id: string }, body: string) {
    const input = { to: { userId: to.id }, body };
    return (await data(SEND, { input }, this.token)).sendMessage;
  }
}
