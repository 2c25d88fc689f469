// The demo page as a user has it: what it shows, and what can be done with it.

/** Returns a selector of a tab's part. */
export const part = (tab, name) => `#panel-${tab} [data-part="${name}"]`;

const OWN = ['config.json', 'preprocessor_config.json', 'model.safetensors', 'encoder.safetensors', 'decoder.safetensors'];

/** Lets the server have none of the page's own checkpoints but the classifier, as a host that wants to be small. */
export function withoutOwn(server) {
  const own = ['masked-image-modeling', 'tokenizer'].map((name) => `beit-wasm/weights/embedded/${name}`);
  for (const folder of ['beit-wasm-samples/weights/segmentation', ...own]) {
    for (const file of OWN) server.lose(`${folder}/${file}`);
  }
}

/** Chooses a tab, and waits until its script is there. */
export async function openTab(page, tab) {
  await page.locator(`#tab-${tab}`).click();
  await usable(page, tab);
}

/** Waits until a tab is seen and takes clicks. */
export async function usable(page, tab) {
  await page.waitForFunction(
    (name) => {
      const panel = document.getElementById(`panel-${name}`);
      return panel.checkVisibility() && !panel.inert;
    },
    {},
    tab,
  );
}

/** Waits until a tab has answered to the picture of that name. Rejects with the problem that it has instead. */
export async function answered(page, tab, name) {
  const shown = await page
    .waitForFunction(
      (results, answer, problem, picture, wanted) => {
        if (document.querySelector(results).hasAttribute('aria-busy')) return null;
        if (document.querySelector(problem)?.checkVisibility()) return 'problem';
        if (![...document.querySelectorAll(picture)].some(({ alt }) => alt === wanted)) return null;
        return document.querySelector(answer).checkVisibility() ? 'answer' : null;
      },
      {},
      part(tab, 'results'),
      part(tab, 'answer'),
      `#panel-${tab} .problem`,
      `#panel-${tab} .picture`,
      name,
    )
    .catch((error) => stuck(page, tab, error));
  if ((await shown.jsonValue()) === 'problem') throw new Error(await page.$eval(`#panel-${tab} .problem`, (element) => element.innerText));
}

/** Rejects with what a tab shows that was to have answered long since. */
async function stuck(page, tab, cause) {
  const shown = await page.$eval(
    `#panel-${tab}`,
    (panel) =>
      `${panel.innerText} ${panel.querySelector('[aria-busy]') ? '(busy) ' : ''}` +
      `pictures: ${[...panel.querySelectorAll('.picture')].map(({ alt }) => alt)}; runs: ${document.getElementById('foot-runtime').textContent} ` +
      `ready: ${document.getElementById('runtime-ready').textContent}; requests: ${performance
        .getEntriesByType('resource')
        .slice(-4)
        .map((entry) => `${entry.name} ${entry.responseEnd}`)}`,
  );
  const workers = await Promise.all(
    (page.workers?.() ?? []).map(
      async (worker) =>
        `${worker.url()} ${await Promise.race([
          worker.evaluate(() => 'answers'),
          new Promise((resolve) => setTimeout(resolve, 2000, 'is blocked')),
        ]).catch(String)}`,
    ),
  );
  throw new Error(`The tab ${tab} does not answer: ${shown}; workers: ${workers.join(', ') || 'none'}`, { cause });
}

/** Waits for the answer to the picture of that name: its labels with scores, best first. */
export async function answerTo(page, name) {
  await answered(page, 'classify', name);
  return page.$$eval(`${part('classify', 'labels')} li`, (rows) =>
    rows.map((row) => ({
      label: row.querySelector('.label').textContent,
      score: Number(row.querySelector('.value').value),
      text: row.querySelector('.value').textContent,
    })),
  );
}

/** Waits for a problem whose sentence has these words, and returns all that it says. */
export async function problemWith(page, words, tab = 'classify') {
  const selector = `#panel-${tab} .problem`;
  await page.waitForFunction(
    (where, wanted) => {
      const problem = document.querySelector(where);
      return problem?.checkVisibility() && problem.textContent.includes(wanted);
    },
    {},
    selector,
    words,
  );
  return page.$eval(selector, (element) => element.innerText);
}

/** Loads a checkpoint by its address on the Models tab, and waits until it is in use. Returns the verdict. */
export async function loadCheckpoint(page, address) {
  await openTab(page, 'models');
  await page.$eval(
    '#source',
    (input, value) => {
      input.value = value;
    },
    address,
  );
  await page.locator('#panel-models button[type="submit"]').click();
  return loaded(page);
}

/** Waits until the Models tab has loaded what it was given. Returns what it says of it. */
export async function loaded(page) {
  await page.waitForFunction(
    (verdict) => {
      const visible = (selector) => document.querySelector(selector)?.checkVisibility();
      return !visible('#panel-models .busy') && (visible(verdict) || visible('#panel-models .problem'));
    },
    {},
    part('models', 'verdict'),
  );
  return page.evaluate(
    (verdict) => {
      const problem = document.querySelector('#panel-models .problem');
      return (problem?.checkVisibility() ? problem : document.querySelector(verdict)).innerText;
    },
    part('models', 'verdict'),
  );
}

/** Clicks the button of a sample. */
export async function clickSample(page, name) {
  await page.locator(`.sample:enabled:has(img[alt="${name}"])`).click();
}

/** Gives the page a file, as its dialog would. */
export async function chooseFile(page, path) {
  await (await page.$('#file')).uploadFile(path);
}

/** Drops a file on the page, or pastes it: the samples' picture in another format. */
export async function hand(page, how, sample, type) {
  await page.evaluate(
    async (way, name, format) => {
      const canvas = new OffscreenCanvas(256, 256);
      canvas.getContext('2d').drawImage(document.querySelector(`.sample img[alt="${name}"]`), 0, 0);
      const blob = await canvas.convertToBlob({ type: format, quality: 0.9 });
      if (blob.type !== format) throw new Error(`This browser writes no ${format}.`);
      const data = new DataTransfer();
      data.items.add(new File([blob], `${way}.${format.slice(6)}`, { type: format }));
      if (way === 'drop') {
        document.body.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
      } else {
        // Firefox lets no script make a paste with files: the property is put in its place.
        const paste = new ClipboardEvent('paste', { bubbles: true });
        Object.defineProperty(paste, 'clipboardData', { value: data });
        document.body.dispatchEvent(paste);
      }
    },
    how,
    sample,
    type,
  );
}

/** Returns what the page says about the build, and why it is that. */
export async function runtimeOf(page) {
  return page.evaluate(() => ({
    reason: document.getElementById('runtime-reason').textContent,
    build: document.getElementById('runtime-build').textContent,
    threads: Number(document.getElementById('runtime-threads').textContent),
    place: document.getElementById('runtime-place').textContent,
  }));
}
