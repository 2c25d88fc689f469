import { oneOf, type CommandSpec } from './arguments.js';
import { openSource } from './downloads.js';
import { ENGINE_OPTIONS, withEngine } from './engine-options.js';
import { checkFile, readTensorFile, writeTensorFile } from './files.js';
import { forwardInputs } from './inputs.js';
import { BIAS_OPTIONS, CLASS_OPTIONS, modelSpec, WEIGHTS_OPTIONS } from './model-options.js';

export const forward: CommandSpec = {
  name: 'forward',
  summary: 'runs one forward pass from a safetensors file to another',
  operands: { name: 'SOURCE', least: 1, most: 1 },
  options: [
    { name: 'inputs', value: 'IN.safetensors', help: 'pixel_values, bool_masked_pos, labels', required: true },
    { name: 'outputs', value: 'OUT.safetensors', writes: 'file', help: 'the file to write', required: true },
    ...CLASS_OPTIONS,
    { name: 'output-hidden-states', help: 'write hidden_states.N, too' },
    { name: 'output-attentions', help: 'write attentions.N, too' },
    { name: 'interpolate-pos-encoding', help: 'resize absolute positions to another image size (always done)' },
    {
      name: 'taps',
      value: 'reference|original',
      help: 'segmentation: how out_indices count layers (default: reference)',
      parse: oneOf(['reference', 'original']),
    },
    ...WEIGHTS_OPTIONS,
    ...BIAS_OPTIONS,
    ...ENGINE_OPTIONS,
  ],
  details: [
    'Inputs may have the prefix "in.". Written are, as the class has them: last_hidden_state,',
    'pooler_output, logits, loss, feature_maps.N, hidden_states.N, attentions.N.',
  ],
  async run(parsed) {
    const inputFile = parsed.value<string>('inputs')!;
    checkFile(inputFile);
    const { source, watch } = await openSource(parsed.operands[0]!);
    return withEngine(parsed, async (engine) => {
      const inputs = forwardInputs(await readTensorFile(engine, inputFile), inputFile);
      const model = await engine.loadModel(source, { ...modelSpec(parsed), taps: parsed.value<'reference' | 'original'>('taps') }, watch);
      const outputs = await engine.forward(model.handle, inputs, {
        outputHiddenStates: parsed.flag('output-hidden-states'),
        outputAttentions: parsed.flag('output-attentions'),
        interpolatePosEncoding: true,
      });
      writeTensorFile(parsed.value<string>('outputs')!, outputs);
      return 0;
    });
  },
};
