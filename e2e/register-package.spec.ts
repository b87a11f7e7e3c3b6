import { expect, test } from '@playwright/test'
import { startNpmRegistry } from '#lib/dev/test/npm-registry.ts'
import { packagedServer, words } from '#lib/dev/test/packaged-server.ts'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

// The Wheelhouse under test fetches from here; nobody is there before a journey has a registry there.
const port = Number(new URL(process.env['WHEELHOUSE_NPM_REGISTRY'] ?? 'http://127.0.0.1:1').port)
const id = `packaged-${Date.now().toString(36)}`
const transport = { type: 'stdio' }
const file = {
  name: `io.github.acme/${id}`,
  title: 'Packaged words',
  description: 'Greets.',
  version: '1.2.0',
  packages: [
    {
      registryType: 'npm',
      identifier: '@acme/packaged',
      version: '1.2.0',
      transport,
      packageArguments: [{ type: 'named', name: '--tone', description: 'How it greets', isRequired: true }],
      environmentVariables: [
        { name: 'PACKAGED_TOKEN', description: 'From its settings', isRequired: true, isSecret: true },
      ],
    },
    { registryType: 'pypi', identifier: 'acme-packaged', version: '1.2.0', transport },
  ],
}

test('who may not register servers is told so and who may, and has nothing to fetch a package with', async ({
  page,
}) => {
  await signInAs(page, 'Builder')
  await page.goto('/servers/new')
  await expect(page.getByText(/^Your roles do not include this\. It comes with: .*Security/)).toBeVisible()
  await expect(page.getByLabel('The file’s text')).toHaveCount(0)
  await expectAccessible(page)
})

test('an npm package of a server.json is fetched once, tried without network and registered, and its page says which it is', async ({
  page,
}) => {
  await signInAs(page, 'Security')
  await page.goto('/servers/new')
  await page.getByLabel('The file’s text').fill(JSON.stringify(file))
  const ways = page.getByRole('list', { name: /^Ways to reach/ })
  await expect(ways).toContainText('Packages of pypi are not fetched here')
  const fetchIt = page.getByRole('button', { name: 'Fetch it and fill the form' })
  await fetchIt.click()
  await expect(ways).toContainText('Say what --tone is.')
  await expectAccessible(page)
  await page.getByLabel('--tone (required)').fill('kind')

  // Nobody is at the registry's address yet.
  await fetchIt.click()
  await expect(ways).toContainText(`The registry at 127.0.0.1:${port} cannot be reached`, { timeout: 60_000 })
  await expectAccessible(page)

  const answering = Promise.withResolvers<void>()
  const registry = await startNpmRegistry([words('1.0.0', 'Hello'), packagedServer('1.2.0')], {
    port,
    answering: answering.promise,
  })
  try {
    await fetchIt.click()
    await expect(ways.getByRole('status')).toHaveText('Looking for what it depends on.', { timeout: 60_000 })
    await expect(fetchIt).toBeDisabled()
    // Left and asked for again, it is the same fetch.
    await page.goto('/servers/new')
    await page.getByLabel('The file’s text').fill(JSON.stringify(file))
    await page.getByLabel('--tone (required)').fill('kind')
    await fetchIt.click()
    await expect(ways.getByRole('status')).toHaveText('Looking for what it depends on.', { timeout: 60_000 })
    answering.resolve()
    const program = page.getByLabel('Program (required)')
    await expect(program).toHaveValue('packaged', { timeout: 60_000 })
    await expect(ways.getByRole('status')).toHaveText('It is fetched, and the form is filled with it.')
  } finally {
    answering.resolve()
    await registry.close()
  }
  await expect(page.getByText('Install scripts of @acme/packaged, packaged-words.')).toBeVisible()
  await expect(page.getByLabel('Arguments')).toHaveValue('--tone=kind')
  await expectAccessible(page)
  await page.getByRole('button', { name: 'Register' }).click()
  await expect(page.getByText('It cannot do without.')).toBeVisible()
  await page.getByLabel('PACKAGED_TOKEN (required)').fill('a token')
  await page.getByLabel('Id (required)').fill(id)

  await page.getByRole('button', { name: 'Probe' }).click()
  await expect(page.getByRole('list', { name: 'Tools it offers' })).toContainText('greet', { timeout: 60_000 })
  await expect(page.getByRole('checkbox', { name: 'Not probed' })).toHaveCount(0)
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, '/servers/new')
  await page.getByRole('button', { name: 'Register' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Packaged words' })).toBeVisible()
  await expect(page.getByText('@acme/packaged@1.2.0')).toBeVisible()
  await expect(page.getByText(/^sha512-/)).toBeVisible()
  await expect(async () => {
    await page.reload()
    await expect(page.getByRole('link', { name: 'greet', exact: true })).toBeVisible({ timeout: 2000 })
  }).toPass({ timeout: 60_000 })
  await expectAccessible(page)
  await expectNoSidewaysScroll(page, `/servers/${id}`)
  const api = await adminApi()
  await api.patch(`/api/v1/servers/${id}`, { data: { status: 'disabled', reason: 'The journey ends.' } })
  await api.dispose()
})
