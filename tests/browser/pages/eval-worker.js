// Does what the policy forbids, and tells what came of it.
let result;
try {
  result = new Function('return 1')();
} catch (error) {
  result = error.name;
}
postMessage(result);
