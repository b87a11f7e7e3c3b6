import { expect, test } from 'vitest'
import { packageCommand, packageEntry, packageOption } from './package-option.ts'

const npm = { registryType: 'npm', identifier: '@acme/files', version: '1.2.0', transport: { type: 'stdio' } }
const optionOf = (more: object) => packageOption(packageEntry.parse({ ...npm, ...more }))
const reference = {
  name: '@acme/files',
  version: '1.2.0',
  integrity: `sha512-${'A'.repeat(86)}==`,
  lock: '0'.repeat(64),
}
const commandOf = (more: object, values: Record<string, string> = {}) => {
  const option = optionOf(more)
  if (option.transport !== 'package') throw new Error(option.problems.join(' '))
  return packageCommand(option, { reference, program: 'files', values })
}
const argsOf = (more: object, values?: Record<string, string>) => {
  const outcome = commandOf(more, values)
  return outcome.ok ? outcome.command.args : outcome
}

test('what a file leaves open of its arguments is asked for by name, and what is required cannot be left out', () => {
  const packageArguments = [
    { type: 'positional', valueHint: 'folder', description: 'What it may read' },
    { type: 'named', name: '--mode', default: 'read', choices: ['read', 'write'] },
    { type: 'named', name: '--limit' },
    {
      type: 'named',
      name: '--at',
      value: 'https://{tenant}.acme.example/{path}',
      variables: { tenant: { isRequired: true }, path: {} },
    },
    { type: 'positional', value: '{"kept": true}' },
  ]
  expect(optionOf({ packageArguments })).toMatchObject({
    problems: [],
    open: [
      { name: 'folder', description: 'What it may read', isRequired: true },
      { name: '--mode', proposed: 'read', choices: ['read', 'write'], isRequired: false },
      { name: '--limit', isRequired: false },
      { name: 'tenant', isRequired: true },
      { name: 'path', isRequired: false },
    ],
  })
  const filled = { folder: '/data', tenant: '{path}', path: 'mcp' }
  expect(argsOf({ packageArguments }, filled)).toEqual([
    '/data',
    '--mode=read',
    '--at=https://{path}.acme.example/mcp',
    '{"kept": true}',
  ])
  expect(argsOf({ packageArguments }, { folder: '/data', tenant: 'a', '--mode': '', '--limit': '5' })).toEqual([
    '/data',
    '--limit=5',
    '{"kept": true}',
  ])
  expect(argsOf({ packageArguments }, { folder: '/data' })).toMatchObject({ field: 'tenant' })
  expect(argsOf({ packageArguments }, { ...filled, '--mode': 'erase' })).toMatchObject({ field: '--mode' })
  expect(argsOf({ packageArguments }, { ...filled, constructor: 'x' })).toMatchObject({ field: 'constructor' })
})

test('variables are named with what is secret and required, and never become arguments', () => {
  const environmentVariables = [
    { name: 'ACME_TOKEN', isSecret: true, isRequired: true, description: 'From the settings' },
    { name: 'ACME_REGION', default: 'eu' },
  ]
  expect(optionOf({ environmentVariables })).toMatchObject({
    problems: [],
    variables: [
      { name: 'ACME_TOKEN', isSecret: true, isRequired: true, description: 'From the settings', proposed: '' },
      { name: 'ACME_REGION', isSecret: false, isRequired: false, proposed: 'eu' },
    ],
  })
  expect(commandOf({ environmentVariables })).toMatchObject({
    command: { command: 'files', args: [], env: ['ACME_TOKEN', 'ACME_REGION'], package: reference },
  })
  const secret = [{ type: 'named', name: '--token', isSecret: true }]
  expect(optionOf({ packageArguments: secret }).problems).toEqual([expect.stringContaining('--token is a secret')])
  const within = [{ type: 'named', name: '--url', value: 'x{key}', variables: { key: { isSecret: true } } }]
  expect(optionOf({ packageArguments: within }).problems).toEqual([expect.stringContaining('key is a secret')])
  const fixed = [{ type: 'positional', value: 'hunter2', isSecret: true }]
  expect(optionOf({ packageArguments: fixed }).problems).toHaveLength(1)
  expect(optionOf({ environmentVariables: [{ name: 'NODE_OPTIONS' }] }).problems).toEqual([
    expect.stringContaining('environmentVariables.0'),
  ])
})

test('what npx would be told about itself is left out; anything else for the runtime is refused', () => {
  const runtime = (...words: string[]) =>
    optionOf({ runtimeHint: 'npx', runtimeArguments: words.map((value) => ({ type: 'positional', value })) })
  expect(runtime('-y', '--quiet').problems).toEqual([])
  expect(runtime('-y', '--package=other').problems).toEqual([
    expect.stringContaining('--package=other for npx (runtimeArguments)'),
  ])
})

test.each([
  [{ registryType: 'pypi' }, /pypi are not fetched here \(registryType\).*python3/],
  [{ registryType: 'oci' }, /oci .*Run the container yourself/],
  [{ registryType: 'nuget' }, /nuget .*self-contained/],
  [{ registryType: 'mcpb' }, /mcpb .*manifest\.json/],
  [{ registryType: 'cargo' }, /cargo .*server’s folder/],
  [{ transport: { type: 'streamable-http' } }, /streamable-http \(transport\): start it yourself/],
  [{ identifier: '../escape' }, /no name of an npm package \(identifier\)/],
  [{ version: undefined }, /no exact version such as 1\.2\.0 \(version\)/],
  [{ version: '1' }, /\(version\)/],
  [{ registryBaseUrl: 'https://npm.elsewhere.example' }, /\(registryBaseUrl\)/],
])('%j is refused with its field and what to do instead', (more, says) => {
  const option = optionOf(more)
  expect(option).toMatchObject({ transport: 'none', problems: [expect.stringMatching(says)] })
})
