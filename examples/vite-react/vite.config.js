import react from '@vitejs/plugin-react';

// For threads. Your own server has to send these, too.
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

export default { base: './', plugins: [react()], server: { headers }, preview: { headers } };
