/** What a request needs where tokens are configured. */
export type Right = 'none' | 'token' | 'admin';

/** For kubelet and load balancers, which have no token and learn nothing but a word. */
const OPEN = new Set(['/healthz', '/readyz']);
/** Figures of all tenants together. */
const OPERATORS = new Set(['/metrics']);
/** What is one pool for all tenants, and what becomes of it. */
const POOL = /^\/api\/v1\/(browsers|connections|events)(\/|$)/;
/** What a tenant may end itself. */
const OWN_BROWSER = /^\/api\/v1\/virtual-browsers\/[^/]+\/?$/;
/** What a tenant puts into its own virtual browsers, and takes out again. */
const OWN = /^\/api\/v1\/virtual-browsers\/[^/]+\/files(\/|$)/;

/** What a request needs; the path is without `/name/<name>` and query. */
export function rightFor(method: string, path: string): Right {
  if (OPEN.has(path)) return 'none';
  if (OPERATORS.has(path)) return 'admin';
  if (POOL.test(path)) return 'admin';
  if (method === 'DELETE' && OWN_BROWSER.test(path)) return 'token';
  const isRead = method === 'GET' || method === 'HEAD';
  if (path.startsWith('/api/') && !isRead && !OWN.test(path)) return 'admin';
  return 'token';
}
