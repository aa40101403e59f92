// Bundles src/viewer.js with the parts of three.js that it uses into one script, and puts the licence beside it.
import { copyFile, stat } from "node:fs/promises";
import { build } from "esbuild";

const assets = new URL("../../fit_avatar/report/assets/", import.meta.url);
const bundle = new URL("viewer.min.js", assets);
await build({
  entryPoints: [new URL("src/viewer.js", import.meta.url).pathname],
  outfile: bundle.pathname,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2020",
  charset: "ascii",
  legalComments: "inline",
});
await copyFile(new URL("node_modules/three/LICENSE", import.meta.url), new URL("LICENSE-three.txt", assets));
console.log(`${bundle.pathname}: ${((await stat(bundle)).size / 1e6).toFixed(2)} MB`);
