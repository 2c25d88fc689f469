import { answer } from './answer.js';

globalThis.answered = import(new URLSearchParams(location.search).get('library')).then(answer);
