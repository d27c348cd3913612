#!/usr/bin/env node
// Lets forge call the npm `solc` module as if it were the native compiler: no download, the version is in the lock.
//
//   solc.js --version                            -> "Version: 0.8.37+commit..." as the last line
//   solc.js --standard-json [--base-path DIR] [--include-path DIR]...   -> stdin to stdout
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");

function option(argv, name) {
  return argv.flatMap((word, i) => (word === name && i + 1 < argv.length ? [argv[i + 1]] : []));
}

/** Forge sends every source's text; this serves the imports that a plain standard-json caller leaves out. */
function importsFrom(folders) {
  return (name) => {
    for (const folder of folders) {
      const file = path.resolve(folder, name);
      if (fs.existsSync(file)) return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `${name}: not found in ${folders.join(", ")}` };
  };
}

function main(argv) {
  if (argv.includes("--version")) {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
    return 0;
  }
  if (!argv.includes("--standard-json")) {
    process.stderr.write("solc.js: only --version and --standard-json are offered\n");
    return 2;
  }
  const folders = [...option(argv, "--base-path"), ...option(argv, "--include-path"), process.cwd()];
  const input = fs.readFileSync(0, "utf8");
  process.stdout.write(solc.compile(input, { import: importsFrom(folders) }));
  return 0;
}

process.exitCode = main(process.argv.slice(2));
