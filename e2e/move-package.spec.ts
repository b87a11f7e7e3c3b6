import { type APIRequestContext, expect, type Page, test } from '@playwright/test'
import { type NpmRegistry, startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { greetTool, packagedServer, words } from '#lib/dev/test/packaged-server.ts'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

// The Wheelhouse under test fetches from here.
const port = Number(new URL(process.env['WHEELHOUSE_NPM_REGISTRY'] ?? 'http://127.0.0.1:1').port)
const id = `moved-${Date.now().toString(36)}`
const name = 'Moved words'
const path = `/servers/${id}`
const louder = {
  ...greetTool,
  inputSchema: { ...greetTool.inputSchema, properties: { name: { type: 'string' }, volume: { type: 'number' } } },
}
const partTool = { ...greetTool, name: 'part', description: 'Says farewell.' }
const more = 30_000

test.describe.configure({ mode: 'serial' })

let api: APIRequestContext
let registry: NpmRegistry

/** A server of version 1.2.0 whose one tool is approved. */
test.beforeAll(async () => {
  test.setTimeout(240_000)
  registry = await startNpmRegistry(
    [words('1.0.0', 'Hello'), packagedServer('1.2.0'), packagedServer('1.3.0', {}, [louder, partTool])],
    { port },
  )
  api = await adminApi()
  const { packageId } = await post<{ packageId: string }>(api, '/servers/packages', {
    name: '@acme/packaged',
    version: '1.2.0',
  })
  const fetched = async () => (await (await api.get(`/api/v1/servers/packages/${packageId}`)).json()) as Fetched
  await expect.poll(async () => (await fetched()).package?.version, { timeout: 120_000 }).toBe('1.2.0')
  await post(api, '/servers', {
    id,
    name,
    transport: 'stdio',
    command: {
      command: 'packaged',
      args: ['--tone=kind'],
      env: ['PACKAGED_TOKEN'],
      package: (await fetched()).package,
    },
    environment: 'staging',
    sensitivity: 'internal',
    acknowledged: ['not_probed'],
  })
  const credential = await api.put(`/api/v1/servers/${id}/credential`, {
    data: { kind: 'bearer', secret: JSON.stringify({ PACKAGED_TOKEN: 'the first' }) },
  })
  expect(credential.ok(), await credential.text()).toBe(true)
  const tools = async () => ((await (await api.get(`/api/v1/servers/${id}`)).json()) as Listed).toolList
  await expect.poll(async () => (await tools()).map((tool) => tool.name), { timeout: 120_000 }).toEqual(['greet'])
  const approved = (await tools()).map((tool) => ({ name: tool.name, definitionHash: tool.definitionHash }))
  await post(api, `/servers/${id}/approve`, { tools: approved }, 200)
})

test.afterAll(async () => {
  await api.patch(`/api/v1/servers/${id}`, { data: { status: 'disabled', reason: 'The journey ends.' } })
  await api.dispose()
  await registry.close()
})

type Fetched = { package: { version: string } | null }
type Listed = { toolList: { name: string; definitionHash: string }[] }

const dialogOf = (page: Page) => page.getByRole('dialog', { name: `Move ${name} to another version` })

/** Opens the dialog and fetches a version in it. */
async function fetchVersion(page: Page, version: string) {
  await page.getByRole('button', { name: 'Move to another version…' }).click()
  const dialog = dialogOf(page)
  await dialog.getByLabel('Version (required)').fill(version)
  await dialog.getByRole('button', { name: 'Fetch it' }).click()
  await expect(dialog.getByText(`@acme/packaged@${version} is fetched. Nothing has changed yet.`)).toBeVisible({
    timeout: 2 * more,
  })
  return dialog
}

test('who may not manage servers reads which version it is, and who can move it', async ({ page }) => {
  await signInAs(page, 'Builder')
  await page.goto(path)
  await expect(page.getByText('@acme/packaged@1.2.0')).toBeVisible()
  await expect(page.getByText(/2 packages, \d+ kB/)).toBeVisible()
  await expect(page.getByRole('button', { name: /^Move to another version….*Security/ })).toBeDisabled()
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, path)
})

