const find = (selector) => document.querySelector(selector);

function show({ url, labels, message = '' }) {
  find('img').src = url;
  find('img').hidden = false;
  find('[role=status]').textContent = message;
  find('ul').replaceChildren(
    ...labels.map(({ label, score }) => {
      const row = document.createElement('li');
      row.append(label, ' ', `${(score * 100).toFixed(1)} %`);
      return row;
    }),
  );
}

const { answer } = await chrome.storage.session.get('answer');
if (answer) show(answer);
chrome.storage.session.onChanged.addListener((changes) => changes.answer && show(changes.answer.newValue));
