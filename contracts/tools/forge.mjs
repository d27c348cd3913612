// Runs the forge binary of the npm lock in this folder: `node tools/forge.mjs build|test|... [options]`.
import { spawn } from "node:child_process";
import { chmodSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Path of the native binary. npm does not run install scripts here, so the launcher package's own link may be
 * missing and the executable bit may be lost: look for the platform's package itself.
 */
export function forgeBinary() {
  const arch = { x64: "amd64", arm64: "arm64" }[process.arch] ?? process.arch;
  const name = `@foundry-rs/forge-${process.platform}-${arch}`;
  const file = process.platform === "win32" ? "forge.exe" : "forge";
  let folder;
  try {
    folder = dirname(createRequire(join(ROOT, "package.json")).resolve(`${name}/package.json`));
  } catch {
    folder = join(ROOT, "node_modules", name);
  }
  const binary = join(folder, "bin", file);
  if (!existsSync(binary)) throw new Error(`${name} is not installed: run \`npm ci\` in contracts/`);
  chmodSync(binary, 0o755);
  return binary;
}

function start(args, stdio) {
  // Forge's compiler is a node script: this very node must be the first on PATH.
  const PATH = [dirname(process.execPath), process.env.PATH ?? ""].join(delimiter);
  const env = { ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", PATH };
  return spawn(forgeBinary(), args, { cwd: ROOT, stdio, env });
}

function exitCode(child) {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ? 1 : code));
  });
}

/** Runs forge in the terminal; resolves with its exit code. */
export async function forge(args) {
  const child = start(args, "inherit");
  const forward = (signal) => child.kill(signal);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  return exitCode(child);
}

/** Runs forge silently; rejects with what it printed when it fails. */
export async function forgeQuietly(args) {
  const child = start(args, ["ignore", "pipe", "pipe"]);
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  if ((await exitCode(child)) !== 0) throw new Error(printed.trim());
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    process.exitCode = await forge(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`forge: ${error.message}\n`);
    process.exitCode = 1;
  }
}
