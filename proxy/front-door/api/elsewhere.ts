import type { Description } from './endpoint.js';
import * as schema from './schemas.js';

const files = '/api/v1/virtual-browsers/{id}/files';
const aFile = { description: 'The file’s bytes.', type: 'application/octet-stream' };

/** What `/openapi.json` tells of beside `/api/v1` as it is here: answered by the front door and by `FileEndpoints`. */
export const elsewhere: readonly Description[] = [
  {
    method: 'GET',
    path: files,
    name: 'listFiles',
    summary: 'What was uploaded for a virtual browser’s pages, and what they downloaded.',
    outcomes: { 200: { description: 'The files.', schema: schema.files } },
  },
  {
    method: 'GET',
    path: `${files}/{name}`,
    name: 'getFile',
    summary: 'One file.',
    outcomes: { 200: aFile },
  },
  {
    method: 'PUT',
    path: `${files}/{name}`,
    name: 'putFile',
    summary: 'Uploads a file for its pages.',
    outcomes: {
      201: { description: 'It is there.', schema: schema.uploaded },
      413: { description: 'It is larger than `limits.files` allows.', schema: schema.failure },
    },
  },
  {
    method: 'DELETE',
    path: `${files}/{name}`,
    name: 'deleteFile',
    summary: 'Deletes a file.',
    outcomes: { 204: { description: 'It is gone.' } },
  },
  {
    method: 'GET',
    path: '/healthz',
    name: 'getHealth',
    summary: 'Whether the process lives.',
    outcomes: { 200: { description: 'It does.', type: 'text/plain' } },
  },
  {
    method: 'GET',
    path: '/readyz',
    name: 'getReadiness',
    summary: 'Whether a client could be served.',
    outcomes: {
      200: { description: 'It could.', schema: schema.readiness },
      503: { description: 'It could not; the reasons are told.', schema: schema.readiness },
    },
  },
  {
    method: 'GET',
    path: '/metrics',
    name: 'getMetrics',
    summary: 'Metrics for Prometheus.',
    outcomes: { 200: { description: 'In its text format.', type: 'text/plain' } },
  },
  {
    method: 'GET',
    path: '/openapi.json',
    name: 'getDescription',
    summary: 'This description.',
    outcomes: { 200: { description: 'In OpenAPI 3.1.', type: 'application/json' } },
  },
];
