// Pictures for the tab Teach, drawn in the page.

/** Returns a selector of the input that the files of a class are chosen by. */
export const classInput = (i) => `#panel-teach .class:nth-child(${i + 1}) input[type="file"]`;

/** Draws pictures of one kind, and gives them to the input that `selector` names. */
export const giveDrawn = (page, selector, { kind, count, first = 0 }) =>
  page.evaluate(
    async (where, what, much, begin) => {
      const data = new DataTransfer();
      for (let i = begin; i < begin + much; ++i) {
        const canvas = new OffscreenCanvas(64, 64);
        const context = canvas.getContext('2d');
        context.fillStyle = `hsl(${what === 'round' ? 30 : 210} 55% ${30 + ((i * 7) % 40)}%)`;
        context.fillRect(0, 0, 64, 64);
        context.fillStyle = 'white';
        if (what === 'round') context.arc(24 + (i % 4) * 5, 30, 16, 0, 7);
        else context.rect(8 + (i % 4) * 5, 16, 30, 30);
        context.fill();
        data.items.add(new File([await canvas.convertToBlob()], `${what}-${i}.png`, { type: 'image/png' }));
      }
      if (what === 'broken') data.items.add(new File(['no picture'], 'broken.png', { type: 'image/png' }));
      const input = document.querySelector(where);
      input.files = data.files;
      input.dispatchEvent(new Event('change'));
    },
    selector,
    kind,
    count,
    first,
  );
