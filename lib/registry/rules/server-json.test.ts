import { expect, test } from 'vitest'
import { readServerJson } from './server-json.ts'

const base = {
  name: 'io.github.acme/invoice-tools',
  title: 'Invoice tools',
  description: 'Reads invoices.',
  version: '1.2.0',
}
const read = (more: object) => readServerJson(JSON.stringify({ ...base, ...more }, null, 2))

test('remotes become addresses, packages are named by exactly one version', () => {
  const outcome = read({
    $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
    remotes: [
      {
        type: 'streamable-http',
        url: 'https://mcp.acme.example/mcp',
        headers: [{ name: 'X-Api-Key', isSecret: true }],
      },
      { type: 'sse', url: 'https://{tenant}.acme.example/sse' },
    ],
    packages: [
      {
        registryType: 'npm',
        identifier: '@acme/invoice-tools',
        version: '1.2.0',
        transport: { type: 'stdio' },
        packageArguments: [{ type: 'named', name: '--mode', value: 'read' }],
      },
    ],
  })
  expect(outcome).toMatchObject({
    ok: true,
    value: {
      proposal: { id: 'invoice-tools', name: 'Invoice tools', description: 'Reads invoices.' },
      options: [
        { transport: 'http', url: 'https://mcp.acme.example/mcp', credentialHeader: 'X-Api-Key', problems: [] },
        { problems: [expect.stringContaining('Streamable HTTP'), expect.stringContaining('{tenant}')] },
        { transport: 'package', package: { name: '@acme/invoice-tools', version: '1.2.0' }, problems: [] },
      ],
    },
  })
})

test('a header that is no credential is named as left out, with the value that the file fixes', () => {
  const headers = [
    { name: 'X-Region', value: 'eu' },
    { name: 'X-Api-Key', isSecret: true },
    { name: 'X-Trace', isRequired: false },
  ]
  expect(read({ remotes: [{ type: 'streamable-http', url: 'https://mcp.acme.example/mcp', headers }] })).toMatchObject({
    value: {
      options: [
        {
          problems: [],
          refusal: null,
          credentialHeader: 'X-Api-Key',
          leftOut: [
            { name: 'X-Region', value: 'eu' },
            { name: 'X-Trace', value: null },
          ],
        },
      ],
    },
  })
})

test('a form is filled with a remote whose address is still to be completed, and with none that cannot be reached', () => {
  const url = 'https://mcp.acme.example/mcp'
  const refusalOf = (remote: object) => {
    const outcome = read({ remotes: [{ type: 'streamable-http', url, ...remote }] })
    const option = outcome.ok ? outcome.value.options[0] : undefined
    return option?.transport === 'http' ? [option.refusal, option.problems.length] : undefined
  }
  const needed = [
    { name: 'X-Api-Key', isSecret: true },
    { name: 'X-Tenant', isRequired: true },
  ]
  expect(refusalOf({})).toEqual([null, 0])
  expect(refusalOf({ url: 'https://{tenant}.acme.example/mcp' })).toEqual([null, 1])
  expect(refusalOf({ type: 'sse' })).toEqual([expect.stringContaining('Streamable HTTP'), 1])
  expect(refusalOf({ type: 'sse', url: 'https://{tenant}.acme.example/sse' })).toEqual([
    expect.stringContaining('Streamable HTTP'),
    2,
  ])
  expect(refusalOf({ url: 'ftp://mcp.acme.example' })).toEqual(['The address is no http or https address.', 1])
  expect(refusalOf({ headers: needed })).toEqual([expect.stringContaining('X-Api-Key, X-Tenant'), 1])
})

test('an answer of the registry is read as the file in it', () => {
  const remotes = [{ type: 'streamable-http', url: 'https://mcp.acme.example/mcp' }]
  const wrapped = readServerJson(JSON.stringify({ server: { ...base, remotes }, _meta: {} }))
  expect(wrapped).toMatchObject({ ok: true, value: { name: base.name } })
  expect(readServerJson(JSON.stringify({ server: { ...base, name: 'x', remotes } }))).toMatchObject({
    errors: [{ field: 'server.name' }],
  })
})

test('every error names its line and its field', () => {
  const errors = (text: string) => {
    const outcome = readServerJson(text)
    return outcome.ok ? [] : outcome.errors.map(({ line, field }) => [line, field])
  }
  const text = `{
  "name": "no-namespace",
  "description": "x",
  "version": "^1.0.0",
  "remotes": [
    { "type": "streamable-http", "url": "https://a.example/mcp" },
    { "type": "websocket", "url": "wss://a.example" }
  ]
}`
  expect(errors(text)).toEqual([
    [2, 'name'],
    [4, 'version'],
    [7, 'remotes.1.type'],
  ])
  expect(errors('{ "name": "a/b", }  x')).toEqual([[1, '']])
  expect(errors('{\n"name": "io.a/b",\n"name": "io.a/c"\n}')[0]).toEqual([3, ''])
  expect(errors('[]')[0]).toEqual([1, ''])
  expect(errors(JSON.stringify(base))).toEqual([[1, 'remotes']])
  expect(errors(JSON.stringify({ description: 'x', version: '1.0.0' }))).toEqual([[1, 'name']])
  const positional = {
    registryType: 'npm',
    identifier: 'x',
    version: '1.0.0',
    transport: { type: 'stdio' },
    packageArguments: [{ type: 'positional' }],
  }
  expect(errors(JSON.stringify({ ...base, packages: [positional] }))).toEqual([[1, 'packages.0.packageArguments.0']])
})

test('what is no JSON is told in its own words: where it breaks, and what is missing there', () => {
  const said = (text: string) => {
    const outcome = readServerJson(text)
    return outcome.ok ? [] : outcome.errors.map(({ line, column, message }) => [line, column, message])
  }
  expect(said('{ "name": "a/b", }')).toEqual([[1, 18, 'A name in double quotes is missing.']])
  expect(said('{\n  "name": "a/b"\n  "version": "1.0.0"\n}')).toEqual([[3, 3, 'A comma or } is missing.']])
  expect(said('{ "name": "a/b"')).toEqual([[1, 16, 'It ends too early.']])
  expect(said("{ 'name': 1 }")).toEqual([[1, 3, 'A name in double quotes is missing.']])
  expect(said('name: io.a/b')).toEqual([[1, 1, 'A value is missing.']])
  expect(said('{\n"name": "io.a/b",\n"name": "io.a/c"\n}')).toEqual([[3, 1, 'This name is given twice: keep one.']])
  expect(said(JSON.stringify({ ...base, version: 7 }))).toEqual([[1, expect.any(Number), 'Give text.']])
})

test('a file that begins with a byte order mark is read', () => {
  const remotes = [{ type: 'streamable-http', url: 'https://mcp.acme.example/mcp' }]
  expect(readServerJson(`\uFEFF${JSON.stringify({ ...base, remotes })}`)).toMatchObject({ ok: true })
})
