// Who may import whom (ARCHITECTURE.md, "Layers and doors"). Everything here is an error.
import { Visitor } from '@swc/core/Visitor.js'

// The walker of the swc parser stops at a `using` declaration, which it does not know; it is a variable declaration like any other.
const { visitStatement } = Visitor.prototype
Visitor.prototype.visitStatement = function visitStatementOrUsing(statement) {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement)
  this.visitVariableDeclarators(statement.decls)
  return statement
}

/** Lowest first: a module imports its own row and the rows before it. */
const rows = [
  ['core', 'config', 'log', 'db'],
  ['auth', 'audit', 'jobs'],
  ['keys'],
  ['registry', 'delegation', 'webhooks'],
  ['upstreams'],
  ['templates', 'scopes', 'lifecycle'],
  ['guardrails'],
  ['killswitch', 'notifications'],
  ['claude'],
  ['harness'],
  ['metrics'],
]
const modules = rows.flat()

/** Files of which every one may be imported from outside. */
const open = new Set(['core', 'config', 'log', 'db', 'web', 'api', 'dev'])
const doors = 'schema|rules|queries|commands|events'
/** inTx (auth/ctx.ts) appends what recordAudit collected; nobody else touches the buffer. What the demo history records is written as the broker writes it. */
const hinges = { audit: ['^lib/auth/ctx\\.ts$'], broker: ['^lib/dev/seed/recorded/'] }
const extraDoors = { auth: '|ctx|permissions|personas', jobs: '|contracts' }

/** Files that are started, not imported; they put the parts of a process together. */
const main = '[/-]main\\.ts$'
const test = '\\.test\\.tsx?$'
const processes = '^lib/(?:broker|sandbox|claude/embedded)/'

const layers = rows.map((row, at) => {
  const higher = [...rows.slice(at + 1).flat(), 'broker', 'sandbox', 'web', 'api', 'dev']
  return {
    name: `layer-${row.join('-')}`,
    comment: `${row.join(', ')} may import only rows at or below their own.`,
    severity: 'error',
    from: { path: `^lib/(?:${row.join('|')})/`, pathNot: [main, test, processes] },
    to: { path: `^lib/(?:${higher.join('|')})/` },
  }
})

