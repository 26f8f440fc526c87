'use strict';
const assert = require('assert');
const { desk } = require('../screens');

exports.name = 'Two agents edit one customer: who saves last sees what the other changed, and chooses';
exports.run = async ({ system, open, shot }) => {
  const [ann, bob] = [await system.agent('Ann Lee'), await system.agent('Bob Ray')];
  const customer = await system.conversation(`Edited ${ann.id.slice(0, 6)}`, 'hello');
  const page = await open('/console');
  page.expectProblem(/412/);
  await desk.signIn(page, ann);
  await desk.take(page, 'Waiting', customer.name);
  const field = (name) => `.record-field[data-field="${name}"]`;
  const edit = async (name, text) => {
    await page.click(`${field(name)} button.in-place`);
    await page.fill(`${field(name)} :is(input, textarea)`, text);
  };
  const stored = () => system.rest('GET', `/customers/${customer.id}`, { token: bob.token });
  const byBob = (changes) => system.rest('PUT', `/customers/${customer.id}`, { token: bob.token, body: changes });

  // In place: Enter saves, Esc gives up.
  await edit('email', 'one@example.com');
  await page.press('Enter');
  await page.see([`${field('email')} button`, 'one@example.com']);
  assert.equal((await stored()).email, 'one@example.com');
  await edit('email', 'never@example.com');
  await page.press('Escape');
  await page.see([`${field('email')} button`, 'one@example.com']);
  await page.click(`${field('tags')} input`);
  for (const tag of ['VIP', '已购买']) {
    await page.insertText(tag);
    await page.press('Enter');
    await page.see(['.customer-pane .tag', tag]);
  }
  await page.press('Tab');
  assert.deepEqual((await stored()).tags, ['VIP', '已购买']);

  // The same field: keep theirs.
  await edit('phone', '111');
  await byBob({ phone: '222', notes: 'Bob was here' });
  await page.press('Enter');
  await page.see(['dialog', 'Somebody else changed this customer']);
  const rows = (await page.texts('dialog tbody tr')).map((row) => row.replace(/[\n|]+/g, ' ').replace(/\s+/g, ' ').trim());
  assert.deepEqual(rows, ['Phone – 222 111', 'Notes – Bob was here unchanged']);
  await shot(page, 'console-conflict');
  await page.click(['button', 'Keep theirs']);
  await page.see([`${field('phone')} button`, '222']);
  await page.see([`${field('notes')} button`, 'Bob was here']);
  assert.equal((await stored()).phone, '222');

  // Another field: both stay.
  await edit('notes', 'Ann was here, too');
  await byBob({ email: 'two@example.com' });
  await page.press('Control+Enter');
  await page.read('changed other fields');
  await page.click(['button', 'Save mine']);
  await page.see([`${field('notes')} button`, 'Ann was here, too']);
  await page.see([`${field('email')} button`, 'two@example.com']);
  const now = await stored();
  assert.deepEqual([now.notes, now.email, now.phone], ['Ann was here, too', 'two@example.com', '222']);

  // What the server refuses is said at the field, and what was written stays.
  page.expectProblem(/422/);
  await edit('name', 'x'.repeat(100));
  await page.call(() => { const input = document.querySelector('.record-field[data-field="name"] input'); input.maxLength = 500; });
  await page.insertText('too long');
  await page.press('Enter');
  await page.see(`${field('name')} .problem-text`);
  await page.see(`${field('name')} input[aria-invalid="true"]`);
};
