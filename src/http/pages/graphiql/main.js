// GraphiQL on this server's own /graphql: requests over HTTP, subscriptions over a WebSocket.
// The session cookie travels by itself; an `Authorization` entry in the header editor goes into both.
import { createElement } from "react";
import { createRoot } from "react-dom/client";
import { GraphiQL } from "graphiql";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { createClient } from "graphql-ws";
import { defaultQuery } from "./default-query.js";
import "./main.css";

// bundle.js replaces WORKERS by the addresses of Monaco's workers.
globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(WORKERS[label] ?? WORKERS.editor),
};

const url = new URL("/graphql", location.href);
const socketUrl = Object.assign(new URL(url), { protocol: url.protocol.replace("http", "ws") });

/** The `connection_init` payload for what the header editor holds. */
function connectionParams(headers = {}) {
  const name = Object.keys(headers).find((name) => name.toLowerCase() === "authorization");
  return name && { authorization: headers[name] };
}

/** A socket for each subscription, so that a new cookie or header counts at once. It tells of a lost connection rather than hide it. */
function fetcher(params, options) {
  const wsClient = createClient({
    url: socketUrl.href,
    connectionParams: connectionParams(options?.headers),
    retryAttempts: 0,
  });
  return createGraphiQLFetcher({ url: url.href, wsClient, enableIncrementalDelivery: false })(params, options);
}

createRoot(document.getElementById("graphiql")).render(createElement(GraphiQL, { fetcher, defaultQuery }));
