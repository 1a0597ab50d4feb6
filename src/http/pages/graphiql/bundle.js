// Bundles the page into the folder named on the command line: index.html as it is served, all else gzipped.
// Scripts, styles and fonts get names that change with their content, so that browsers may keep them for good.
import { build } from "esbuild";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

const base = "/assets/graphiql/";
const output = process.argv[2];
const options = {
  bundle: true,
  minify: true,
  target: "es2022",
  metafile: true,
  write: false,
  outdir: output,
  entryNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  publicPath: base,
  loader: { ".ttf": "file" },
  legalComments: "none",
  logLevel: "warning",
};

const workers = await build({
  ...options,
  format: "iife",
  entryPoints: {
    editor: "monaco-editor/esm/vs/editor/editor.worker.js",
    graphql: "monaco-graphql/esm/graphql.worker.js",
    json: "monaco-editor/esm/vs/language/json/json.worker.js",
  },
});
const page = await build({
  ...options,
  format: "esm",
  entryPoints: ["main.js"],
  define: {
    "process.env.NODE_ENV": '"production"',
    WORKERS: JSON.stringify({
      editor: url(workers, "editor", "js"),
      graphql: url(workers, "graphql", "js"),
      json: url(workers, "json", "js"),
    }),
  },
});

for (const file of [...workers.outputFiles, ...page.outputFiles]) {
  writeFileSync(`${file.path}.gz`, gzipSync(file.contents, { level: 9 }));
}
writeFileSync(join(output, "licenses.txt.gz"), gzipSync(licenses([workers, page]), { level: 9 }));
writeFileSync(
  join(output, "index.html"),
  readFileSync("index.html", "utf8")
    .replace('href="main.css"', `href="${url(page, "main", "css")}"`)
    .replace('src="main.js"', `src="${url(page, "main", "js")}"`),
);

/** Where the file that was made of this entry point is served. */
function url(result, name, extension) {
  const made = result.outputFiles.map((file) => basename(file.path));
  return base + made.find((file) => file.startsWith(`${name}-`) && file.endsWith(`.${extension}`));
}

/** The notices of all packages that went into the bundle. */
function licenses(results) {
  const folder = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;
  const used = results.flatMap((result) => Object.keys(result.metafile.inputs)).map((input) => input.match(folder)?.[0]);
  const packages = [...new Set(used.filter(Boolean))].sort();
  return packages
    .map((path) => {
      const { name, version, license } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
      const notices = readdirSync(path).filter((file) => /^(licen[cs]e|notice|thirdpartynotices)/i.test(file));
      const texts = notices.map((file) => readFileSync(join(path, file), "utf8").trim());
      return [`${name} ${version} (${license})`, ...texts].join("\n\n");
    })
    .join(`\n\n${"-".repeat(80)}\n\n`);
}
