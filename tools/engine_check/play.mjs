// Load a GLB or VRM with three.js in headless Chromium, play it, and write what came of it.
//
//   node play.mjs JOB.json
//
// JOB: {glb, out, chromium, width, height, page} and what the page needs. play.html, which plays the animation:
// projection, cameraToWorld (16 numbers, columns first) and times; it makes <k>.png for every time, the texture unlit on
// black, and lit.png as a viewer would show it. vrm.html, which plays the expressions: <expression>.png.
// Writes the pictures to OUT, and OUT/seen.json with what else the page has seen.
import { createServer } from "node:http";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const TYPES = { ".js": "text/javascript", ".html": "text/html", ".glb": "model/gltf-binary" };
const job = JSON.parse(await readFile(process.argv[2], "utf8"));
await mkdir(job.out, { recursive: true });

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://x").pathname));
  const file = path === "/avatar.glb" ? job.glb : join(HERE, path);
  try {
    const content = await readFile(file);
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream" }).end(content);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));

const browser = await puppeteer.launch({
  executablePath: job.chromium,
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
try {
  const page = await browser.newPage();
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (line) => ["error", "warn"].includes(line.type()) && trouble.push(line.text()));
  await page.setViewport({ width: job.width, height: job.height });
  await page.goto(`http://127.0.0.1:${server.address().port}/${job.page ?? "play.html"}`);
  const seen = await page.evaluate((job) => window.play(job), job);
  for (const [name, picture] of Object.entries(seen.pictures)) {
    await writeFile(join(job.out, `${name}.png`), Buffer.from(picture.split(",")[1], "base64"));
  }
  delete seen.pictures;
  await writeFile(join(job.out, "seen.json"), JSON.stringify({ ...seen, trouble }));
} finally {
  await browser.close();
  server.close();
}
