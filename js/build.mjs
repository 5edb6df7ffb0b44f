// Bundles every src/widgets/<name>.ts into xai_widgets/widgets/static/<name>.js and <name>.css, and the script
// of a page without a kernel, src/offline/offline.ts, beside them.
// anywidget keeps a bundle in the state of every model made from it, so the size has a limit.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const LIMIT = 64 * 1024;
const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src", "widgets");
const target = join(here, "..", "xai_widgets", "widgets", "static");

const panels = existsSync(source)
  ? readdirSync(source)
      .filter((file) => file.endsWith(".ts"))
      .map((file) => basename(file, ".ts"))
  : [];
const names = [...panels, "offline"];
const entry = (name) => join(here, "src", name === "offline" ? name : "widgets", `${name}.ts`);

const options = {
  entryPoints: names.map((name) => ({ in: entry(name), out: name })),
  outdir: target,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
};

if (process.argv.includes("--watch")) {
  const context = await esbuild.context({ ...options, logLevel: "info" });
  await context.watch();
} else {
  // Written only once all is built and small enough, so that a failure leaves the last good bundles.
  const { outputFiles } = await esbuild.build({ ...options, write: false });
  const files = new Map(names.map((name) => [`${name}.css`, new Uint8Array()]));
  for (const { path, contents } of outputFiles) {
    files.set(basename(path), contents);
  }
  for (const [file, { length }] of [...files].sort()) {
    console.log(`${file.padEnd(28)} ${(length / 1024).toFixed(1).padStart(6)} KiB`);
  }
  const large = [...files.keys()].filter((file) => files.get(file).length > LIMIT);
  if (large.length > 0) {
    console.error(`larger than ${LIMIT / 1024} KiB: ${large.join(", ")}`);
    process.exit(1);
  }
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  for (const [file, contents] of files) {
    writeFileSync(join(target, file), contents);
  }
}
