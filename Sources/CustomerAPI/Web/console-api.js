// The REST side: every call answers the envelope's `data` or throws an APIProblem. See /api/v1/openapi.yaml.

import { endSession, session } from './console-session.js';

/** What the server refused, or that it could not be reached (`code` 'offline', `status` 0). */
export class APIProblem extends Error {
  constructor(status, error, retryAfter) {
    super(error.message);
    this.status = status;
    this.code = error.code;
    this.field = error.field;
    this.retryAfter = retryAfter; // seconds, or null
  }
}

const root = '/api/v1';

/**
 * Sends a request and reads the answer. Reading is repeated twice while the server can't be reached or has no store; writing
 * never is, as it may have been done. `etag` of the answer is there with `whole: true`, which gives `{data, etag}`.
 */
export async function call(method, path, { query, body, headers, signal, whole } = {}) {
  const attempts = method === 'GET' ? 3 : 1;
  for (let attempt = 1; ; attempt++) {
    try {
      return await once(method, path + queryText(query), body, headers, signal, whole);
    } catch (problem) {
      const passing = problem instanceof APIProblem && (problem.status === 0 || problem.status === 503);
      if (!passing || attempt === attempts) throw problem;
      await new Promise((done) => setTimeout(done, (problem.retryAfter ?? 0.5) * 1000 * attempt));
    }
  }
}

async function once(method, path, body, headers, signal, whole) {
  const sent = { ...headers };
  const token = session.token;
  if (token) sent.Authorization = `Bearer ${token}`;
  if (body !== undefined) sent['Content-Type'] = 'application/json';
  let response;
  let answer;
  try {
    response = await fetch(root + path, {
      method, signal, headers: sent, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
    });
    answer = await response.json();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new APIProblem(
      response?.status ?? 0, { code: response ? 'internal_error' : 'offline', message: String(error) }, null,
    );
  }
  if (response.ok && answer.success) return whole ? {
    data: answer.data, etag: response.headers.get('ETag'),
  } : answer.data;
  // The token that this very request bore has ended; a later login's must not be ended by an old answer.
  if (response.status === 401 && token && token === session.token) endSession('session.expired');
  const retryAfter = Number(response.headers.get('Retry-After')) || null;
  throw new APIProblem(
    response.status, answer.error ?? { code: 'internal_error', message: response.statusText }, retryAfter,
  );
}

function queryText(query) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') parameters.set(name, value);
  }
  const text = parameters.toString();
  return text && `?${text}`;
}

/** A file of a message as bytes; an agent's token opens those of every conversation. */
export async function fetchAttachment(id) {
  const response = await fetch(`${root}/attachments/${encodeURIComponent(id)}`, {
    headers: { Authorization: `Bearer ${session.token}` },
  });
  if (!response.ok) throw new APIProblem(response.status, { code: 'not_found', message: response.statusText }, null);
  return response.blob();
}

/**
 * Stores a file for a conversation: `{id, name, contentType, size}`. By XMLHttpRequest, since fetch does not tell how much
 * of a body is sent; `onprogress` gets the part that is, 0 to 1.
 */
export function uploadAttachment(file, conversationId, onprogress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const query = queryText({ name: file.name || 'image.png', conversation: conversationId });
    const send = () => {
      if (signal?.aborted) return reject(new DOMException('', 'AbortError'));
      request.open('POST', `${root}/attachments${query}`);
      request.setRequestHeader('Authorization', `Bearer ${session.token}`);
      request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
      request.responseType = 'json';
      request.send(file);
    };
    let turns = 60;
    request.upload.onprogress = (event) => event.lengthComputable && onprogress(event.loaded / event.total);
    request.onload = () => {
      if (request.response?.success) return resolve(request.response.data);
      // Only so many uploads at once: the others wait their turn.
      if (request.status === 429 && turns-- > 0) return setTimeout(send, 500 + 1000 * Math.random());
      const error = request.response?.error ?? { code: 'internal_error', message: request.statusText };
      reject(new APIProblem(request.status, error, null));
    };
    request.onerror = () => reject(new APIProblem(0, { code: 'offline', message: 'offline' }, null));
    request.onabort = () => reject(new DOMException('', 'AbortError'));
    signal?.addEventListener('abort', () => request.abort());
    send();
  });
}
