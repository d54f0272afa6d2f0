#!/usr/bin/env node
// Runs the command line on a Node that is new enough: this one, or the one that the npm package `node` brings.
// CommonJS and old syntax on purpose: the Node that reads this file may be any.
'use strict';

const { spawn } = require('node:child_process');
const { existsSync, statSync } = require('node:fs');
const nodeModule = require('node:module');
const { dirname, join } = require('node:path');
const { pathToFileURL } = require('node:url');

const NODE_MIN = [22, 22];
const EXIT_UNSUITABLE = 69; // EX_UNAVAILABLE of sysexits.h

function isNewEnough(version) {
  const [major, minor] = version.split('.').map(Number);
  return major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
}

/** The sources in a checkout, which need no build; the built files in the package, which has no sources. */
function findEntry() {
  const root = join(__dirname, '..');
  const source = join(root, 'src', 'cli', 'main.ts');
  return existsSync(source) ? source : join(root, 'dist', 'src', 'cli', 'main.js');
}

/** Path of the Node that the package `node` installed, or `undefined`. */
function findPackagedNode() {
  try {
    const folder = dirname(require.resolve('node/package.json', { paths: [__dirname] }));
    return ['node', 'node.exe'].map((name) => join(folder, 'bin', name)).find((path) => existsSync(path));
  } catch {
    return undefined;
  }
}

/**
 * Where Node keeps what it has compiled of our sources, so that the next start is half the work: beside what `up` made in the
 * working directory. `undefined` where nothing is there, or where it is another user's, whose code we would run.
 */
function findCompiled() {
  try {
    const data = join(process.cwd(), '.postlane');
    const isOurs = process.getuid === undefined || statSync(data).uid === process.getuid();
    return isOurs && existsSync(data) ? join(data, 'compiled') : undefined;
  } catch {
    return undefined;
  }
}

/** Hands over to another Node, and ends as it ends. */
function runOn(node, entry) {
  const compiled = process.env.NODE_COMPILE_CACHE || findCompiled();
  const env = compiled === undefined ? process.env : { ...process.env, NODE_COMPILE_CACHE: compiled };
  const child = spawn(node, [entry, ...process.argv.slice(2)], { stdio: 'inherit', env });
  // Ctrl-C reaches both of us, and only it knows when it has finished. What is sent to us alone is passed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`postlane: cannot run ${node}: ${error.message}\n`);
    process.exit(EXIT_UNSUITABLE);
  });
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status === null ? 1 : status);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const entry = findEntry();
const packagedNode = isNewEnough(process.versions.node) ? undefined : findPackagedNode();
if (isNewEnough(process.versions.node)) {
  process.argv[1] = entry;
  const compiled = findCompiled();
  if (compiled !== undefined && !process.env.NODE_COMPILE_CACHE) nodeModule.enableCompileCache(compiled);
  void import(pathToFileURL(entry).href);
} else if (packagedNode !== undefined) {
  runOn(packagedNode, entry);
} else {
  const needed = NODE_MIN.join('.');
  process.stderr.write(`postlane: needs Node ${needed} or newer; this is ${process.versions.node}\n`);
  process.exit(EXIT_UNSUITABLE);
}
