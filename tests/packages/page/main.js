import 'beit-wasm-samples';
import * as library from 'beit-wasm';
import { answer } from './answer.js';

globalThis.answered = answer(library);
