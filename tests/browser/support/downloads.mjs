/** Returns what a click on a button would have put on the disk: its name, and its bytes in base64. */
export const downloadOf = (page, button) =>
  page.evaluate(
    (selector) =>
      new Promise((resolve) => {
        const { createObjectURL } = URL;
        let given;
        URL.createObjectURL = (blob) => {
          given = blob;
          return createObjectURL(blob);
        };
        const { click } = HTMLAnchorElement.prototype;
        HTMLAnchorElement.prototype.click = async function () {
          URL.createObjectURL = createObjectURL;
          HTMLAnchorElement.prototype.click = click;
          const bytes = new Uint8Array(await given.arrayBuffer());
          let letters = '';
          for (let i = 0; i < bytes.length; i += 8192) letters += String.fromCharCode(...bytes.subarray(i, i + 8192));
          resolve([this.download, btoa(letters)]);
        };
        document.querySelector(selector).click();
      }),
    button,
  );
