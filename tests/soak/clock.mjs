// What a process loads first in the soak with clocks that are set: every few seconds its own is another, by up to an hour.
const HOUR_MS = 3_600_000;
const { now } = Date;
let offset = 0;

globalThis.Date = new Proxy(Date, {
  construct: (target, given, made) => Reflect.construct(target, given.length > 0 ? given : [target.now()], made),
});
Date.now = () => now() + offset;

function set() {
  offset = Math.round((Math.random() - 0.5) * 2 * HOUR_MS);
  setTimeout(set, 3000 + Math.random() * 7000).unref();
}
set();
