// The layers of ARCHITECTURE.md as rules. A type-only import counts: it couples as well.
const cdp = '^src/cdp/';
const telemetry = '^src/telemetry/';
const errors = '^src/errors\\.ts$';
const index = '^src/index\\.ts$';
const ours = '^(src|proxy|test|bench|scripts)/';

/**
 * @param {string} name
 * @param {string} comment
 * @param {string} from
 * @param {string[]} allowed
 */
const onlyImports = (name, comment, from, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { path: ours, pathNot: [from, ...allowed] },
});

module.exports = {
  forbidden: [
    onlyImports('proxy-through-index', 'the service uses the library as everybody does', '^proxy/', [index]),
    onlyImports('library-alone', 'the library knows nothing of its service', '^src/', []),
    onlyImports('cdp-layer', 'the protocol is the floor', cdp, [telemetry, errors]),
    onlyImports('chrome-layer', 'chrome knows no neighbour', '^src/chrome/', [cdp, telemetry, errors]),
    onlyImports('virtual-layer', 'virtual knows no neighbour', '^src/virtual/', [cdp, telemetry, errors]),
    onlyImports('pool-layer', 'the pool knows neither CDP nor Chrome', '^src/pool/', [telemetry, errors]),
    onlyImports('telemetry-layer', 'telemetry is imported by all', telemetry, []),
    onlyImports('client-alone', 'what clients import brings nothing of the service', '^src/client/', []),
    onlyImports('errors-layer', 'errors are imported by all', errors, []),
    {
      name: 'index-is-the-outside',
      comment: 'inside the library, import the module itself',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: index },
    },
    {
      name: 'cdp-no-packages',
      comment: 'the protocol needs only its types',
      severity: 'error',
      from: { path: cdp },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional'], pathNot: 'devtools-protocol' },
    },
    {
      name: 'no-dev-dependency',
      comment: 'what is published must not need a development package',
      severity: 'error',
      from: { path: '^(src|proxy)/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-optional', 'type-only'] },
    },
    {
      name: 'no-circular',
      comment: 'a parent and its child may know the type of each other, but only one of them loads the other',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      // devtools-protocol has types and nothing else
      mainFields: ['module', 'main', 'types'],
    },
  },
};
