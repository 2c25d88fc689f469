// The demo page as a user has it: what it shows, and what can be done with it.

/**
 * Waits for the answer to the picture of that name: its labels with scores, best first. Rejects with
 * what the page says where it has a problem with it instead.
 */
export async function answerTo(page, name) {
  const shown = await page.waitForFunction((wanted) => {
    const busy = document.getElementById('results').hasAttribute('aria-busy');
    if (busy || document.getElementById('picture').alt !== wanted) return null;
    return ['answer', 'problem'].find((id) => document.getElementById(id).checkVisibility());
  }, {}, name);
  if (await shown.jsonValue() === 'problem') throw new Error(await page.$eval('#problem', (element) => element.innerText));
  return page.$$eval('#labels li', (rows) => rows.map((row) => ({
    label: row.querySelector('.label').textContent,
    score: Number(row.querySelector('.value').value),
    text: row.querySelector('.value').textContent,
  })));
}

/** Waits for a problem whose sentence has these words, and returns all that it says. */
export async function problemWith(page, words) {
  await page.waitForFunction((wanted) => {
    const problem = document.getElementById('problem');
    return problem.checkVisibility() && problem.textContent.includes(wanted);
  }, {}, words);
  return page.$eval('#problem', (element) => element.innerText);
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
  await page.evaluate(async (way, name, format) => {
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
  }, how, sample, type);
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
