/** As much of a browser as signing in needs: cookies by host, and redirects followed one by one. */
export class TestBrowser {
  private readonly jars = new Map<string, Map<string, string>>()

  async fetch(
    url: string,
    init: { method?: string; form?: Record<string, string>; headers?: Record<string, string> } = {},
  ) {
    const { host } = new URL(url)
    const jar = this.jars.get(host) ?? new Map<string, string>()
    this.jars.set(host, jar)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url, {
      method: init.method ?? (init.form ? 'POST' : 'GET'),
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie ? { cookie } : {}) },
      ...(init.form ? { body: new URLSearchParams(init.form) } : {}),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (!name) continue
      if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name)
      else jar.set(name, value ?? '')
    }
    return response
  }

  cookie(url: string, name: string): string | undefined {
    return this.jars.get(new URL(url).host)?.get(name)
  }

  forget(url: string): void {
    this.jars.delete(new URL(url).host)
  }

  /** Follows redirects from a response until one leads to where `stop` says, or none is left; answers the last address. */
  async follow(
    from: { url: string; response: Response },
    stop: (url: string) => boolean = () => false,
  ): Promise<{ url: string; response: Response }> {
    let { url, response } = from
    for (let step = 0; step < 15; step += 1) {
      const location = response.headers.get('location')
      if (!location) break
      url = new URL(location, url).href
      if (stop(url)) break
      response = await this.fetch(url)
    }
    return { url, response }
  }
}
