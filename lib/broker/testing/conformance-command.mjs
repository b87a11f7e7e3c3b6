// What the official conformance suite starts as the client: it hands the scenario to the test that waits for it and ends as that says.
const { CONFORMANCE_DRIVER = '', MCP_CONFORMANCE_SCENARIO = '', MCP_CONFORMANCE_CONTEXT = '{}' } = process.env
const response = await fetch(CONFORMANCE_DRIVER, {
  method: 'POST',
  body: JSON.stringify({
    url: process.argv.at(-1),
    scenario: MCP_CONFORMANCE_SCENARIO,
    context: JSON.parse(MCP_CONFORMANCE_CONTEXT),
  }),
})
process.stdout.write(await response.text())
process.exitCode = response.ok ? 0 : 1
