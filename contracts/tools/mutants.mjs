// Switches the treasury's guards off one at a time and looks which test notices: `npm run mutants [-- TEXT...]`.
//
// The table goes to standard output, what happens meanwhile to standard error. Each mutant is compiled without the IR, in
// a copy of this folder, and gets the likely unit tests, then all of them; who survives gets the campaign of the
// invariants and the adversary. What failed must pass without the mutant. Exit codes: 0 every mutant was noticed, 1 one was not, 2 the list does not fit the sources.
// TEXT limits it to mutants whose file, guard or name contains it; --jobs N sets how many run at once (2).
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { forgeBinary, forgeQuietly, ROOT } from "./forge.mjs";
import { LIKELY, MUTANTS } from "./mutants.list.mjs";

const COPIED = ["src", "test", "tools", "foundry.toml", "package.json", "out", "cache"];
const BAD_LIST = 2;
/** Short of what CI runs: enough to notice, quick enough for two hundred mutants. */
const SHORT = { FOUNDRY_FUZZ_RUNS: "16", FOUNDRY_INVARIANT_RUNS: "1", SEARCH_DAYS: "1" };
const SLOW_TESTS = "test/{invariant,adversary}/*";

function mutants() {
  return Object.entries(MUTANTS).flatMap(([file, list]) =>
    list.map(([guard, mutant, from, to]) => ({ file, guard, mutant, from, to })),
  );
}

/** What does not stand exactly once in its file, in words. */
function misfits(all) {
  return all.flatMap(({ file, guard, mutant, from }) => {
    const times = readFileSync(join(ROOT, file), "utf8").split(from).length - 1;
    return times === 1 ? [] : [`${file}: "${guard}: ${mutant}" stands ${times} times, not once`];
  });
}

/** A copy whose treasury is compiled like its tests: forge then compiles a mutant in seconds. */
function workshop(root, name) {
  const folder = join(root, name, "contracts");
  mkdirSync(folder, { recursive: true });
  for (const item of COPIED) if (existsSync(join(ROOT, item))) cpSync(join(ROOT, item), join(folder, item), { recursive: true, preserveTimestamps: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  symlinkSync(join(dirname(ROOT), "abis"), join(root, name, "abis"));
  const settings = readFileSync(join(folder, "foundry.toml"), "utf8");
  const legacy = settings.replace(/^(additional_compiler_profiles|compilation_restrictions) = \[\{.*\n/gm, "");
  if (legacy === settings) throw new Error("foundry.toml no longer compiles the treasury through the IR: adapt mutants.mjs");
  writeFileSync(join(folder, "foundry.toml"), legacy);
  return folder;
}

/** Runs forge in a workshop; resolves with its exit code and what it printed. */
function forgeIn(folder, args) {
  const PATH = `${dirname(process.execPath)}:${process.env.PATH ?? ""}`;
  const env = { ...process.env, ...SHORT, FOUNDRY_DISABLE_NIGHTLY_WARNING: "1", PATH };
  const child = spawn(forgeBinary(), args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"], env });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (printed += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, printed }));
  });
}

/** The first test that failed, a set-up included: name and file. An invariant's name stands behind its calls, a line with a tab each. */
function failing(printed) {
  const test = printed.match(/^\[FAIL.*\](?:\n(?:\t.*\n)+)? (\w+)\(.*$/m)?.[1];
  const file = test && printed.slice(0, printed.search(/^\[FAIL/m)).match(/Ran \d+ tests? for ([\w./]+):/g)?.at(-1);
  return test && `${file?.match(/(\w+)\.t\.sol/)?.[1] ?? "?"}.${test}`;
}

/** Likely tests, then all unit tests, then what takes long. */
function stages(file) {
  const run = (...filter) => ["test", "--fail-fast", ...filter];
  return [
    run("--match-path", `test/{${LIKELY[file]}}.t.sol`),
    run("--no-match-path", SLOW_TESTS),
    run("--match-path", SLOW_TESTS),
  ];
}

/** Throws when a stage fails although nothing was switched off: its verdict on a mutant would be worth nothing. */
async function sound(folder, stage) {
  const { code, printed } = await forgeIn(folder, stage);
  if (code !== 0) throw new Error(`without a mutant the tests fail: ${failing(printed) ?? printed.slice(-2000)}`);
}

/** The test that noticed the mutant; undefined when none did. */
async function notice(folder, { file, from, to }) {
  const path = join(folder, file);
  const source = readFileSync(path, "utf8");
  for (const stage of stages(file)) {
    writeFileSync(path, source.replace(from, () => to));
    const { code, printed } = await forgeIn(folder, stage).finally(() => writeFileSync(path, source));
    if (code === 0) continue;
    const test = failing(printed);
    if (test === undefined) {
      process.stderr.write(`${file}: the mutant of "${from.trim()}" does not run:\n${printed.slice(-1000)}\n`);
      return undefined;
    }
    const verdict = stage.join(" ");
    if (!trusted.has(verdict)) await sound(folder, stage);
    trusted.add(verdict);
    return test;
  }
  return undefined;
}

/** Stages that are known to pass without a mutant. */
const trusted = new Set();

async function work(folder, queue, results) {
  for (let mutant = queue.shift(); mutant; mutant = queue.shift()) {
    const test = await notice(folder, mutant);
    results.set(mutant, test);
    process.stderr.write(`${queue.length} left, ${mutant.guard}: ${mutant.mutant}: ${test ?? "SURVIVED"}\n`);
  }
}

function table(all, results) {
  const cell = (text) => text.replaceAll("|", "\\|");
  const rows = all.map((m) => `| ${cell(m.guard)} | ${cell(m.mutant)} | ${results.get(m) ? `\`${results.get(m)}\`` : "**survived**"} |`);
  return ["| guard | mutant | failing test |", "|---|---|---|", ...rows].join("\n");
}

async function main(args) {
  const at = args.indexOf("--jobs");
  const jobs = at < 0 ? 2 : Number(args.splice(at, 2)[1]);
  const all = mutants().filter((m) => args.length === 0 || args.some((text) => `${m.file} ${m.guard}: ${m.mutant}`.includes(text)));
  const wrong = misfits(all);
  if (wrong.length !== 0 || all.length === 0 || !(jobs >= 1)) {
    process.stderr.write(`mutants: ${wrong.join("\nmutants: ") || "nothing to do: no such mutant, or --jobs is not a number"}\n`);
    return BAD_LIST;
  }
  await forgeQuietly(["build"]);
  const root = mkdtempSync(join(tmpdir(), "keeper-mutants-"));
  try {
    const folders = Array.from({ length: jobs }, (_, i) => workshop(root, `${i}`));
    process.stderr.write(`${all.length} mutants\n`);
    const results = new Map();
    const queue = [...all];
    await Promise.all(folders.map((folder) => work(folder, queue, results)));
    const noticed = all.filter((m) => results.get(m)).length;
    process.stdout.write(`${table(all, results)}\n\n${noticed} of ${all.length} mutants were noticed.\n`);
    return noticed === all.length ? 0 : 1;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`mutants: ${error.message}\n`);
  process.exitCode = 1;
}
