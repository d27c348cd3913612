// Writes ../abis from the sources, or with --check compares: one JSON per contract that the keeper or its local
// chain uses. Called by scripts/build_contracts.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { forgeQuietly, ROOT } from "./forge.mjs";

const PRODUCT = ["Treasury", "Lens", "Rehearsal", "Airdrop", "V3TwapFeed"];
const LOCAL = ["DevToken", "DevTokenNoReturn", "DevFeed", "DevTransfers", "DevStage"];
const CONTRACTS = [...PRODUCT, ...LOCAL];
const ABIS = join(dirname(ROOT), "abis");
const MISMATCH = 3;

/** Builds into `folder`, away from the developer's own output, so that nothing stale is read. */
async function build(folder) {
  await forgeQuietly(["build", "src", "--force", "--out", join(folder, "out"), "--cache-path", join(folder, "cache")]);
}

/** SHA-256 over "path hash" lines of every source that went into a contract, the path relative to contracts/. */
function sourceHash(metadata) {
  const lines = Object.keys(metadata.sources)
    .sort()
    .map((path) => `${path} ${createHash("sha256").update(readFileSync(join(ROOT, path))).digest("hex")}\n`);
  return createHash("sha256").update(lines.join("")).digest("hex");
}

/** What ../abis/README.md describes; `settings` without what only says where files lie. */
function artifact(folder, name) {
  const built = JSON.parse(readFileSync(join(folder, "out", `${name}.sol`, `${name}.json`), "utf8"));
  const { optimizer, evmVersion, viaIR = false } = built.metadata.settings;
  return {
    contract: name,
    compiler: { version: built.metadata.compiler.version, settings: { optimizer, evmVersion, viaIR } },
    sourceHash: sourceHash(built.metadata),
    abi: built.abi,
    bytecode: built.bytecode.object,
    deployedBytecode: built.deployedBytecode.object,
  };
}

/** Stable text: one line per ABI entry, so that a change of the interface can be read in a diff. */
function serialise({ abi, ...rest }) {
  const entries = abi.map((entry) => `    ${JSON.stringify(entry)}`).join(",\n");
  const head = JSON.stringify(rest, null, 2).replace(/\n}$/, "");
  return `${head},\n  "abi": [\n${entries}\n  ]\n}\n`;
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** What differs between abis/ and the sources, in words; undefined when nothing does. */
function mismatch(texts) {
  for (const [name, text] of texts) {
    const shipped = read(join(ABIS, `${name}.json`));
    if (shipped === undefined) return `${name}: abis/${name}.json is missing`;
    if (shipped !== text) return `${name}: abis/${name}.json is not what the sources give`;
  }
  const known = new Set(CONTRACTS.map((name) => `${name}.json`));
  const extra = readdirSync(ABIS).find((file) => file.endsWith(".json") && !known.has(file));
  return extra && `${extra.replace(/\.json$/, "")}: abis/${extra} belongs to no contract`;
}

async function main(args) {
  if (args.length > 1 || (args.length === 1 && args[0] !== "--check")) {
    process.stderr.write("usage: scripts/build_contracts [--check]\n");
    return 2;
  }
  const folder = mkdtempSync(join(tmpdir(), "keeper-contracts-"));
  try {
    await build(folder);
    const texts = CONTRACTS.map((name) => [name, serialise(artifact(folder, name))]);
    if (args[0] === "--check") {
      const difference = mismatch(texts);
      if (difference) process.stderr.write(`build_contracts: ${difference}; run scripts/build_contracts\n`);
      return difference ? MISMATCH : 0;
    }
    mkdirSync(ABIS, { recursive: true });
    for (const [name, text] of texts) writeFileSync(join(ABIS, `${name}.json`), text);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`build_contracts: ${error.message}\n`);
  process.exitCode = 1;
}
