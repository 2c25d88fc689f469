// A menu for every picture of the web: "What is in this picture?" The popup shows the answer.
import 'beit-wasm-samples';
import { configure, pipeline } from 'beit-wasm/service-worker';

const MODEL = null; // the small model of drawn scenes; for photographs 'microsoft/beit-base-patch16-224'

configure({ assets: chrome.runtime.getURL('beit/') });

let classifier = null;

/** Classifies a picture and keeps the answer for the popup. */
async function look(url) {
  chrome.action.setBadgeText({ text: '…' });
  classifier ??= pipeline('image-classification', MODEL);
  let answer;
  try {
    const classify = await classifier;
    answer = { url, labels: await classify(url, { topK: 3 }) };
  } catch (error) {
    classifier = null; // the next call loads it again
    answer = { url, labels: [], message: error.message };
  }
  await chrome.storage.session.set({ answer });
  chrome.action.setBadgeText({ text: answer.message ? '!' : '1' });
}

chrome.runtime.onInstalled.addListener(() => {
  chrome.contextMenus.create({ id: 'look', title: 'What is in this picture?', contexts: ['image'] });
});
chrome.contextMenus.onClicked.addListener(({ srcUrl }) => look(srcUrl));
chrome.runtime.onMessage.addListener(({ look: url }, sender, reply) => {
  if (url) look(url).then(reply);
  return Boolean(url); // the reply comes later
});