const closedDoors = [...modules, 'broker', 'sandbox']
  .filter((module) => !open.has(module))
  .map((module) => ({
    name: `door-${module}`,
    comment: `From outside, ${module} is entered by its doors only.`,
    severity: 'error',
    from: {
      path: '^(?:app|components|lib|e2e)/',
      pathNot: [`^lib/${module}/`, '^lib/[^/]+/main\\.ts$', ...(hinges[module] ?? [])],
    },
    to: { path: `^lib/${module}/`, pathNot: [`^lib/${module}/(?:${doors}${extraDoors[module] ?? ''})(?:\\.ts$|/)`] },
  }))

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layers,
    ...closedDoors,
    {
      name: 'processes-are-started',
      comment: 'Nobody imports a process; processes import no other process.',
      severity: 'error',
      from: { path: '^(?:app|components|lib)/', pathNot: [processes, '^lib/dev/', test] },
      to: { path: processes },
    },
    ...['broker', 'sandbox', 'claude/embedded'].map((process) => ({
      name: `process-${process.replace('/', '-')}`,
      comment: 'A process imports doors below it: not another process, not the web, not development.',
      severity: 'error',
      from: { path: `^lib/${process}/`, pathNot: [test, `^lib/${process}/testing/`] },
      to: { path: `${processes}|^lib/(?:web|api|dev)/`, pathNot: [`^lib/${process}/`] },
    })),
    {
      name: 'only-web-knows-next',
      comment: 'The product runs without a browser: no Next and no React in lib, except lib/web.',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/web/', '\\.client\\.test\\.tsx$'] },
      to: { path: '^node_modules/(?:next|next-auth|next-themes|react|react-dom)/' },
    },
    {
      name: 'web-below-pages',
      comment: 'lib imports neither pages nor components.',
      severity: 'error',
      from: { path: '^lib/', pathNot: ['^lib/dev/'] },
      to: { path: '^(?:app|components|e2e)/' },
    },
    {
      name: 'web-and-api-apart',
      comment: 'The API contracts and the CLI run without Next; the web wrappers know no contracts.',
      severity: 'error',
      from: { path: '^lib/(web|api)/', pathNot: [test] },
      to: { path: '^lib/(?:web|api|dev)/', pathNot: ['^lib/$1/'] },
    },
    {
      name: 'pages-do-not-know-development',
      comment: 'Nothing of the product depends on the start program, demo data or test helpers.',
      severity: 'error',
      from: { path: '^(?:app|components)/', pathNot: [test] },
      to: { path: '^lib/dev/' },
    },
    {
      name: 'components-below-pages',
      comment:
        'A component that a page owns lives beside that page; of pages, a shared component knows server actions only.',
      severity: 'error',
      from: { path: '^components/' },
      to: { path: '^app/', pathNot: ['/actions\\.ts$'] },
    },
    {
      name: 'schemas-fit-the-browser',
      comment: 'schema.ts imports zod, core and other schemas: a browser may load it.',
      severity: 'error',
      from: { path: '^lib/[^/]+/schema(?:\\.ts$|/)', pathNot: [test] },
      to: {
        pathNot: ['^lib/core/', '^lib/[^/]+/schema(?:\\.ts$|/)', '^lib/auth/permissions\\.ts$', '^node_modules/zod/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'rules-are-pure',
      comment: 'rules.ts decides from its arguments: no database, no network, no files, no clock of its own.',
      severity: 'error',
      from: { path: '^lib/[^/]+/rules(?:\\.ts$|/)', pathNot: [test] },
      to: {
        path: '^lib/(?:db|config|log)/|^lib/[^/]+/(?:queries|commands)(?:\\.ts$|/)|^node_modules/(?:pg|@prisma|undici)/|^(?:node:)?(?:fs|net|http|https|child_process)',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'frame-is-light',
      comment: 'Every page loads the frame, and must not load the words of all rules with it.',
      severity: 'error',
      from: {
        path: '^(?:app/\\(portal\\)/layout\\.tsx|components/(?:shell|stops|inbox|break-glass)/|components/rules/central-rule-titles)',
      },
      to: {
        path: '^(?:components/rules/(?:known-)?rule-link\\.tsx|lib/guardrails/(?:rules/explain|schema)\\.ts)$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'rule-words-stay-on-the-server',
      comment:
        'What the pages of agents and the link to a rule load takes the words of all rules only when they are shown.',
      severity: 'error',
      from: { path: '^app/\\(portal\\)/agents/.+\\.client\\.tsx?$|^components/rules/.+\\.client\\.tsx$' },
      to: {
        path: '^(?:components/rules/(?:known-)?rule-link\\.tsx|lib/guardrails/rules/explain\\.ts)$',
        dynamic: false,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'browser-code-stays-in-the-browser',
      comment: 'A client component loads schemas, rules and core; the rest of lib stays on the server.',
      severity: 'error',
      from: { path: '^(?:app|components)/.+\\.client\\.tsx$' },
      to: {
        path: '^lib/',
        pathNot: [
          '^lib/core/',
          '^lib/[^/]+/(?:schema|rules)(?:\\.ts$|/)',
          '^lib/auth/permissions\\.ts$',
          '^lib/web/search\\.ts$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'contexts-fit-the-browser',
      comment: 'Rules ask a context for permission, and pages load rules: of the database it knows types alone.',
      severity: 'error',
      from: { path: '^lib/(?:auth/ctx|audit/buffer|db/lasting)\\.ts$' },
      to: {
        path: '^lib/db/(?:client|pool|connection)\\.ts$|^node_modules/(?:pg|@prisma)/',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'every-page-is-light',
      comment:
        'What every page or the catalog loads takes types alone from schemas, since their values bring zod along. Constants it needs stand in a file without zod.',
      severity: 'error',
      from: {
        path: '^components/(?:shell|stops|ui)/|^app/\\(portal\\)/agents/[^/]+\\.client\\.tsx?$',
        pathNot: [test],
      },
      to: {
        path: '^lib/[^/]+/schema(?:\\.ts$|/)|^node_modules/zod/',
        pathNot: ['/schema/(?:target|columns|capabilities|methods)\\.ts$'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolves',
      comment: 'Every import finds its file.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages-in-the-product',
      comment: 'What the product imports is in dependencies.',
      severity: 'error',
      from: { path: '^(?:app|components|lib|bin)/', pathNot: [test, '^lib/dev/'] },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: '^(?:node_modules|lib/db/generated)/' },
    exclude: { path: '^(?:\\.next|lib/db/generated)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.tsx', '.mjs', '.js', '.json', '.css'],
    },
  },
}
