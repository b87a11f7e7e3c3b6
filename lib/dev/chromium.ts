import { existsSync } from 'node:fs'

const paths = [process.env['CHROMIUM_PATH'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** How journeys and benches start the Chromium of this machine; `CHROMIUM_PATH` names another. */
export const chromiumLaunch = {
  executablePath: paths.find((path) => path && existsSync(path)),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}
