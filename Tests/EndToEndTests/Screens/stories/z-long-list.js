'use strict';
const assert = require('assert');
const { desk } = require('../screens');

// Named to be played late: the other stories look for theirs near the top of the lists.
const many = Number(process.env.MANY || 300); // 10,000 are made in a minute; a page of the list has 100

exports.alone = true;
exports.name = 'A long list scrolls with few elements, is read where it is looked at, and stays where it is when others write';
exports.run = async ({ system, open, shot }) => {
  const ann = await system.agent('Ann Lee');
  const mark = ann.id.slice(0, 6);
  let made = 0;
  await Promise.all(Array.from({ length: 8 }, async () => {
    while (made < many) { made += 1; await system.conversation(`N${made} ${mark}`, `message ${made}`); }
  }));
  const long = await system.conversation(`Long ${mark}`, ...Array.from({ length: 120 }, (_, number) => `line ${number + 1}`));
  const page = await open('/console');
  await desk.signIn(page, ann);
  await page.click(['[role="tab"]', /^All/]);
  await page.see(['.row', long.name]);

  const scrolled = await page.call(async () => {
    const list = document.getElementById('conversations');
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const times = [];
    let most = 0;
    let last = performance.now();
    for (let step = 0; step < 200; step++) {
      list.scrollTop += step % 50 === 49 ? list.scrollHeight / 5 : 150;
      await frame();
      times.push(performance.now() - last);
      last = performance.now();
      most = Math.max(most, list.querySelectorAll('.row').length);
    }
    times.sort((one, other) => one - other);
    return { most, fits: list.clientHeight / 68, middle: times[100], slowest: times[198] };
  });
  console.log(`    ${many} conversations: frames of ${scrolled.middle.toFixed(1)} ms, the slowest ${scrolled.slowest.toFixed(1)} ms, ${scrolled.most} rows`);
  assert(scrolled.most <= scrolled.fits + 16, `${scrolled.most} rows for ${scrolled.fits} that fit`);
  await page.gone('.row.not-read');

  // Somebody far up writes: what is looked at does not move.
  const places = () => page.call(() => [...document.querySelectorAll('.row')].filter((row) => !row.matches('.not-read'))
    .map((row) => [row.dataset.id, Math.round(row.getBoundingClientRect().top)]).filter(([, top]) => top > 150 && top < innerHeight - 80));
  await page.call(() => { document.getElementById('conversations').scrollTop = 68 * 120; });
  await page.until(() => document.querySelector('.row[aria-posinset="122"]') && !document.querySelector('.row.not-read'));
  const before = new Map(await places());
  const first = await system.connect(long.token);
  await first.say('once more', { conversationId: long.conversation });
  const newcomer = await system.conversation(`Late ${mark}`, 'hello');
  await new Promise((done) => setTimeout(done, 1500));
  const after = await places();
  assert(after.length > 3);
  for (const [id, top] of after) if (before.has(id)) assert(Math.abs(before.get(id) - top) <= 1, `a row moved from ${before.get(id)} to ${top}`);
  assert(after.filter(([id]) => before.has(id)).length >= after.length - 2, 'other rows are there now');
  await page.call(() => { document.getElementById('conversations').scrollTop = 0; });
  await page.see(['.row', newcomer.name]);
  // In reading order too, once the list has come to rest.
  await page.until((names) => [...document.querySelectorAll('.row-name')].slice(0, 2).every((name, at) => name.textContent === names[at]),
    [newcomer.name, long.name]);
  await shot(page, 'console-many');

  // Opening shows the last fifty, the older ones on the way up.
  await page.call(() => performance.clearMeasures());
  await page.click(['.row', long.name]);
  await page.read('once more');
  const opened = await page.until(() => performance.getEntriesByName('open-thread')[0]?.duration);
  console.log(`    a thread was on the screen ${opened.toFixed(1)} ms after the click`);
  const shown = await desk.texts(page);
  assert.deepEqual(shown, [...Array.from({ length: 120 }, (_, number) => `line ${number + 1}`), 'once more'].slice(-shown.length));
  await page.until(async () => {
    const space = document.querySelector('.thread-space');
    space.scrollTop = 0;
    await new Promise((done) => setTimeout(done, 50));
    return document.querySelectorAll('.messages .message').length === 121;
  });
  assert.equal((await desk.texts(page))[0], 'line 1');
};
