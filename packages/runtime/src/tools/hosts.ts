import { SignalboxError } from '../base/errors.ts'

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9.-]*[a-z0-9])?):([0-9]{1,5})$/

/** Reads a host list. Each entry is exactly `host:port`: no scheme, no path, no pattern. Throws CONFIG_INVALID. */
export function readHosts(hosts: readonly string[]): readonly string[] {
  return hosts.map((entry) => {
    const host = entry.toLowerCase()
    const port = Number(HOST.exec(host)?.[3])
    if (!(port >= 1 && port <= 65_535))
      throw new SignalboxError('CONFIG_INVALID', `host \`${entry}\` must be of the form host:port`)
    return host
  })
}

/** `host:port` of a URL, the scheme's own port filled in; null when the scheme is not http or https. */
export function hostOf(url: URL): string | null {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return null
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  return `${url.hostname}:${port}`
}
