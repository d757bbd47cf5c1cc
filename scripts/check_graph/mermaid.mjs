// Parses a Mermaid flowchart with Mermaid itself and prints its nodes and edges as JSON.
//
//   node mermaid.mjs FILE

import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

// Mermaid cleans labels with a library that needs a document.
const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

// Mermaid replaces `#34;` by characters that no text has, until it draws.
const decoded = (text) =>
  text
    .replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/ﬂ°(\w+)¶ß/g, "&$1;");

const text = readFileSync(process.argv[2], "utf8");
await mermaid.parse(text);
const diagram = await mermaid.mermaidAPI.getDiagramFromText(text);
const vertices = diagram.db.getVertices();
const nodes = [...(vertices.values?.() ?? Object.values(vertices))];
const edges = diagram.db.getEdges();
console.log(
  JSON.stringify({
    nodes: nodes.map(({ id, text, classes }) => ({ id, label: decoded(text ?? ""), classes })),
    edges: edges.map(({ start, end, text }) => ({ start, end, label: decoded(text ?? "") })),
  }),
);
