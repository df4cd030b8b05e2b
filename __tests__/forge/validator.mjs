// openapi-backend in a thread of its own: one of its parts is an ES module that it loads by require,
// which Node can and Jest cannot.
import { parentPort, workerData } from 'node:worker_threads';
import { OpenAPIBackend } from 'openapi-backend';

const api = new OpenAPIBackend({ definition: workerData, quick: true });
const ready = api.init();

parentPort.on('message', async ({ id, request }) => {
  try {
    await ready;
    const { valid, errors } = api.validateRequest(request);
    parentPort.postMessage({ id, complaint: valid ? undefined : JSON.stringify(errors) });
  } catch (error) {
    parentPort.postMessage({ id, complaint: String(error) });
  }
});
