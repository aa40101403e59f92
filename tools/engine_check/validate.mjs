// The Khronos glTF validator on every file given: prints its counts, and fails on an error or a warning.
import { readFile } from "node:fs/promises";
import validator from "gltf-validator";

let complaints = 0;
for (const path of process.argv.slice(2)) {
  const { issues, info } = await validator.validateBytes(new Uint8Array(await readFile(path)), { maxIssues: 20 });
  const { numErrors, numWarnings, numInfos, numHints } = issues;
  console.log(
    `${path}: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos, ${numHints} hints; ` +
      `${info.totalTriangleCount} triangles, ${info.totalVertexCount} vertices, ${info.maxInfluences} influences, ` +
      `${info.animationCount} animation, extensions ${JSON.stringify(info.extensionsUsed ?? [])}`,
  );
  for (const { code, message, pointer } of issues.messages) console.log(`  ${code} ${pointer}: ${message}`);
  complaints += numErrors + numWarnings;
}
process.exit(complaints ? 1 : 0);