test('a version that cannot be fetched is refused at its field, and what a move changes is shown before it is made', async ({
  page,
}) => {
  test.setTimeout(240_000)
  await signInAs(page, 'Security')
  await page.goto(path)
  await page.getByRole('button', { name: 'Move to another version…' }).click()
  const dialog = dialogOf(page)
  const version = dialog.getByLabel('Version (required)')
  const fetchIt = dialog.getByRole('button', { name: 'Fetch it' })
  for (const [typed, why] of [
    ['^1.3.0', 'Use one exact version such as 1.2.0: no range and no tag.'],
    ['9.0.0', 'No matching version found for @acme/packaged@9.0.0'],
  ] as const) {
    await version.fill(typed)
    await fetchIt.click()
    await expect(version).toHaveAccessibleDescription(new RegExp(why.replaceAll('.', String.raw`\.`)), {
      timeout: 2 * more,
    })
    await expect(version).toHaveAttribute('aria-invalid', 'true')
  }
  await expectAccessible(page)

  await version.fill('1.3.0')
  await fetchIt.click()
  await expect(dialog.getByText('@acme/packaged@1.3.0 is fetched. Nothing has changed yet.')).toBeVisible({
    timeout: 2 * more,
  })
  await expect(dialog.getByText(/^sha512-/)).toHaveCount(2)
  await expect(dialog.getByText('Install scripts of @acme/packaged, packaged-words.')).toBeVisible()
  await expect(dialog.getByLabel('Arguments')).toHaveValue('--tone=kind')
  await expect(dialog.getByText(/^The credential of the server is removed/)).toBeVisible()
  await expect(dialog.getByText('Its credential has to be set anew on this page.')).toBeVisible()
  await expect(dialog.getByRole('checkbox', { name: 'Not probed' })).toBeVisible()
  await dialog.getByLabel('PACKAGED_TOKEN').fill('the second')
  await expect(dialog.getByText('The values above are sealed as its new credential.')).toBeVisible()

  await dialog.getByRole('button', { name: 'Probe' }).click()
  const changes = dialog.getByRole('list', { name: 'Tools that change' })
  await expect(changes).toContainText('Changed; waits for its review', { timeout: 2 * more })
  await expect(changes).toContainText('Takes more than before')
  await expect(changes).toContainText('New; waits for its review')
  await expect(dialog.getByText(/2 tools wait for review\./)).toBeVisible()
  await expect(dialog.getByRole('checkbox', { name: 'Not probed' })).toHaveCount(0)
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, path)
  await expect(page.getByText('@acme/packaged@1.2.0')).toHaveCount(1)

  await dialog.getByRole('button', { name: 'Move to 1.3.0' }).click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByText(`${name} is started from 1.3.0 now.`)).toBeVisible()
  await expect(page.getByText('@acme/packaged@1.3.0')).toBeVisible()
  await expect(page.getByRole('table', { name: `Credentials of ${name}` })).toContainText('every team without its own')
  await expect(async () => {
    await page.reload()
    await expect(page.getByText('2 tools to review')).toBeVisible({ timeout: 2000 })
  }).toPass({ timeout: 120_000 })
  await expectAccessible(page)
})

test('a server goes back to its earlier version in the same way, and not over what somebody else has changed meanwhile', async ({
  page,
}) => {
  test.setTimeout(240_000)
  await signInAs(page, 'Security')
  await page.goto(path)
  const outdated = await fetchVersion(page, '1.2.0')
  await outdated.getByRole('checkbox', { name: 'Not probed' }).check()
  const renamed = await api.patch(`/api/v1/servers/${id}`, { data: { description: 'Greets and parts.' } })
  expect(renamed.ok()).toBe(true)
  await outdated.getByRole('button', { name: 'Move to 1.2.0' }).click()
  await expect(outdated.getByRole('alert')).toContainText('Someone else changed this in the meantime')
  await outdated.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByText('Greets and parts.')).toBeVisible()
  await expect(page.getByText('@acme/packaged@1.3.0')).toBeVisible()

  const dialog = await fetchVersion(page, '1.2.0')
  const confirm = dialog.getByRole('button', { name: 'Move to 1.2.0' })
  await confirm.click()
  await expect(dialog.getByRole('alert')).toContainText(
    'Accept by name what guards this server less: Not probed (not_probed)',
  )
  await dialog.getByRole('checkbox', { name: 'Not probed' }).check()
  await confirm.click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByText('@acme/packaged@1.2.0')).toBeVisible()
  await expect(page.getByText('No credential is set')).toBeVisible()
})
