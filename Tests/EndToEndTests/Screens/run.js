// Plays stories of the two screens (customer's widget, agents' console) in a headless Chromium against a running system.
// How to write one: story.js. In the tests ScreenTests.swift starts the system and calls this for each story.
//
//   export NODE_PATH=/usr/share/nodejs
//   ADMIN_PASSWORD=… node run.js [--base URL] [--only NAME,…] [--shots FOLDER] [--gateways FILE]
//                        [--browser URL] [--tokens FILE] [--limit SECONDS]
//
//   --base      where the system answers (http://127.0.0.1:8080)
//   --only      files of stories/, without .js (all)
//   --shots     where screenshots go (a new folder in the temporary folder)
//   --gateways  a file {"pids": […]} that whoever restarts the gateways keeps up to date; without it stories that kill them
//               are skipped
//   --browser   a Chromium that `node browser.js` launched (one of its own)
//   --tokens    a file to which all tokens that stories and their pages had are added, one a line
//   --limit     how long one story may take (240)
//   ADMIN_LOGIN (admin), ADMIN_PASSWORD: an administrator of that system
//
// A line for each story. Exit code: 0 all went well, 1 some failed, 2 usage.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const { Browser } = require('./browser');
const { System, play } = require('./story');

async function main() {
  const options = {};
  for (let at = 2; at < process.argv.length; at += 2) {
    const name = process.argv[at].replace(/^--/, '');
    if (!['base', 'only', 'shots', 'gateways', 'browser', 'tokens', 'limit'].includes(name) || process.argv[at + 1] === undefined) {
      console.error(`run.js: what is ${process.argv[at]}? Its first lines say how to call it.`);
      return 2;
    }
    options[name] = process.argv[at + 1];
  }
  const folder = path.join(__dirname, 'stories');
  const files = options.only?.split(',')
    ?? fs.readdirSync(folder).filter((file) => file.endsWith('.js')).sort().map((file) => file.slice(0, -3));
  const shots = options.shots ?? fs.mkdtempSync(path.join(os.tmpdir(), 'screens-'));
  const browser = options.browser ? await Browser.connect(options.browser) : await Browser.launch();
  let failures = 0;
  for (const file of files) {
    const story = { file, ...require(path.join(folder, file)) };
    if (story.needsGateways && !options.gateways) { console.log(`skipped  ${file}: it needs --gateways`); continue; }
    const admin = { login: process.env.ADMIN_LOGIN || 'admin', password: process.env.ADMIN_PASSWORD };
    const system = new System(options.base ?? 'http://127.0.0.1:8080', admin, options.gateways);
    const began = Date.now();
    const failure = await play(story, { system, browser, shots, limit: 1000 * (options.limit ?? 240) });
    system.end();
    if (options.tokens) fs.appendFileSync(options.tokens, [...system.tokens].map((token) => `${token}\n`).join(''));
    console.log(`${failure ? 'FAILED' : 'ok'}  ${file}: ${story.name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
    if (failure) { failures += 1; console.log(failure.replace(/^/gm, '    ')); }
  }
  console.log(`Screenshots: ${shots}`);
  await browser.close();
  return failures ? 1 : 0;
}

// What a story that failed had under way fails when its pages go.
process.on('unhandledRejection', () => {});
main().then((code) => process.exit(code), (error) => { console.error(error); process.exit(1); });
