import { platform } from '../platform.js';
import { oneOf, type CommandSpec } from './arguments.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { checkFile, readTensorFile, writeTensorFile } from './files.js';
import { forwardInputs } from './inputs.js';

export const forward: CommandSpec = {
  name: 'forward',
  summary: 'runs one forward pass from a safetensors file to another',
  operands: { name: 'SOURCE', least: 1, most: 1 },
  options: [
    { name: 'inputs', value: 'IN.safetensors', help: 'pixel_values, bool_masked_pos, labels', required: true },
    { name: 'outputs', value: 'OUT.safetensors', help: 'the file to write', required: true },
    { name: 'class', value: 'NAME', help: "the reference's class (default: config.json's architectures)" },
    { name: 'output-hidden-states', help: 'write hidden_states.N, too' },
    { name: 'output-attentions', help: 'write attentions.N, too' },
    { name: 'interpolate-pos-encoding', help: 'accept another image size with absolute positions' },
    { name: 'no-pooler', help: 'BeitModel without its pooling layer' },
    { name: 'taps', value: 'reference|original', help: 'segmentation: how out_indices count layers (default: reference)', parse: oneOf(['reference', 'original']) },
    ...ENGINE_OPTIONS,
  ],
  details: [
    'Inputs may have the prefix "in.". Written are, as the class has them: last_hidden_state,',
    'pooler_output, logits, loss, feature_maps.N, hidden_states.N, attentions.N.',
  ],
  async run(parsed) {
    const inputFile = parsed.value<string>('inputs')!;
    checkFile(inputFile);
    const source = await platform().resolveSource(parsed.operands[0]!, {});
    return withEngine(parsed, async (engine) => {
      const inputs = forwardInputs(await readTensorFile(engine, inputFile), inputFile);
      const model = await engine.loadModel(source, {
        className: parsed.value<string>('class') ?? 'auto', addPoolingLayer: !parsed.flag('no-pooler'), taps: parsed.value<'reference' | 'original'>('taps'),
      });
      const outputs = await engine.forward(model.handle, inputs, {
        outputHiddenStates: parsed.flag('output-hidden-states'),
        outputAttentions: parsed.flag('output-attentions'),
        interpolatePosEncoding: parsed.flag('interpolate-pos-encoding'),
      });
      writeTensorFile(parsed.value<string>('outputs')!, outputs);
      return 0;
    });
  },
};
